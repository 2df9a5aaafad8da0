package ch08_test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08/internal/pipe"
)

// reuseGet reads the whole body and closes it, as every request should.
func reuseGet(t testing.TB, rt http.RoundTripper, url string, closeConn bool) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return
	}
	req.Close = closeConn
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
}

// How many connections ten requests make, and how many of them stay open.
func TestReuseConnections(t *testing.T) {
	t.Parallel()
	const n = 10
	t.Logf("%-42s %5s %5s", "ten requests", "made", "kept")
	for _, tt := range []struct {
		name       string
		set        func(*http.Transport)          // before the first request
		after      func(i int, _ *http.Transport) // after request i of 0 to 9
		closed     func(i int) bool               // sets Request.Close
		path       string
		atOnce     bool
		made, kept int64
	}{
		{name: "in a row", made: 1, kept: 1},
		{name: "Request.Close", closed: func(int) bool { return true }, made: n, kept: 0},
		{name: "Request.Close on the fifth only", closed: func(i int) bool { return i == 4 }, made: 2, kept: 1},
		{name: "DisableKeepAlives", set: func(tr *http.Transport) { tr.DisableKeepAlives = true },
			made: n, kept: 0},
		{name: "the server sends Connection: close", path: "close", made: n, kept: 0},
		{name: "CloseIdleConnections after the fifth", after: func(i int, tr *http.Transport) {
			if i == 4 {
				tr.CloseIdleConnections()
			}
		}, made: 2, kept: 1},
		{name: "CloseIdleConnections after the last", after: func(i int, tr *http.Transport) {
			if i == n-1 {
				tr.CloseIdleConnections()
			}
		}, made: 1, kept: 0},
		{name: "IdleConnTimeout shorter than the pauses",
			set:   func(tr *http.Transport) { tr.IdleConnTimeout = 30 * time.Second },
			after: func(int, *http.Transport) { time.Sleep(40 * time.Second) }, made: n, kept: 0},
		{name: "IdleConnTimeout longer than the pauses",
			set:   func(tr *http.Transport) { tr.IdleConnTimeout = 30 * time.Second },
			after: func(int, *http.Transport) { time.Sleep(20 * time.Second) }, made: 1, kept: 1},
		{name: "at once", atOnce: true, made: n, kept: 2}, // http.DefaultMaxIdleConnsPerHost
		{name: "at once, MaxIdleConnsPerHost 5", atOnce: true,
			set: func(tr *http.Transport) { tr.MaxIdleConnsPerHost = 5 }, made: n, kept: 5},
		{name: "at once, MaxConnsPerHost 3", atOnce: true,
			set:  func(tr *http.Transport) { tr.MaxConnsPerHost, tr.MaxIdleConnsPerHost = 3, 3 },
			made: 3, kept: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := pipe.Serve(t, reuseHello)
				_, tr := server.Client(t)
				if tt.set != nil {
					tt.set(tr)
				}
				var wg sync.WaitGroup
				for i := range n {
					request := func() {
						reuseGet(t, tr, "http://peer.example/"+tt.path, tt.closed != nil && tt.closed(i))
					}
					if tt.atOnce {
						wg.Go(request)
						continue
					}
					if request(); tt.after != nil {
						tt.after(i, tr)
					}
				}
				wg.Wait()
				synctest.Wait()
				made, kept := server.Made.Load(), server.Open.Load()
				if made != tt.made || kept != tt.kept {
					t.Errorf("%d connections made, %d kept, want %d, %d", made, kept, tt.made, tt.kept)
				}
				t.Logf("%-42s %5d %5d", tt.name, made, kept)
			})
		})
	}
}

// reuseHello takes a second of the bubble's time, so that parallel requests overlap.
func reuseHello(w http.ResponseWriter, r *http.Request) {
	time.Sleep(time.Second)
	if r.URL.Path == "/close" {
		w.Header().Set("Connection", "close")
	}
	io.WriteString(w, "hello") // a failure shows at the client
}

// A Transport for each request does not reuse anything, and leaks its connection.
func TestReuseTransports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, reuseHello)
		for range 10 {
			tr := &http.Transport{DialContext: server.Dial}
			reuseGet(t, tr, "http://peer.example/", false)
			defer tr.CloseIdleConnections() // lets the bubble end
		}
		synctest.Wait()
		if made, kept := server.Made.Load(), server.Open.Load(); made != 10 || kept != 10 {
			t.Errorf("%d connections made, %d kept, want 10, 10", made, kept)
		}
	})
}

// MaxConnsPerHost makes requests wait and does not fail them: ten of a second each take
// four seconds over three connections.
func TestReuseMaxConnsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, reuseHello)
		_, tr := server.Client(t)
		tr.MaxConnsPerHost, tr.MaxIdleConnsPerHost = 3, 3
		start := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { reuseGet(t, tr, "http://peer.example/", false) })
		}
		wg.Wait()
		if got := time.Since(start); got != 4*time.Second {
			t.Errorf("ten requests over three connections took %v, want 4s", got)
		}
	})
}

// httptrace reports for each request whether its connection was used before.
func TestReuseTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, reuseHello).Client(t)
		var got []bool
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(i httptrace.GotConnInfo) { got = append(got, i.Reused) },
		})
		for i := range 4 {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://peer.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Close = i == 1 // the second is the last on its connection
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body) // after a failure it is not reused
			resp.Body.Close()
		}
		if want := []bool{false, true, false, true}; !slices.Equal(got, want) {
			t.Errorf("reused: %t, want %t", got, want)
		}
		t.Log("reused:", got)
	})
}
