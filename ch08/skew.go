package ch08

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptrace"
	"time"
)

// Errors for a response that does not tell the time. Test for them with errors.Is.
var (
	ErrNoDate  = errors.New("skew: response without a Date field")
	ErrBadDate = errors.New("skew: unusable Date field")
)

// Skew returns how far the clock of the server at url is ahead of the local one, by the
// Date field of its response to a HEAD request (RFC 9110, section 6.6.1). A Date counts
// whole seconds: the true value is up to 1 s above the result, give or take half the
// round trip. To set a clock use NTP (RFC 5905).
//
// Any status will do. A missing Date is ErrNoDate. ErrBadDate is one that is malformed,
// more than 292 years away, or from a cache, which the Age field shows.
func Skew(ctx context.Context, client *http.Client, url string) (time.Duration, error) {
	start := time.Now() // for a RoundTripper that calls no trace
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// Dialing and TLS do not count. Do calls this in the caller's goroutine.
		GotConn: func(httptrace.GotConnInfo) { start = time.Now() },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return 0, fmt.Errorf("skew: %w", err)
	}
	req.Header.Set("Cache-Control", "no-cache") // a stored response has an old Date
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("skew: %w", err)
	}
	now := time.Now()
	resp.Body.Close() // empty, since the request was a HEAD

	field := resp.Header.Get("Date")
	if field == "" {
		return 0, ErrNoDate
	}
	date, err := http.ParseTime(field) // all three forms of RFC 9110, section 5.6.7
	if err != nil {
		return 0, fmt.Errorf("%w: %.40q", ErrBadDate, field)
	}
	if age := resp.Header.Get("Age"); age != "" && age != "0" {
		return 0, fmt.Errorf("%w: from a cache, age %.20q s", ErrBadDate, age)
	}
	skew := date.Sub(now.Add(-now.Sub(start) / 2))
	if skew == math.MinInt64 || skew == math.MaxInt64 { // Sub stops at 292 years
		return 0, fmt.Errorf("%w: %.40q", ErrBadDate, field)
	}
	return skew, nil
}
