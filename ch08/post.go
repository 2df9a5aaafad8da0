package ch08

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// Copy with: drain.go.

// MaxResponse is the size up to which PostJSON reads a response: 1 MiB.
const MaxResponse = 1 << 20

// PostJSON sends in as JSON (RFC 8259) to url and decodes the response. A status other
// than 2xx is a *StatusError; 204 No Content is a zero Resp. A response is refused if it
// has more than MaxResponse bytes (ErrTooLarge), another type than application/json, or
// data after its JSON value. Fields that Resp does not have are ignored.
//
// 301 and 302 are a *StatusError, since http.Client would follow them with a GET that
// posts nothing. 307 and 308 are followed with the same POST, 303 with a GET.
func PostJSON[Req, Resp any](
	ctx context.Context, client *http.Client, url string, in Req,
) (Resp, error) {
	var out, none Resp
	body, err := json.Marshal(in)
	if err != nil {
		return none, fmt.Errorf("post: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return none, fmt.Errorf("post: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := postClient(client).Do(req)
	if err != nil {
		return none, fmt.Errorf("post: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		message := drainShort(resp, cancel)
		return none, fmt.Errorf("post: %w", &StatusError{resp.StatusCode, message})
	}
	defer drainShort(resp, cancel)
	if resp.StatusCode == http.StatusNoContent {
		return none, nil
	}
	contentType := resp.Header.Get("Content-Type")
	if t, _, err := mime.ParseMediaType(contentType); err != nil || t != "application/json" {
		return none, fmt.Errorf("post: response of type %.80q, want application/json", contentType)
	}
	result, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, MaxResponse))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return none, fmt.Errorf("post: response: %w: more than %d bytes", ErrTooLarge, MaxResponse)
	} else if err == nil {
		err = json.Unmarshal(result, &out) // refuses trailing data
	}
	if err != nil {
		return none, fmt.Errorf("post: response: %w", err)
	}
	return out, nil
}

// postClient returns a client that does not turn a POST into a GET but for 303.
func postClient(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		last := via[len(via)-1]
		switch {
		case req.Method != last.Method && req.Response.StatusCode != http.StatusSeeOther:
			return http.ErrUseLastResponse
		case client.CheckRedirect != nil:
			return client.CheckRedirect(req, via)
		case len(via) >= 10: // the limit of an http.Client without a CheckRedirect
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
	return &c
}
