package ch09_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

func TestRunSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 1000
		l := memory.Listen()
		srv := ch09.NewServer("", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ran := make(chan error, 1)
		go func() { ran <- ch09.Run(ctx, srv, l) }()

		start := time.Now()
		var wg sync.WaitGroup
		for range clients {
			conn := l.Dial(t)
			wg.Go(func() {
				for _, b := range []byte("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") {
					if _, err := conn.Write([]byte{b}); err != nil {
						break // closed by the server
					}
					time.Sleep(2 * time.Second)
				}
				conn.Close()
			})
			wg.Go(func() {
				io.Copy(io.Discard, conn) // ends when either side closes
				if got := time.Since(start); got != ch09.ReadHeaderTimeout {
					t.Errorf("slow client held its connection for %v, want %v",
						got, ch09.ReadHeaderTimeout)
				}
			})
		}
		tr := &http.Transport{DialContext: l.DialContext}
		served := 0
		for time.Since(start) < ch09.ReadHeaderTimeout {
			before := time.Now()
			resp, err := (&http.Client{Transport: tr}).Get("http://a.test/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if took := time.Since(before); took != 0 {
				t.Errorf("normal request took %v among slow clients, want 0s", took)
			}
			served++
			time.Sleep(500 * time.Millisecond)
		}
		wg.Wait()
		t.Logf("%d slow clients each lost their connection after %v; %d normal requests went on",
			clients, ch09.ReadHeaderTimeout, served)
		tr.CloseIdleConnections()
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}
