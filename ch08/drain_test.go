package ch08_test

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"network-programming-with-go/ch08"
)

// drainCount serves in memory and counts what the client takes from its connections.
type drainCount struct {
	http.Client
	conns            chan net.Conn
	dials, opened    atomic.Int64 // by the client's dials, by the server's ConnState
	read             atomic.Int64 // bytes, headers included
	reused, notReuse atomic.Int64 // by httptrace
}

func (c *drainCount) Accept() (net.Conn, error) {
	if conn, ok := <-c.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (c *drainCount) Close() error   { close(c.conns); return nil } // once, by Shutdown
func (c *drainCount) Addr() net.Addr { return &net.TCPAddr{} }

type drainConn struct {
	net.Conn
	read *atomic.Int64
}

func (c drainConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

func drainServe(t testing.TB, h http.HandlerFunc) *drainCount {
	c := &drainCount{conns: make(chan net.Conn)}
	srv := &http.Server{Handler: h, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			c.opened.Add(1)
		}
	}}
	tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		c.dials.Add(1)
		local, remote := net.Pipe() // no buffer: what is not read is not even sent
		c.conns <- remote
		return drainConn{local, &c.read}, nil
	}}
	c.Transport = tr
	served := make(chan error, 1)
	go func() { served <- srv.Serve(c) }()
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		srv.Shutdown(context.Background()) // waits for handlers; in memory it cannot fail
		<-served
	})
	return c
}

// drainGet returns an answer with its body unread.
func drainGet(t testing.TB, c *drainCount) *http.Response {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if i.Reused {
				c.reused.Add(1)
			} else {
				c.notReuse.Add(1)
			}
		},
	})
	req, err := http.NewRequestWithContext(ctx, "GET", "http://peer.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// drainBody answers with size bytes, announced by Content-Length or chunked.
func drainBody(size int, announced bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if announced {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		} else {
			http.NewResponseController(w).Flush() // the header goes out without a length
		}
		io.Copy(w, io.LimitReader(drainZeros{}, int64(size))) // fails if the client left
	}
}

type drainZeros struct{}

func (drainZeros) Read(p []byte) (int, error) { return len(p), nil }

// drainOnClose says whether this Go release drains when a body is closed, as it does
// from 1.27 on. A development version counts as the newest release.
func drainOnClose() bool {
	release, _, _ := strings.Cut(runtime.Version(), " ") // "go1.26.8 X:experiment"
	return !version.IsValid(release) || version.Compare(version.Lang(release), "go1.27") >= 0
}

// What closing an unread body does: bytes taken from the connection, header included,
// until everything is quiet, and connections made by two requests one after the other.
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
		synctest.Test(t, func(t *testing.T) {
			c := drainServe(t, drainBody(tt.size, tt.announced))
			drainGet(t, c).Body.Close()
			synctest.Wait() // Go 1.27 drains after Close has returned
			read := c.read.Load()
			drainGet(t, c).Body.Close()
			synctest.Wait()

			reused := tt.size == 0 || drainOnClose() && tt.drained
			wantConns, wantRead := int64(2), int64(8*kib) // at most: buffers of 4 KiB
			if reused {
				wantConns, wantRead = 1, int64(tt.size+32*kib) // header and chunk sizes
			} else if drainOnClose() && !tt.announced {
				wantRead = 288 * kib // it tries, and gives up above 256 KiB
			}
			if read > wantRead || reused && read < int64(tt.size) {
				t.Errorf("body of %d bytes: %d bytes read, want at most %d", tt.size, read, wantRead)
			}
			if c.dials.Load() != wantConns || c.opened.Load() != wantConns ||
				c.notReuse.Load() != wantConns {
				t.Errorf("body of %d bytes: connections dialed %d, accepted %d, not reused %d, want %d",
					tt.size, c.dials.Load(), c.opened.Load(), c.notReuse.Load(), wantConns)
			}
			t.Logf("%12d %-9t %12d %12d", tt.size, tt.announced, read, c.dials.Load())
		})
	}
}

// Go 1.27 goes by the announced size of the whole body: of one above 256 KiB it does
// not drain even the last byte. Reading that byte is enough on every release.
func TestDrainLastByte(t *testing.T) {
	t.Parallel()
	const size = 1 << 20 // 1 MiB
	for left, want := range map[int64]int64{1: 2, 0: 1} {
		synctest.Test(t, func(t *testing.T) {
			c := drainServe(t, drainBody(size, true))
			for range 2 {
				resp := drainGet(t, c)
				io.CopyN(io.Discard, resp.Body, size-left) // a failure shows in the count
				resp.Body.Close()
				synctest.Wait()
			}
			if got := c.dials.Load(); got != want {
				t.Errorf("%d bytes left unread: %d connections, want %d", left, got, want)
			}
		})
	}
}

