package metrics_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"math"
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
		{480 * time.Microsecond, 1000, 0, ">490µs</text>", ">0%<"},
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
		rate := fmt.Sprintf(">%d</text>", tt.requests) // without a sample: as if in one second
		if !strings.Contains(svg, tt.p50) || !strings.Contains(svg, tt.want) || !strings.Contains(svg, rate) {
			t.Errorf("%v, %d errors: %s, want %s, %s and %s in it", tt.took, tt.errors, svg, tt.p50, tt.want, rate)
		}
	}
}

func TestShort(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "–"}, {1, "0s"}, {480 * time.Microsecond, "480µs"}, {999_999, "990µs"}, {1249 * time.Microsecond, "1.2ms"},
		{9900 * time.Microsecond, "9.9ms"}, {10 * time.Millisecond, "10ms"}, {480 * time.Millisecond, "480ms"},
		{time.Second, "1s"}, {3500 * time.Millisecond, "3.5s"}, {math.MaxInt64, "2555555h33m20s"},
	} {
		if got := metrics.Short(tt.d); got != tt.want {
			t.Errorf("Short(%v) = %s, want %s", tt.d, got, tt.want)
		}
	}
}

// From 100 on a rate has no decimals, below it two.
func TestPictureRate(t *testing.T) {
	for _, tt := range []struct {
		requests int // in two samples
		want     string
	}{{1, ">0.5<"}, {199, ">99.5<"}, {201, ">101<"}, {2001, ">1001<"}} {
		synctest.Test(t, func(t *testing.T) {
			p := &metrics.Picture{Metrics: new(metrics.Metrics), Conns: new(metrics.ConnStates)}
			ctx, stop := context.WithCancel(t.Context())
			go p.Sample(ctx)
			time.Sleep(1500 * time.Millisecond)
			for range tt.requests {
				p.Metrics.End("", "", 200, 0, 0)
			}
			if svg := p.SVG(); !strings.Contains(svg, tt.want) {
				t.Errorf("%d requests in 2 s: %.400s, want %s in it", tt.requests, svg, tt.want)
			}
			stop()
			synctest.Wait()
		})
	}
}

// The whole of a picture without a request, for what else is drawn.
func ExamplePicture() {
	p := &metrics.Picture{Metrics: new(metrics.Metrics), Conns: new(metrics.ConnStates)}
	fmt.Println(strings.ReplaceAll(p.SVG(), "><", ">\n<"))
	// Output:
	// <svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 360 186" role="img" font-family="system-ui, sans-serif" aria-label="Last minute: 0 requests, 0% errors, p50 –, p99 –, 0 in flight, 0 connections open">
	// <text class="value" x="36" y="22" text-anchor="middle" font-size="17.5" font-weight="600" fill="#4a7fd4">0</text>
	// <text class="label" x="36" y="41" text-anchor="middle" font-size="12.5" fill="#808890">requests/s</text>
	// <text class="value" x="108" y="22" text-anchor="middle" font-size="17.5" font-weight="600" fill="#4a7fd4">0%</text>
	// <text class="label" x="108" y="41" text-anchor="middle" font-size="12.5" fill="#808890">errors</text>
	// <text class="value" x="180" y="22" text-anchor="middle" font-size="17.5" font-weight="600" fill="#4a7fd4">–</text>
	// <text class="label" x="180" y="41" text-anchor="middle" font-size="12.5" fill="#808890">p50</text>
	// <text class="value" x="252" y="22" text-anchor="middle" font-size="17.5" font-weight="600" fill="#4a7fd4">–</text>
	// <text class="label" x="252" y="41" text-anchor="middle" font-size="12.5" fill="#808890">p99</text>
	// <text class="value" x="324" y="22" text-anchor="middle" font-size="17.5" font-weight="600" fill="#4a7fd4">0</text>
	// <text class="label" x="324" y="41" text-anchor="middle" font-size="12.5" fill="#808890">in flight</text>
	// <path class="grid" d="M0 68.5H360" stroke="#808890" stroke-opacity=".28"/>
	// <path class="grid" d="M0 114.5H360" stroke="#808890" stroke-opacity=".28"/>
	// <path class="grid" d="M0 160.5H360" stroke="#808890" stroke-opacity=".28"/>
	// <text class="label" x="2" y="64" font-size="11.5" fill="#808890">5/s</text>
	// <text class="label" x="2" y="179" font-size="12.5" fill="#808890">60 s ago</text>
	// <text class="label" x="358" y="179" text-anchor="end" font-size="12.5" fill="#808890">now</text>
	// </svg>
}
