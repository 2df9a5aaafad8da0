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

// Errors for an answer that tells no time. Test for them with errors.Is.
var (
	ErrNoDate  = errors.New("skew: answer without a Date field")
	ErrBadDate = errors.New("skew: unusable Date field")
)

// Skew returns how far the clock of the server at url is ahead of ours, negative if it
// is behind, by the Date field of its answer to a HEAD request (RFC 9110, sections
// 6.6.1 and 9.3.2). Half the round trip is taken off, counted from when the connection
// is there, so that dialing and TLS do not count.
//
// A Date has a resolution of 1 s and its fraction is cut off: the true difference is
// between the result and 1 s above it, give or take half the round trip. An equal clock
// gives -1 s to 0 s. Do not set a clock by it, that is what NTP is for (RFC 5905).
//
// Every status will do, as a 404 tells the time too. Redirects are followed as client
// says; the last server's clock is measured. A missing Date is ErrNoDate. ErrBadDate is
// a malformed one, one more than 292 years away, or one out of a cache, which an Age
// field gives away (RFC 9111, section 5.1). A server that does not answer ends by ctx or
// client's timeout.
func Skew(ctx context.Context, client *http.Client, url string) (time.Duration, error) {
	start := time.Now() // for a RoundTripper that calls no trace
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { start = time.Now() }, // by our own goroutine
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return 0, fmt.Errorf("skew: %w", err)
	}
	req.Header.Set("Cache-Control", "no-cache") // a stored answer has an old Date
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("skew: %w", err)
	}
	now := time.Now()
	resp.Body.Close() // a HEAD has an empty body, but it is there

	field := resp.Header.Get("Date")
	if field == "" {
		return 0, ErrNoDate
	}
	date, err := http.ParseTime(field) // all three forms of RFC 9110, section 5.6.7
	if err != nil {
		return 0, fmt.Errorf("%w: %q", ErrBadDate, field)
	}
	if age := resp.Header.Get("Age"); age != "" && age != "0" {
		return 0, fmt.Errorf("%w: from a cache, %s s old", ErrBadDate, age)
	}
	skew := date.Sub(now.Add(-now.Sub(start) / 2))
	if skew == math.MinInt64 || skew == math.MaxInt64 { // where Sub stops: 292 years
		return 0, fmt.Errorf("%w: %q", ErrBadDate, field)
	}
	return skew, nil
}
