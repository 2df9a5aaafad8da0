package ch03_test

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
)

// Port 0 asks the operating system for a free port. Addr returns which one it is.
func TestListener(t *testing.T) {
	for _, tt := range []struct{ network, address, wantIP string }{
		{"tcp", "127.0.0.1:0", "127.0.0.1"},
		{"tcp4", "127.0.0.1:0", "127.0.0.1"},
		{"tcp6", "[::1]:0", "::1"},
		{"tcp4", "localhost:0", "127.0.0.1"}, // a name with several addresses: the first one
	} {
		t.Run(tt.network+" "+tt.address, func(t *testing.T) {
			l := listenOrSkip(t, tt.network, tt.address)
			bound := netip.MustParseAddrPort(l.Addr().String())
			if bound.Addr().String() != tt.wantIP || bound.Port() == 0 {
				t.Errorf("bound to %v, want %s and a port above 0", bound, tt.wantIP)
			}
			t.Logf("bound to %v (%v)", l.Addr(), l.Addr().Network())
		})
	}
}

// Without a host the listener is bound to every interface, so the whole network can
// connect. This test binds for a moment and accepts nothing.
func TestListenerWithoutHostBindsEveryInterface(t *testing.T) {
	l := listenOrSkip(t, "tcp4", ":0")
	if bound := netip.MustParseAddrPort(l.Addr().String()); !bound.Addr().IsUnspecified() {
		t.Errorf("Listen(tcp4, :0) bound to %v, want 0.0.0.0", bound)
	}
}

func TestListenerErrors(t *testing.T) {
	busy := listenOrSkip(t, "tcp", "127.0.0.1:0").Addr().String()
	for _, tt := range []struct {
		name, network, address string
		matches                func(error) bool
	}{
		{"port in use", "tcp", busy, func(err error) bool {
			return errors.Is(err, syscall.EADDRINUSE) ||
				errors.Is(err, syscall.Errno(10048)) // WSAEADDRINUSE, on Windows
		}},
		{"address of another machine", "tcp", "192.0.2.1:0", func(err error) bool {
			return errors.Is(err, syscall.EADDRNOTAVAIL) ||
				errors.Is(err, syscall.Errno(10049)) // WSAEADDRNOTAVAIL
		}},
		{"no port", "tcp", "127.0.0.1", listenAddrError},
		{"port above 65535", "tcp", "127.0.0.1:65536", listenAddrError},
		{"IPv6 without brackets", "tcp", "::1:0", listenAddrError},
		{"IPv4 address on tcp6", "tcp6", "127.0.0.1:0", listenAddrError},
		{"network unknown", "tpc", "127.0.0.1:0", func(err error) bool {
			_, ok := errors.AsType[net.UnknownNetworkError](err)
			return ok
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen(tt.network, tt.address)
			if err == nil {
				l.Close()
			}
			if !tt.matches(err) {
				t.Errorf("Listen(%s, %s) error = %#v", tt.network, tt.address, err)
			}
			if _, ok := errors.AsType[*net.OpError](err); !ok {
				t.Errorf("Listen(%s, %s) error is not a *net.OpError", tt.network, tt.address)
			}
			t.Log(err)
		})
	}
}

func listenAddrError(err error) bool {
	_, ok := errors.AsType[*net.AddrError](err)
	return ok
}

// Close ends a pending Accept. Closing twice is safe.
func TestListenerClosed(t *testing.T) {
	l := listenOrSkip(t, "tcp", "127.0.0.1:0")
	accepted := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	if err := l.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept error = %v, want net.ErrClosed", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close error = %v, want net.ErrClosed", err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close error = %v, want net.ErrClosed", err)
	}
	again, err := net.Listen("tcp", l.Addr().String()) // the port is free at once
	if err != nil {
		t.Fatalf("Listen on the port just closed: %v", err)
	}
	again.Close()
}

// listenOrSkip skips the test if the system has no such address, as without IPv6.
func listenOrSkip(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		t.Skipf("this system does not know the name: %v", dns)
	}
	if network == "tcp6" && err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
