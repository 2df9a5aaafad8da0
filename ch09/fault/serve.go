package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Copy with: connections.go, dns.go, main.go, resources.go, sockets_linux.go,
// sockets_other.go.

// serve answers HTTP and logs, to stderr and to DIR/serve.log. It asks itself for /
// four times a second, unlogged, so that strace and tcpdump have something to show.
func serve(ctx context.Context, f *fault) (err error) {
	dir, remove, err := f.tempDir(1)
	if err != nil {
		return err
	}
	defer remove()
	file, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		return err
	}
	defer file.Close()
	bounded := &atMost{w: io.MultiWriter(file, f.stderr), left: mib}
	log := slog.New(slog.NewTextHandler(bounded, nil))
	l, err := f.listenLoopback(ctx)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           serveMux(ctx, log),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // runs before Wait: ends askSelf
	failed := make(chan error, 1)
	wg.Go(func() { failed <- srv.Serve(l) })
	wg.Go(func() { askSelf(ctx, "http://"+l.Addr().String()+"/") })
	f.ready("an HTTP server: /, /missing, /error, and /slow, which answers after 30 s",
		[]string{`curl -sS -i http://127.0.0.1:"$PORT"/missing`,
			`strace -f -c -p "$PID"`, `tcpdump -ni any -c 4 tcp port "$PORT"`},
		"PORT", portOf(l.Addr()), "DIR", dir)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// The caller's context is over; what is in flight gets a time of its own, longer than
	// the 5 s for which a silent connection counts as such.
	stop, stopped := context.WithTimeout(context.Background(), 8*time.Second)
	defer stopped()
	if err := srv.Shutdown(stop); err != nil {
		f.say("serve: a request in flight is cut off: %v", err)
		return srv.Close()
	}
	return nil
}

// atMost passes on what fits into left bytes and swallows the rest: a client in a loop
// must not fill the disk with its log.
type atMost struct {
	w    io.Writer
	left int
}

// Write is not safe for concurrent use; slog's handlers call it one at a time.
func (a *atMost) Write(p []byte) (int, error) {
	if a.left -= len(p); a.left < 0 {
		a.left = 0
		return len(p), nil
	}
	return a.w.Write(p)
}

const selfAgent = "fault"

func serveMux(ctx context.Context, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		switch r.URL.Path {
		case "/":
		case "/slow":
			select {
			case <-r.Context().Done(): // the client gave up
				status = 499 // as nginx logs it
			case <-ctx.Done():
			case <-time.After(30 * time.Second):
			}
		case "/error":
			status = http.StatusInternalServerError
		default:
			status = http.StatusNotFound
		}
		if status != 499 {
			w.WriteHeader(status)
			fmt.Fprintln(w, http.StatusText(status)) // error: the client is gone
		}
		if r.UserAgent() != selfAgent {
			log.Info("request", "method", r.Method, "path", r.URL.Path, "status", status)
		}
	})
	return mux
}

// askSelf requests url four times a second until ctx ends.
func askSelf(ctx context.Context, url string) {
	transport := &http.Transport{DisableKeepAlives: true} // each request its handshake
	client := &http.Client{Transport: transport, Timeout: time.Second}
	for wait(ctx, 250*time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return
		}
		req.Header.Set("User-Agent", selfAgent)
		resp, err := client.Do(req)
		if err != nil {
			continue // traffic is all that matters; the next one comes
		}
		io.Copy(io.Discard, resp.Body) // error: as above
		resp.Body.Close()
	}
}
