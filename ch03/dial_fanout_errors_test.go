package ch03_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch03"
	"network-programming-with-go/ch03/internal/conns"
	"network-programming-with-go/ch03/internal/leak"
)

// The error joins all errors in the order of the addresses, each with its address.
func TestDialFirstErrors(t *testing.T) {
	leak.Check(t)
	addresses := []string{conns.Refused(t), conns.Refused(t), "192.0.2.1"} // without a port
	conn, err := ch03.DialFirst(t.Context(), nil, "tcp", addresses...)
	if conn != nil || err == nil {
		t.Fatalf("DialFirst = %v, %v; want an error", conn, err)
	}
	if _, ok := errors.AsType[*net.AddrError](err); !ok || !dialFirstIsRefused(err) {
		t.Errorf("DialFirst error = %v, want refused and *net.AddrError in it", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(addresses) {
		t.Fatalf("DialFirst error has %d lines, want %d:\n%v", len(lines), len(addresses), err)
	}
	for i, address := range addresses {
		if !strings.HasPrefix(lines[i], "dial first: "+address+": ") {
			t.Errorf("line %d is %q, want address %s", i, lines[i], address)
		}
	}
	t.Log(err)

	_, err = ch03.DialFirst(t.Context(), nil, "tcp", addresses[0])
	if _, joined := err.(interface{ Unwrap() []error }); joined || !dialFirstIsRefused(err) ||
		!strings.Contains(err.Error(), addresses[0]) {
		t.Errorf("DialFirst(one address) = %v, want a plain error with its address", err)
	}
	if _, err = ch03.DialFirst(t.Context(), nil, "tcp"); !errors.Is(err, ch03.ErrNoAddress) {
		t.Errorf("DialFirst without addresses = %v, want ErrNoAddress", err)
	}
}

// A dial that returns neither a conn nor an error has failed. It does not end the others.
func TestDialFirstNothing(t *testing.T) {
	local, peer := net.Pipe()
	defer local.Close()
	defer peer.Close()
	for _, addresses := range [][]string{{"nothing"}, {"nothing", "live"}} {
		conn, err := ch03.DialFirst(t.Context(),
			func(_ context.Context, network, address string) (net.Conn, error) {
				if network != "tcp" {
					t.Errorf("dialed network %q, want tcp", network)
				}
				if address == "live" {
					return local, nil
				}
				return nil, nil
			}, "tcp", addresses...)
		if want := len(addresses) == 2; (conn == local) != want || (err == nil) != want {
			t.Errorf("DialFirst(%v) = %v, %v", addresses, conn, err)
		}
		t.Log(err)
	}
}

func dialFirstIsRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.Errno(10061)) // WSAECONNREFUSED, on Windows
}
