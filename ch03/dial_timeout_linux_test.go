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
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch03"
)

// A timeout of package net is a net.Error whose Timeout method reports true. Which
// sentinel it matches depends on which of two timers fires first. With DialTimeout it is
// always the same.
func TestDialTimeoutSentinel(t *testing.T) {
	address := dialTimeoutSilent(t)
	const tries = 20
	for _, tt := range []struct {
		name string
		dial func(network, address string, timeout time.Duration) (net.Conn, error)
	}{
		{"net.DialTimeout", net.DialTimeout},
		{"ch03.DialTimeout", ch03.DialTimeout},
	} {
		var dials sync.WaitGroup
		errs := make([]error, tries)
		for i := range errs {
			dials.Go(func() {
				conn, err := tt.dial("tcp", address, time.Millisecond)
				if err == nil {
					conn.Close()
				}
				errs[i] = err
			})
		}
		dials.Wait()
		var isContext, isOS int
		for _, err := range errs {
			if netErr, ok := errors.AsType[net.Error](err); !ok || !netErr.Timeout() {
				t.Errorf("%s error = %v, want a timeout", tt.name, err)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				isContext++
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				isOS++
			}
		}
		t.Logf("%-16s: of %d timeouts %d match context.DeadlineExceeded and %d "+
			"os.ErrDeadlineExceeded", tt.name, tries, isContext, isOS)
		if tt.name == "ch03.DialTimeout" && (isContext != tries || isOS != 0) {
			t.Errorf("want %d that match context.DeadlineExceeded and no other", tries)
		}
		if isContext+isOS != tries {
			t.Errorf("%s: %d errors match one of both, want %d", tt.name,
				isContext+isOS, tries)
		}
	}
}

// A name has two addresses: one refuses at once, the other is silent until the timeout.
// Package net returns the error of the first, and so does DialTimeout: although it took
// the whole timeout, the error is a refusal.
func TestDialTimeoutSecondAddress(t *testing.T) {
	_, port, err := net.SplitHostPort(dialTimeoutSilent(t))
	if err != nil {
		t.Fatal(err)
	}
	old := net.DefaultResolver
	defer func() { net.DefaultResolver = old }()
	var asked atomic.Bool
	net.DefaultResolver = &net.Resolver{PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			asked.Store(true)
			local, remote := net.Pipe() // not a PacketConn: DNS as over TCP
			go dialTimeoutResolve(remote, [4]byte{127, 0, 0, 2}, [4]byte{127, 0, 0, 1})
			return local, nil
		}}
	const timeout = 50 * time.Millisecond
	start := time.Now()
	conn, err := ch03.DialTimeout("tcp4", "two.test.:"+port, timeout)
	if !asked.Load() {
		t.Skip("this system is configured to ask no name servers")
	}
	if err == nil {
		conn.Close()
		t.Skip("another program listens on 127.0.0.2")
	}
	if took := time.Since(start); took < timeout {
		t.Errorf("DialTimeout failed after %v, want %v: the second address is silent", took,
			timeout)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("DialTimeout error = %v, want syscall.ECONNREFUSED", err)
	}
	t.Log(err)
}

// dialTimeoutResolve responds to queries for A records with addrs, to others with none.
func dialTimeoutResolve(conn net.Conn, addrs ...[4]byte) {
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
		end := 12 + bytes.IndexByte(query[12:], 0) + 5 // of the question: name, type, class
		response := append([]byte(nil), query[:end]...)
		response[2], response[3] = 0x81, 0x80        // a response, without error
		copy(response[6:], []byte{0, 0, 0, 0, 0, 0}) // no records yet, nor EDNS
		if response[end-3] == 1 {                    // asked for A
			response[7] = byte(len(addrs))
			for _, a := range addrs {
				response = append(response, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
				response = append(response, a[:]...)
			}
		}
		binary.BigEndian.PutUint16(size[:], uint16(len(response)))
		conn.Write(append(size[:], response...)) // an error shows in the dial
	}
}

// dialTimeoutSilent returns an address that does not respond: Linux drops each SYN to a
// listener whose queue is full, and with a backlog of 0 one connection fills it.
func dialTimeoutSilent(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	name, nameErr := syscall.Getsockname(fd)
	if err = errors.Join(err, nameErr); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return address
}
