package ch09_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"network-programming-with-go/ch09"
)

func TestStatusWriter(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
		bytes   int64
	}{
		{"nothing", func(http.ResponseWriter, *http.Request) {}, 200, 0},
		{"body alone", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "hello")
		}, 200, 5},
		{"empty write", func(w http.ResponseWriter, _ *http.Request) {
			w.Write(nil)
			w.WriteHeader(404) // too late
		}, 200, 0},
		{"error", http.NotFound, 404, 19},
		{"status twice", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			w.WriteHeader(500) // superfluous
		}, 404, 0},
		{"success, then another", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			w.WriteHeader(404) // superfluous
		}, 200, 0},
		{"early hints", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusCreated)
		}, 201, 0},
		{"early hints alone", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
		}, 200, 0},
		{"switching protocols", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusSwitchingProtocols)
		}, 101, 0},
		{"flush", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.WriteHeader(404) // too late
		}, 200, 0},
		{"copy", func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, iotest.OneByteReader(strings.NewReader("hello")))
		}, 200, 5},
		{"copy after a status", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			io.Copy(w, iotest.OneByteReader(strings.NewReader("hello")))
		}, 206, 5},
		{"copy before a status", func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, iotest.OneByteReader(strings.NewReader("hello")))
			w.WriteHeader(404) // too late
		}, 200, 5},
		{"copy of nothing before a status", func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, strings.NewReader(""))
			w.WriteHeader(404)
		}, 404, 0},
		{"flush after a status", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			w.(http.Flusher).Flush()
		}, 404, 0},
		{"copy that fails at once", func(w http.ResponseWriter, _ *http.Request) {
			if _, err := io.Copy(w, iotest.ErrReader(io.ErrClosedPipe)); err != nil {
				w.WriteHeader(502)
			}
		}, 502, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan *ch09.StatusWriter, 1)
			ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sw := ch09.NewStatusWriter(w)
				tt.handler(sw, r)
				seen <- sw
			}))
			ts.Config.ErrorLog = log.New(io.Discard, "", 0) // superfluous calls, on purpose
			ts.Start()
			defer ts.Close()
			conn, err := net.Dial("tcp", ts.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
			br := bufio.NewReader(conn)
			resp, err := http.ReadResponse(br, nil)
			for err == nil && resp.StatusCode == http.StatusEarlyHints {
				resp, err = http.ReadResponse(br, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			sw := <-seen
			t.Logf("noted %d and %d bytes, client got %d", sw.Status(), sw.Bytes(), resp.StatusCode)
			if sw.Status() != tt.status || sw.Bytes() != tt.bytes {
				t.Errorf("noted %d and %d bytes, want %d and %d", sw.Status(), sw.Bytes(), tt.status, tt.bytes)
			}
			if resp.StatusCode != tt.status {
				t.Errorf("client got %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}

// statusWriterConn counts what reaches the connection by ReadFrom, the way to sendfile.
// A wrapper without ReadFrom makes io.Copy move each byte of a file through the process.
func TestStatusWriterKeepsController(t *testing.T) {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		rc := http.NewResponseController(ch09.NewStatusWriter(ch09.NewStatusWriter(w)))
		for name, err := range map[string]error{
			"SetReadDeadline":  rc.SetReadDeadline(time.Now().Add(time.Hour)),
			"SetWriteDeadline": rc.SetWriteDeadline(time.Now().Add(time.Hour)),
			"EnableFullDuplex": rc.EnableFullDuplex(),
			"Flush":            rc.Flush(),
		} {
			if err != nil {
				t.Errorf("%s through two StatusWriters: %v", name, err)
			}
		}
		conn, _, err := rc.Hijack()
		if err != nil {
			t.Errorf("Hijack through two StatusWriters: %v", err)
			return
		}
		conn.Close()
	}))
	defer ts.Close()
	resp, err := ts.Client().Get(ts.URL)
	if err == nil {
		resp.Body.Close() // the header came by Flush
	}
	// A writer that cannot: the wrapper must not claim that it did.
	sw := ch09.NewStatusWriter(struct{ http.ResponseWriter }{httptest.NewRecorder()})
	rc := http.NewResponseController(sw)
	if err := rc.Flush(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Flush of a writer without Flush = %v, want http.ErrNotSupported", err)
	}
	sw.WriteHeader(404) // nothing was sent before
	if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Hijack of a writer without Hijack = %v, want http.ErrNotSupported", err)
	}
	if sw.Status() != 404 {
		t.Errorf("status %d after a Flush and a Hijack that failed, want 404", sw.Status())
	}
}

// What fails in the inner writer fails in the outer one.
func TestStatusWriterErrors(t *testing.T) {
	sw := ch09.NewStatusWriter(statusWriterBroken{httptest.NewRecorder()})
	if _, err := sw.Write([]byte("hello")); err != io.ErrClosedPipe {
		t.Errorf("Write error = %v, want io.ErrClosedPipe", err)
	}
	if _, err := sw.ReadFrom(strings.NewReader("hello")); err != io.ErrClosedPipe {
		t.Errorf("ReadFrom error = %v, want io.ErrClosedPipe", err)
	}
	if sw.Bytes() != 4 {
		t.Errorf("%d bytes noted, want the 4 that were written", sw.Bytes())
	}
}

// statusWriterBroken writes 2 bytes each time.
type statusWriterBroken struct{ http.ResponseWriter }

func (w statusWriterBroken) Write(p []byte) (int, error) { return 2, io.ErrClosedPipe }
