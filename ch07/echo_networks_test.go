package ch07_test

import (
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"network-programming-with-go/ch07/internal/conns"
)

// Which types of Unix socket each system has, in Go 1.26 and 1.27. WSL 2 is a Linux kernel
// and has all. A program built for Windows has unix only, even if WSL starts it.
func TestUnixNetworksOfThisSystem(t *testing.T) {
	missing := map[string][]string{
		"windows": {"unixgram", "unixpacket"},
		"darwin":  {"unixpacket"},
		"ios":     {"unixpacket"},
		"aix":     {"unixpacket"},
		"android": {"unixpacket"},
	}[runtime.GOOS]
	switch runtime.GOOS {
	case "js", "wasip1", "plan9":
		t.Skipf("%s has no Unix sockets of a kernel", runtime.GOOS)
	}
	dir := conns.SocketDir(t)
	for _, network := range []string{"unix", "unixgram", "unixpacket"} {
		path := filepath.Join(dir, network)
		var err error
		if network == "unixgram" {
			var c net.PacketConn
			if c, err = net.ListenPacket(network, path); err == nil {
				c.Close()
			}
		} else {
			var l net.Listener
			if l, err = net.Listen(network, path); err == nil {
				l.Close()
			}
		}
		t.Logf("%s on %s: %v", network, runtime.GOOS, err)
		if want := !slices.Contains(missing, network); want != (err == nil) {
			t.Errorf("%s on %s: error %v, want it to work: %v", network, runtime.GOOS, err, want)
		}
	}
}