// The plainest way to drain: io.Copy to io.Discard, if the size is known to be bounded.
func TestDrainByCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := drainServe(t, drainBody(1<<20, true))
		for range 3 {
			resp := drainGet(t, c)
			if n, err := io.Copy(io.Discard, resp.Body); n != 1<<20 || err != nil {
				t.Errorf("io.Copy = %d, %v, want 1 MiB", n, err)
			}
			resp.Body.Close()
		}
		if got := c.dials.Load(); got != 1 || c.reused.Load() != 2 {
			t.Errorf("%d connections, %d requests reuse one, want 1, 2", got, c.reused.Load())
		}
	})
}

// A body that is neither read to its end nor closed holds its connection for ever.
func TestDrainNeverClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := drainServe(t, drainBody(64<<10, true))
		var held []*http.Response
		for range 5 {
			held = append(held, drainGet(t, c))
		}
		synctest.Wait()
		c.CloseIdleConnections() // finds none: all five are in use
		if got := c.dials.Load(); got != 5 || c.reused.Load() != 0 {
			t.Errorf("%d connections for 5 requests, want 5", got)
		}
		for i, resp := range held { // held still: the body is there to be read
			if n, err := io.Copy(io.Discard, resp.Body); n != 64<<10 || err != nil {
				t.Errorf("body %d = %d bytes, %v, want 64 KiB", i, n, err)
			}
			resp.Body.Close()
		}
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	const size = 300 << 10 // 300 KiB: more than any release drains on its own
	for _, tt := range []struct {
		limit, n, conns int64
		err             error
	}{
		{1 << 20, size, 1, nil},
		{size, size, 1, nil},
		{size - 2, size - 1, 2, ch08.ErrTooLarge},
		{1000, 1001, 2, ch08.ErrTooLarge},
		{0, 1, 2, ch08.ErrTooLarge},
		{-1, 1, 2, ch08.ErrTooLarge},
	} {
		for _, announced := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				c := drainServe(t, drainBody(size, announced))
				for range 2 {
					n, err := ch08.Drain(drainGet(t, c).Body, tt.limit)
					if n != tt.n || !errors.Is(err, tt.err) {
						t.Errorf("Drain(300 KiB, %d) = %d, %v, want %d, %v", tt.limit, n, err, tt.n, tt.err)
					}
					synctest.Wait()
				}
				// Of a chunked body 1.27 drains the rest after Drain gave up; more than
				// 256 KiB are left only if the limit was low.
				want := tt.conns
				if !announced && drainOnClose() && tt.limit == size-2 {
					want = 1
				}
				if got := c.dials.Load(); got != want {
					t.Errorf("Drain(300 KiB, %d), announced %t: %d connections, want %d",
						tt.limit, announced, got, want)
				}
			})
		}
	}
}

type drainCloser struct {
	io.Reader
	closed bool
}

func (c *drainCloser) Close() error { c.closed = true; return nil }

func TestDrainClosesInEveryCase(t *testing.T) {
	cut := errors.New("cut")
	for name, tt := range map[string]struct {
		r    io.Reader
		n    int64
		want error
	}{
		"empty":        {strings.NewReader(""), 0, nil},
		"in bytes":     {iotest.OneByteReader(strings.NewReader("1234")), 4, nil},
		"with EOF":     {iotest.DataErrReader(strings.NewReader("1234")), 4, nil},
		"too long":     {strings.NewReader("12345"), 5, ch08.ErrTooLarge},
		"broken":       {io.MultiReader(strings.NewReader("12"), iotest.ErrReader(cut)), 2, cut},
		"broken after": {io.MultiReader(strings.NewReader("1234"), iotest.ErrReader(cut)), 4, cut},
	} {
		body := &drainCloser{Reader: tt.r}
		n, err := ch08.Drain(body, 4)
		if n != tt.n || !errors.Is(err, tt.want) || !body.closed {
			t.Errorf("%s: Drain = %d, %v, closed %t, want %d, %v, true",
				name, n, err, body.closed, tt.n, tt.want)
		}
	}
	if n, err := ch08.Drain(nil, 4); n != 0 || err != nil {
		t.Errorf("Drain(nil) = %d, %v, want 0, nil", n, err)
	}
}
