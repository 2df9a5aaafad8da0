package ch08_test

import (
	"fmt"
	"go/version"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// drainCloseBody responds with size bytes, announced by Content-Length or chunked.
func drainCloseBody(size int, announced bool) http.HandlerFunc {
	zeros := make([]byte, 32<<10)
	return func(w http.ResponseWriter, r *http.Request) {
		if announced {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		} else {
			http.NewResponseController(w).Flush() // the header is sent without a length
		}
		for left := size; left > 0; left -= len(zeros) {
			if _, err := w.Write(zeros[:min(left, len(zeros))]); err != nil {
				return // the client has left
			}
		}
	}
}

func drainCloseGet(t testing.TB, client *http.Client, url string) *http.Response {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// drainOnClose reports whether this Go release drains when a body is closed, as it does
// from 1.27 on. A development version counts as the newest release.
func drainOnClose() bool {
	release, _, _ := strings.Cut(runtime.Version(), " ") // "go1.26.8 X:experiment"
	return !version.IsValid(release) || version.Compare(version.Lang(release), "go1.27") >= 0
}

// What closing an unread body does: bytes taken from the connection, header included,
// until everything is quiet, and connections made by two requests in a row.
func TestDrainByClose(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	t.Logf("%s drains on Close: %t", runtime.Version(), drainOnClose())
	t.Logf("%12s %-9s %12s %12s", "body", "announced", "bytes read", "connections")
	for _, tt := range []struct {
		size      int
		announced bool
		drained   bool // by Go 1.27
	}{
		{0, true, true},
		{1, true, true},
		{2 * kib, true, true},
		{64 * kib, true, true},
		{256 * kib, true, true},
		{256*kib + 1, true, false},
		{64 << 20, true, false}, // 64 MiB
		{1, false, true},
		{64 * kib, false, true},
		{256 * kib, false, true},
		{256*kib + 1, false, false},
		{64 << 20, false, false},
	} {
		t.Run(fmt.Sprintf("%d bytes, announced %t", tt.size, tt.announced), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := pipe.Serve(t, drainCloseBody(tt.size, tt.announced))
				client, _ := server.Client(t)
				drainCloseGet(t, client, "http://peer.example/").Body.Close()
				synctest.Wait() // Go 1.27 drains after Close has returned
				read := server.Read.Load()
				drainCloseGet(t, client, "http://peer.example/").Body.Close()
				synctest.Wait()

				reused := tt.size == 0 || drainOnClose() && tt.drained
				wantConns, wantRead := int64(2), int64(8*kib) // at most: buffers of 4 KiB
				if reused {
					wantConns, wantRead = 1, int64(tt.size+32*kib) // header and chunk sizes
				} else if drainOnClose() && !tt.announced {
					wantRead = 288 * kib // it tries, and stops above 256 KiB
				}
				if read > wantRead || reused && read < int64(tt.size) {
					t.Errorf("%d bytes read, want at most %d", read, wantRead)
				}
				if got := server.Made.Load(); got != wantConns {
					t.Errorf("%d connections, want %d", got, wantConns)
				}
				t.Logf("%12d %-9t %12d %12d", tt.size, tt.announced, read, server.Made.Load())
			})
		})
	}
}

// Go 1.27 goes by the announced size of the whole body: above 256 KiB it does not drain
// even the last byte. Reading that byte is enough on every release.
func TestDrainLastByte(t *testing.T) {
	t.Parallel()
	const size = 1 << 20 // 1 MiB
	for left, want := range map[int64]int64{1: 2, 0: 1} {
		synctest.Test(t, func(t *testing.T) {
			server := pipe.Serve(t, drainCloseBody(size, true))
			client, _ := server.Client(t)
			for range 2 {
				resp := drainCloseGet(t, client, "http://peer.example/")
				io.CopyN(io.Discard, resp.Body, size-left) // a failure shows in the count
				resp.Body.Close()
				synctest.Wait()
			}
			if got := server.Made.Load(); got != want {
				t.Errorf("%d bytes left unread: %d connections, want %d", left, got, want)
			}
		})
	}
}

// 64 KiB left unread: draining them costs less than the connection that Close loses in Go
// 1.26. SetBytes counts the body, though it is not wanted.
func BenchmarkDrain(b *testing.B) {
	ts := httptest.NewServer(drainCloseBody(64<<10, true))
	defer ts.Close()
	for _, bb := range []struct {
		name string
		done func(io.ReadCloser) error
	}{
		{"close", func(body io.ReadCloser) error { return body.Close() }},
		{"drain", func(body io.ReadCloser) error { _, err := ch08.Drain(body, 1<<20); return err }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(64 << 10)
			b.ReportAllocs()
			for b.Loop() {
				if err := bb.done(drainCloseGet(b, ts.Client(), ts.URL).Body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
