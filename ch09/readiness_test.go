package ch09_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

// The check fails first. New connections are still served until Delay is over.
func TestReadiness(t *testing.T) {
	for _, delay := range []time.Duration{0, 10 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ready := &ch09.Readiness{Delay: delay}
				mux := http.NewServeMux()
				mux.Handle("/readyz", ready)
				l := memory.Listen()
				ctx, cancel := context.WithCancel(t.Context())
				ran := make(chan error, 1)
				go func() { ran <- ch09.Run(ready.Context(ctx), ch09.NewServer("", mux), l) }()
				tr := &http.Transport{DialContext: l.DialContext, DisableKeepAlives: true}
				status := func() int {
					resp, err := (&http.Client{Transport: tr}).Get("http://a.test/readyz")
					if err != nil {
						return 0
					}
					defer resp.Body.Close()
					io.Copy(io.Discard, resp.Body) // error: shows in the next request
					if got := resp.Header.Get("Cache-Control"); got != "no-store" {
						t.Errorf("Cache-Control = %q, want no-store", got)
					}
					return resp.StatusCode
				}
				if got := status(); got != 200 {
					t.Errorf("before the end of ctx: %d, want 200", got)
				}
				start := time.Now()
				cancel()
				synctest.Wait()
				for ; time.Since(start) < delay; time.Sleep(time.Second) {
					if got := status(); got != 503 {
						t.Errorf("%v after the end of ctx: %d, want 503", time.Since(start), got)
					}
				}
				if err := <-ran; err != nil {
					t.Errorf("Run = %v, want nil", err)
				}
				got := time.Since(start)
				t.Logf("Delay %v: Run returned after %v", delay, got)
				if got < delay || got > delay+time.Second {
					t.Errorf("Run returned after %v, want %v", got, delay)
				}
				if got := status(); got != 0 {
					t.Errorf("after Run: %d, want no connection", got)
				}
			})
		})
	}
}

func ExampleReadiness() {
	var ready ch09.Readiness
	ctx, stop := context.WithCancel(context.Background())
	later := ready.Context(ctx) // for Run
	check := func() {
		rec := httptest.NewRecorder()
		ready.ServeHTTP(rec, httptest.NewRequest("GET", "/readyz", nil))
		fmt.Print(rec.Code, " ", rec.Body)
	}
	check()
	stop()
	<-later.Done()
	check()
	// Output:
	// 200 ok
	// 503 stopping
}
