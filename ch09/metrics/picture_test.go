package metrics_test

import (
	"context"
	"encoding/xml"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09/metrics"
)

func TestPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &metrics.Picture{Metrics: new(metrics.Metrics), Conns: new(metrics.ConnStates)}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() { p.Sample(ctx); close(stopped) }()
		synctest.Wait()
		end := func(status, n int) {
			for range n {
				p.Metrics.Begin("GET /x")
				p.Metrics.End("GET /x", "GET /x", status, 10, 20*time.Millisecond)
			}
		}
		time.Sleep(500 * time.Millisecond)
		end(200, 6)
		end(404, 3)
		end(500, 1)
		p.Metrics.Begin("GET /x") // stays in flight
		time.Sleep(time.Second)   // now it is in a sample
		svg := p.SVG()
		t.Logf("%s", svg)
		for _, want := range []string{
			`aria-label="Last minute: 10 requests, 10% errors, p50 20ms, p99 20ms, 1 in flight, 0 connections open"`,
			">5</text>", ">10%</text>", ">20ms</text>", ">1</text>", // 10 requests in 2 samples
			">10/s</text>", // the highest bar
			`<rect class="ok"`, `<rect class="client"`, `<rect class="server"`,
			`y="104.8" width="4.4" height="55.2"`, // 6 of 10, of 92
			`y="77.2" width="4.4" height="27.6"`,  // 3 of 10, on top of it
			`y="68.0" width="4.4" height="9.2"`,   // 1 of 10
		} {
			if !strings.Contains(svg, want) {
				t.Errorf("no %s in the picture", want)
			}
		}
		if n := strings.Count(svg, "<rect"); n != 3 {
			t.Errorf("%d bars, want 3 in one second", n)
		}
		// After a minute nothing of that is left but what is in flight.
		time.Sleep(time.Minute)
		if got := p.SVG(); !strings.Contains(got, "Last minute: 0 requests, 0% errors, p50 –, p99 –, 1 in flight") ||
			strings.Contains(got, "<rect") || !strings.Contains(got, ">5/s</text>") {
			t.Errorf("a minute later: %s", got)
		}
		stop()
		<-stopped
	})
}

func TestPictureIsXML(t *testing.T) {
	p := &metrics.Picture{Metrics: new(metrics.Metrics), Conns: new(metrics.ConnStates)}
	rec := httptest.NewRecorder()
	p.ServeHTTP(rec, httptest.NewRequest("GET", "/metrics.svg", nil))
	if got := rec.Header().Get("Content-Type"); got != "image/svg+xml" {
		t.Errorf("Content-Type = %q, want image/svg+xml", got)
	}
	for d := xml.NewDecoder(rec.Body); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// Numbers are for people: two digits of a duration, no exponents.
func TestPictureNumbers(t *testing.T) {
	for _, tt := range []struct {
		took             time.Duration
		requests, errors int
		p50              string
		want             string // share of errors
	}{
		{480 * time.Microsecond, 1000, 0, ">491µs</text>", ">0%<"},
		{time.Second, 1, 1, ">–</text>", ">100%<"},
		{0, 100_000, 1, ">1µs</text>", ">0.01%<"}, // not 0: there was one
		{1200 * time.Microsecond, 1000, 1, ">1.3ms</text>", ">0.1%<"},
		{20 * time.Millisecond, 1000, 333, "ms</text>", ">33.3%<"},
		{3 * time.Second, 1000, 999, ">3.", ">99.9%<"},
	} {
		p := &metrics.Picture{Metrics: new(metrics.Metrics), Conns: new(metrics.ConnStates)}
		for i := range tt.requests {
			status := 200
			if i < tt.errors {
				status = 500
			}
			p.Metrics.Begin("")
			p.Metrics.End("", "", status, 0, tt.took)
		}
		svg := p.SVG()
		if !strings.Contains(svg, tt.p50) || !strings.Contains(svg, tt.want) {
			t.Errorf("%v, %d errors: %s, want %s and %s in it", tt.took, tt.errors, svg, tt.p50, tt.want)
		}
	}
}
