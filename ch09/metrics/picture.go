package metrics

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Copy with: conn_states.go, histogram.go, metrics.go.

// pictureSeconds is how far back the picture goes.
const pictureSeconds = 60

// Picture draws what a service measured in the last minute. It is the handler of its
// drawing. Set both fields before use; it is then safe for concurrent use.
type Picture struct {
	Metrics *Metrics
	Conns   *ConnStates

	mu      sync.Mutex
	samples []RouteMetrics // totals, one a second, the newest last; guarded by mu
}

// Sample takes a sample each second until ctx ends. Without it the picture has no bars.
func (p *Picture) Sample(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		total := p.Metrics.Total()
		p.mu.Lock()
		p.samples = append(p.samples, total)
		p.samples = p.samples[max(len(p.samples)-pictureSeconds-1, 0):]
		p.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ServeHTTP serves the drawing.
func (p *Picture) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, p.SVG()) // error: the client has gone away
}

// SVG draws the last minute: five numbers, and a bar for each second with its responses by
// outcome. The colors are attributes, which a style sheet overrides: a strict
// Content-Security-Policy allows no style in the document.
func (p *Picture) SVG() string {
	now := p.Metrics.Total()
	conns := p.Conns.Counts()
	p.mu.Lock()
	samples := p.samples // only ever appended to and resliced
	p.mu.Unlock()

	minute := now
	if len(samples) > 0 {
		minute.Sub(samples[0])
	}
	requests := minute.Requests()
	errors := 0.0
	if requests > 0 {
		errors = 100 * float64(minute.ServerError.Count()) / float64(requests)
	}
	rate := float64(requests) / float64(max(len(samples), 1))
	numbers := [...]struct{ value, label string }{
		{decimal(rate), "requests/s"},
		{decimal(errors) + "%", "errors"},
		{Short(minute.OK.Quantile(0.5)), "p50"},
		{Short(minute.OK.Quantile(0.99)), "p99"},
		{fmt.Sprint(now.InFlight), "in flight"},
	}

	const width, height, top, bottom = 360, 186, 68, 160
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 %d %d" `+
		`role="img" font-family="system-ui, sans-serif" aria-label="Last minute: %d requests, %s errors, `+
		`p50 %s, p99 %s, %d in flight, %d connections open">`, width, height, requests, numbers[1].value,
		numbers[2].value, numbers[3].value, now.InFlight, conns.New+conns.Active+conns.Idle)
	for i, n := range numbers {
		x := i*width/len(numbers) + width/len(numbers)/2
		fmt.Fprintf(&b, `<text class="value" x="%d" y="22" text-anchor="middle" font-size="17.5" font-weight="600" `+
			`fill="#4a7fd4">%s</text>`, x, n.value)
		fmt.Fprintf(&b, `<text class="label" x="%d" y="41" text-anchor="middle" font-size="12.5" fill="#808890">%s</text>`,
			x, n.label)
	}

	highest := int64(5) // so that one request does not fill the height
	for i := 1; i < len(samples); i++ {
		highest = max(highest, samples[i].Requests()-samples[i-1].Requests())
	}
	for i := range 3 {
		y := top + i*(bottom-top)/2
		fmt.Fprintf(&b, `<path class="grid" d="M0 %d.5H%d" stroke="#808890" stroke-opacity=".28"/>`, y, width)
	}
	fmt.Fprintf(&b, `<text class="label" x="2" y="%d" font-size="11.5" fill="#808890">%d/s</text>`, top-4, highest)

	const step = float64(width) / pictureSeconds
	for i := 1; i < len(samples); i++ {
		was, is := &samples[i-1], &samples[i]
		x := float64(width) - float64(len(samples)-i)*step
		y := float64(bottom)
		for _, part := range [...]struct {
			class, color string
			n            int64
		}{
			{"ok", "#4a7fd4", is.OK.Count() - was.OK.Count()},
			{"client", "#d99a2b", is.ClientError.Count() - was.ClientError.Count()},
			{"server", "#d0504a", is.ServerError.Count() - was.ServerError.Count()},
		} {
			if part.n > 0 {
				h := float64(part.n) / float64(highest) * (bottom - top)
				y -= h
				fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="1" fill="%s"/>`,
					part.class, x+0.8, y, step-1.6, h, part.color)
			}
		}
	}
	fmt.Fprintf(&b, `<text class="label" x="2" y="%d" font-size="12.5" fill="#808890">%d s ago</text>`, height-7, pictureSeconds)
	fmt.Fprintf(&b, `<text class="label" x="%d" y="%d" text-anchor="end" font-size="12.5" fill="#808890">now</text></svg>`,
		width-2, height-7)
	return b.String()
}

// decimal writes f without exponent: to two decimals, from 100 on to none. A positive
// number is at least 0.01.
func decimal(f float64) string {
	if f > 0 {
		f = max(f, 0.01)
	}
	unit := 100.0
	if f >= 100 {
		unit = 1
	}
	return strconv.FormatFloat(math.Round(f*unit)/unit, 'f', -1, 64)
}

// Short writes a duration for people, with two digits or three: 480µs, 1.2ms, 3.5s.
func Short(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	unit := time.Microsecond
	for d/100 >= unit {
		unit *= 10
	}
	return d.Truncate(unit).String()
}
