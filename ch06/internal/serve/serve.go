// Package serve runs a server of this chapter over a network in memory.
package serve

import (
	"bytes"
	"log/slog"
	"net/netip"
	"testing"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// Start runs server at 192.0.2.1:69, its address, until the test or its bubble ends.
func Start(t testing.TB, network *packetnet.Network, server *ch06.Server) netip.AddrPort {
	t.Helper()
	listener := network.MustListen(t, "192.0.2.1:69")
	server.ListenPacket = network.ListenPacket
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close() // always nil; waits for every transfer
		if err := <-served; err != ch06.ErrServerClosed {
			t.Errorf("Serve error = %v, want ErrServerClosed", err)
		}
	})
	return listener.AddrPort()
}

// Logged is Start, and returns the server's log, to be read after synctest.Wait.
func Logged(t testing.TB, network *packetnet.Network, server *ch06.Server) (*bytes.Buffer, netip.AddrPort) {
	t.Helper()
	log := &bytes.Buffer{}
	server.Logger = slog.New(slog.NewTextHandler(log, nil))
	return log, Start(t, network, server)
}
