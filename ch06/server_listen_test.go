package ch06_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

func TestServerErrors(t *testing.T) {
	if err := (&ch06.Server{}).ListenAndServe("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "no Root, FS or Payload") {
		t.Errorf("nothing to serve: error = %v", err)
	}
	if err := (&ch06.Server{Payload: []byte("x")}).ListenAndServe("127.0.0.1:99999"); err == nil {
		t.Error("port 99999: no error")
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := (&ch06.Server{Payload: []byte("x")}).Serve(conn); !errors.Is(err, net.ErrClosed) || errors.Is(err, ch06.ErrServerClosed) {
		t.Errorf("Serve error = %v on a closed socket, want net.ErrClosed", err)
	}
}

// Reads that fail do not end the server unless a hundred in a row do: on Windows each
// unreachable client is one.
func TestServerReadsFail(t *testing.T) {
	for _, tt := range []struct {
		failures int
		ends     bool
	}{{1, false}, {100, false}, {101, true}} {
		synctest.Test(t, func(t *testing.T) {
			network := &packetnet.Network{}
			listener := network.MustListen(t, "192.0.2.1:69")
			client := network.MustListen(t, "192.0.2.2:2000")
			server := &ch06.Server{Payload: []byte("hello"), ListenPacket: network.ListenPacket}
			served := make(chan error, 1)
			go func() { served <- server.Serve(&serverListenBroken{listener, tt.failures}) }()
			client.Send(listener.AddrPort(), "\x00\x01f\x00octet\x00")
			if tt.ends {
				if err := <-served; !errors.Is(err, errServerListenBroken) {
					t.Errorf("Serve error = %v after %d failures, want that of the read", err, tt.failures)
				}
				if n := client.Pending(); n != 0 {
					t.Errorf("%d responses after %d failures, want none", n, tt.failures)
				}
				return
			}
			if packet, _ := client.Receive(); packet != "\x00\x03\x00\x01hello" {
				t.Errorf("got %q after %d failures, want the file", packet, tt.failures)
			}
			server.Close() // always nil
			if err := <-served; !errors.Is(err, ch06.ErrServerClosed) {
				t.Errorf("Serve error = %v, want ErrServerClosed", err)
			}
		})
	}
}

var errServerListenBroken = errors.New("the network is down")

// serverListenBroken is a conn whose first reads fail.
type serverListenBroken struct {
	net.PacketConn
	failures int
}

func (c *serverListenBroken) ReadFrom(b []byte) (int, net.Addr, error) {
	if c.failures--; c.failures >= 0 {
		return 0, nil, errServerListenBroken
	}
	return c.PacketConn.ReadFrom(b)
}

// A host with several addresses responds from the one that was asked, if the listening
// socket knows it.
func TestServerAddress(t *testing.T) {
	for _, tt := range []struct{ local, want string }{
		{"192.0.2.7", "192.0.2.7"}, {"", "192.0.2.1"}, // packetnet's own choice
	} {
		synctest.Test(t, func(t *testing.T) {
			network := &packetnet.Network{}
			listener := network.MustListen(t, "0.0.0.0:69")
			client := network.MustListen(t, "192.0.2.2:2000")
			conn := &serverListenRequests{Conn: listener}
			if tt.local != "" {
				conn.local = netip.MustParseAddr(tt.local)
			}
			server := &ch06.Server{Payload: []byte("hello"), ListenPacket: network.ListenPacket}
			served := make(chan error, 1)
			go func() { served <- server.Serve(conn) }()
			client.Send(listener.AddrPort(), "\x00\x01f\x00octet\x00")
			if packet, from := client.Receive(); from.Addr().String() != tt.want || packet != "\x00\x03\x00\x01hello" {
				t.Errorf("%q came from %v, want block 1 from %v", packet, from, tt.want)
			}
			client.Send(listener.AddrPort(), "\x00\x02f\x00octet\x00")
			client.Receive() // ERROR 4
			if want := []netip.Addr{conn.local}; fmt.Sprint(conn.replied) != fmt.Sprint(want) {
				t.Errorf("the refusal was sent from %v, want %v", conn.replied, want)
			}
			server.Close() // always nil
			<-served
		})
	}
}

// serverListenRequests is a conn that knows the local address of each request.
type serverListenRequests struct {
	*packetnet.Conn
	local   netip.Addr
	replied []netip.Addr
}

func (c *serverListenRequests) ReadRequest(b []byte) (int, netip.AddrPort, netip.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	return n, from, c.local, err
}

func (c *serverListenRequests) Reply(b []byte, to netip.AddrPort, local netip.Addr) error {
	c.replied = append(c.replied, local)
	_, err := c.WriteToUDPAddrPort(b, to)
	return err
}
