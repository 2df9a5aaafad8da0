package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Copy with: connections.go, dns.go, main.go, options.go, resources.go, sockets_linux.go, sockets_other.go.

// serve is an HTTP server that logs to DIR/serve.log. It also requests /?self from itself,
// without logging that, so that strace and tcpdump have something to show.
func serve(ctx context.Context, f *fault) error {
	file, err := os.Create(filepath.Join(f.dir, "serve.log"))
	if err != nil {
		return err
	}
	defer file.Close() // error: the log is removed next
	log := slog.New(slog.NewTextHandler(&atMost{w: file, left: mib}, nil))
	srv := &http.Server{
		Handler:           serveHandler(ctx, log),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	f.wg.Go(func() { srv.Serve(f.listener) }) // error: Shutdown was called
	f.wg.Go(func() { requestSelf(ctx, "http://"+f.addr+"/?self") })
	err = f.hold(ctx, "an HTTP server: /, /missing, /error, and /slow, which takes 30 s",
		`curl -sS -i http://127.0.0.1:"$PORT"/missing`, `tail -n 3 "$DIR/serve.log"`,
		`strace -f -c -p "$PID"`, `tcpdump -ni any -c 4 tcp port "$PORT"`)
	// ctx is over. Shutdown waits 5 s for a new connection that stays silent: 8 s is longer.
	stop, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		f.log.Printf("serve: a request in flight is cut off: %v", err)
	}
	return err
}

// serveHandler responds to /slow after 30 s, or as soon as ctx ends or the client leaves.
func serveHandler(ctx context.Context, log *slog.Logger) http.Handler {
	statuses := map[string]int{"/": 200, "/slow": 200, "/error": 500}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := cmp.Or(statuses[r.URL.Path], http.StatusNotFound)
		sent := status
		if r.URL.Path == "/slow" && !wait(r.Context(), 30*time.Second) && ctx.Err() == nil {
			// The client has left. A half-closed one still reads a response.
			sent, status = http.StatusServiceUnavailable, 499 // 499 as in nginx's logs
		}
		w.WriteHeader(sent)
		fmt.Fprintln(w, http.StatusText(sent)) // error: the client is gone
		if r.URL.RawQuery != "self" {
			log.Info("request", "method", cut(r.Method), "path", cut(r.URL.Path), "status", status)
		}
	})
}

// cut returns s, or its first 1024 bytes and a mark.
func cut(s string) string {
	if len(s) > 1024 {
		return s[:1024] + "...(cut)"
	}
	return s
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

// requestSelf requests url four times a second until ctx ends.
func requestSelf(ctx context.Context, url string) {
	client := &http.Client{Timeout: time.Second}
	client.Transport = &http.Transport{DisableKeepAlives: true} // one handshake per request
	for wait(ctx, 250*time.Millisecond) {
		if resp, err := client.Get(url); err == nil { // only the traffic matters
			resp.Body.Close()
		}
	}
}
