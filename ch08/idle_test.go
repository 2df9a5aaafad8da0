package ch08_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// idleDrip sends a byte after each pause, then ends or, with stall, falls silent.
func idleDrip(n int, pause time.Duration, stall bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for range n {
			time.Sleep(pause)
			io.WriteString(w, ".")                // a client that left shows
			http.NewResponseController(w).Flush() // in the context
		}
		if stall {
			<-r.Context().Done()
		}
	}
}

const idleLimit = 10 * time.Second

func TestGetIdleSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, idleDrip(400, idleLimit-1, false)).Client(t)
		start := time.Now()
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || len(b) != 400 {
			t.Errorf("ReadAll = %d bytes, %v, want 400, nil", len(b), err)
		}
		t.Logf("%d bytes in %v with a limit of %v", len(b), time.Since(start), idleLimit)
	})
}

func TestGetIdleTimesOut(t *testing.T) {
	for _, sent := range []int{0, 1, 3} { // 0: not even a header
		synctest.Test(t, func(t *testing.T) {
			client, _ := pipe.Serve(t, idleDrip(sent, time.Second, true)).Client(t)
			start, got := time.Now(), 0
			resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
			if err == nil {
				defer resp.Body.Close()
				var b []byte
				b, err = io.ReadAll(resp.Body)
				got = len(b)
			}
			want := time.Duration(sent)*time.Second + idleLimit
			if d := time.Since(start); d != want || got != sent {
				t.Errorf("timed out after %v and %d bytes, want %v and %d", d, got, want, sent)
			}
			netErr, ok := errors.AsType[net.Error](err)
			if !errors.Is(err, os.ErrDeadlineExceeded) || !ok || !netErr.Timeout() {
				t.Errorf("error = %v, want os.ErrDeadlineExceeded, a timeout", err)
			}
			t.Logf("after %v: %v", time.Since(start), err)
		})
	}
}

// A reader that is busy elsewhere for a minute after each byte does not time out.
func TestGetIdleSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, idleDrip(5, time.Second, false)).Client(t)
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for i := range 5 {
			time.Sleep(time.Minute)
			if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	})
}

// GetIdle avoids this trap: a context with a timeout limits the body too. When it ends the
// current read fails at once, though bytes keep coming.
func TestContextEndsBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, idleDrip(60, time.Second, false)).Client(t)
		ctx, cancel := context.WithTimeout(t.Context(), idleLimit+time.Second/2)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", "http://peer.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		d := time.Since(start)
		if !errors.Is(err, context.DeadlineExceeded) || d != idleLimit+time.Second/2 {
			t.Errorf("ReadAll error = %v after %v, want DeadlineExceeded at once", err, d)
		}
		t.Logf("%d of 60 bytes after %v: %v", len(b), time.Since(start), err)
	})
}

func ExampleGetIdle() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "may take hours, ") // a client that left
		http.NewResponseController(w).Flush() // is not an error here
		io.WriteString(w, "but not a minute of silence\n")
	}))
	defer ts.Close()
	resp, err := ch08.GetIdle(context.Background(), ts.Client(), ts.URL, time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		fmt.Println("the server fell silent")
	}
	// Output: may take hours, but not a minute of silence
}
