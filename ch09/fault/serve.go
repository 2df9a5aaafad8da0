package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Copy with: connections.go, dns.go, dns_message.go, files.go, main.go, options.go,
// resources.go, sockets_linux.go, sockets_other.go.

// serve is an HTTP server that logs to DIR/serve.log. It requests /?self from itself four
// times a second, so that strace and tcpdump have something to show; those requests are
// not logged.
func serve(ctx context.Context, f *fault) error {
	file, err := os.Create(filepath.Join(f.dir, "serve.log"))
	if err != nil {
		return err
	}
	defer file.Close() // error: the log is removed next
	log := slog.New(slog.NewTextHandler(&atMost{w: file, left: mib}, nil))
	srv := &http.Server{
		Handler:           serveHandler(ctx, log),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	f.wg.Go(func() { failed <- srv.Serve(f.listener) })
	f.wg.Go(func() { requestSelf(ctx, "http://"+f.addr+"/?self") })
	err = f.ready("an HTTP server: /, /missing, /error, and /slow, which takes 30 s",
		[]string{`curl -sS -i http://127.0.0.1:"$PORT"/missing`, `tail -n 3 "$DIR/serve.log"`,
			`strace -f -c -p "$PID"`, `tcpdump -ni any -c 4 tcp port "$PORT"`},
		"PORT", f.port, "DIR", f.dir)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done(): // also if ready failed
	}
	// ctx is over, so what is in flight gets a time of its own. Shutdown waits 5 s for
	// a new connection that stays silent; 8 s is longer.
	stop, stopped := context.WithTimeout(context.Background(), 8*time.Second)
	defer stopped()
	if err := srv.Shutdown(stop); err != nil {
		f.say("serve: a request in flight is cut off: %v", err)
		srv.Close() // error: the process ends
	}
	return err
}

// atMost passes on what fits into left bytes and discards the rest, so that a client in a
// loop does not fill the disk with log lines. slog's handlers call Write one at a time.
type atMost struct {
	w    io.Writer
	left int
}

func (a *atMost) Write(p []byte) (int, error) {
	if a.left -= len(p); a.left < 0 {
		a.left = 0
		return len(p), nil
	}
	return a.w.Write(p)
}

const (
	clientClosed = 499     // as nginx logs a client that left
	maxLogged    = 1 << 10 // bytes logged of a method or a path
)

func serveHandler(ctx context.Context, log *slog.Logger) http.Handler {
	statuses := map[string]int{"/": 200, "/slow": 200, "/error": 500}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := statuses[r.URL.Path]
		if status == 0 {
			status = http.StatusNotFound
		}
		sent := status
		if r.URL.Path == "/slow" {
			select {
			case <-r.Context().Done(): // a half-closed client still reads a response
				status, sent = clientClosed, http.StatusServiceUnavailable
			case <-ctx.Done():
			case <-time.After(30 * time.Second):
			}
		}
		w.WriteHeader(sent)
		fmt.Fprintln(w, http.StatusText(sent)) // error: the client is gone
		if r.URL.RawQuery != "self" {
			log.Info("request", "method", cut(r.Method), "path", cut(r.URL.Path), "status", status)
		}
	})
}

// cut returns s, or its first maxLogged bytes and a mark.
func cut(s string) string {
	if len(s) > maxLogged {
		return s[:maxLogged] + "...(cut)"
	}
	return s
}

// requestSelf requests url four times a second until ctx ends.
func requestSelf(ctx context.Context, url string) {
	transport := &http.Transport{DisableKeepAlives: true} // one handshake per request
	client := &http.Client{Transport: transport, Timeout: time.Second}
	for wait(ctx, 250*time.Millisecond) {
		if resp, err := client.Get(url); err == nil { // only the traffic matters
			resp.Body.Close()
		}
	}
}
