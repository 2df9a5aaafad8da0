package ch03_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/internal/conns"
)

// How to tell the errors of a connection apart: by what they match, not by their text.
func TestDialErrors(t *testing.T) {
	matchers := []struct {
		name  string
		match func(error) bool
	}{
		{"Timeout()", func(err error) bool {
			netErr, ok := errors.AsType[net.Error](err)
			return ok && netErr.Timeout()
		}},
		{"context.DeadlineExceeded", dialErrorIs(context.DeadlineExceeded)},
		{"os.ErrDeadlineExceeded", dialErrorIs(os.ErrDeadlineExceeded)},
		{"context.Canceled", dialErrorIs(context.Canceled)},
		{"*net.DNSError", func(err error) bool {
			_, ok := errors.AsType[*net.DNSError](err)
			return ok
		}},
		{"DNSError.IsNotFound", func(err error) bool {
			dns, ok := errors.AsType[*net.DNSError](err)
			return ok && dns.IsNotFound
		}},
		{"*net.AddrError", func(err error) bool {
			_, ok := errors.AsType[*net.AddrError](err)
			return ok
		}},
		{"ECONNREFUSED", dialErrorIs(syscall.ECONNREFUSED, 10061)}, // and WSAECONNREFUSED
		{"ECONNRESET", dialErrorIs(syscall.ECONNRESET, 10054)},     // and WSAECONNRESET
		{"net.ErrClosed", dialErrorIs(net.ErrClosed)},
		{"io.EOF", dialErrorIs(io.EOF)},
	}
	table := "what happened, and what its error matches:\n"
	for _, tt := range []struct {
		cause string
		do    func(t *testing.T) error
		want  string // the matchers' names
	}{
		{"dial: nothing listens on the port",
			func(t *testing.T) error { return dialErrTo(conns.Refused(t))(t) }, "ECONNREFUSED"},
		{"dial: Dialer.Timeout or the context's deadline passes", dialErrTimeout,
			"Timeout() context.DeadlineExceeded"},
		{"dial: the context is canceled", dialErrCanceled, "context.Canceled"},
		{"dial: no such name", dialErrDNS(dialErrNotFound),
			"*net.DNSError DNSError.IsNotFound"},
		{"dial: the name server does not respond", dialErrDNS(nil),
			"Timeout() *net.DNSError"},
		{"dial: no port in the address", dialErrTo("192.0.2.1"), "*net.AddrError"},
		{"dial: no such service as port", dialErrTo("192.0.2.1:no-such-service"),
			"*net.DNSError DNSError.IsNotFound"},
		{"read: its deadline passes", dialErrRead((*net.TCPConn).Read,
			func(local, _ *net.TCPConn) { local.SetReadDeadline(time.Unix(1, 0)) }),
			"Timeout() os.ErrDeadlineExceeded"},
		{"read: the peer has closed (FIN)", dialErrRead((*net.TCPConn).Read,
			func(_, peer *net.TCPConn) { peer.Close() }), "io.EOF"},
		{"read: the peer has reset (RST)", dialErrRead((*net.TCPConn).Read,
			func(_, peer *net.TCPConn) { peer.SetLinger(0); peer.Close() }), "ECONNRESET"},
		{"read or write: we have closed", dialErrRead((*net.TCPConn).Write,
			func(local, _ *net.TCPConn) { local.Close() }), "net.ErrClosed"},
	} {
		t.Run(tt.cause, func(t *testing.T) {
			err := tt.do(t)
			var matches []string
			for _, m := range matchers {
				if m.match(err) {
					matches = append(matches, m.name)
				}
			}
			got := strings.Join(matches, " ")
			if err == nil || got != tt.want {
				t.Errorf("error %v\nmatches %s, want %s", err, got, tt.want)
			}
			table += fmt.Sprintf("  %-54s %-38s %v\n", tt.cause, got, err)
		})
	}
	t.Log(table)
}

// dialErrorIs matches a sentinel, or the number that Windows has for it.
func dialErrorIs(target error, windows ...syscall.Errno) func(error) bool {
	return func(err error) bool {
		return errors.Is(err, target) || len(windows) > 0 && errors.Is(err, windows[0])
	}
}

func dialErrTo(address string) func(*testing.T) error {
	return func(t *testing.T) error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err
	}
}

// A timeout on a real network may match os.ErrDeadlineExceeded instead: test for
// Timeout().
func dialErrTimeout(t *testing.T) error { return dialErrHook(t, time.Second, time.Hour) }

func dialErrCanceled(t *testing.T) error { return dialErrHook(t, time.Hour, time.Second) }

func dialErrHook(t *testing.T, timeout, cancel time.Duration) (err error) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		defer time.AfterFunc(cancel, stop).Stop()
		d := net.Dialer{
			Timeout: timeout,
			ControlContext: func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
				<-ctx.Done() // a host that does not respond
				return ctx.Err()
			},
		}
		_, err = d.DialContext(ctx, "tcp", "127.0.0.1:9") // never reached
	})
	return err
}

// dialErrDNS looks up a name with a name server that exists in this test only and is
// silent if serve is nil. If the deadline of a context passes first, the *net.DNSError
// matches context.DeadlineExceeded too. Not in a bubble: the resolver's state outlives
// it.
func dialErrDNS(serve func(query []byte) (response []byte)) func(*testing.T) error {
	return func(t *testing.T) error {
		var asked atomic.Bool
		d := net.Dialer{Resolver: &net.Resolver{
			PreferGo: true,
			Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
				asked.Store(true)
				if serve == nil { // what the resolver gets after 5 s
					return nil, &net.OpError{Op: "read", Net: network,
						Err: os.ErrDeadlineExceeded}
				}
				local, remote := net.Pipe() // not a PacketConn: DNS as over TCP
				go dialErrServe(remote, serve)
				return local, nil
			},
		}}
		_, err := d.DialContext(t.Context(), "tcp", "nowhere.test.:80")
		if !asked.Load() {
			t.Skip("this system is configured to ask no name servers")
		}
		return err
	}
}

func dialErrServe(conn net.Conn, serve func([]byte) []byte) {
	defer conn.Close()
	for {
		var size [2]byte // RFC 1035, section 4.2.2: length, then message
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return // the resolver has closed it
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		response := serve(query)
		size = [2]byte(binary.BigEndian.AppendUint16(nil, uint16(len(response))))
		conn.Write(append(size[:], response...)) // an error shows in the next read
	}
}

// dialErrNotFound turns a query into the response NXDOMAIN (RFC 1035, section 4.1.1).
func dialErrNotFound(query []byte) []byte {
	response := bytes.Clone(query)
	response[2] |= 0x80    // QR: a response
	response[3] = 0x80 | 3 // RA, RCODE 3: the name does not exist
	return response
}

// dialErrRead returns the error of op on a connection after happen.
func dialErrRead(op func(*net.TCPConn, []byte) (int, error),
	happen func(local, peer *net.TCPConn)) func(*testing.T) error {
	return func(t *testing.T) error {
		local, peer := conns.TCPPair(t)
		happen(local, peer)
		_, err := op(local, make([]byte, 1))
		return err
	}
}
