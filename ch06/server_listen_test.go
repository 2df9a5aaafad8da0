package ch06_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

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
			listener, err := network.Listen("192.0.2.1:69")
			if err != nil {
				t.Fatal(err)
			}
			client, err := network.Listen("192.0.2.2:2000")
			if err != nil {
				t.Fatal(err)
			}
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
			listener, err := network.Listen("0.0.0.0:69")
			if err != nil {
				t.Fatal(err)
			}
			client, err := network.Listen("192.0.2.2:2000")
			if err != nil {
				t.Fatal(err)
			}
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

// Each transfer that ends leaves one line in the log, and so does a refusal. What is usual
// is no warning: a file that is not there, and UEFI's probe of the size, which ends with an
// ERROR after the OACK.
func TestServerLog(t *testing.T) {
	const tail = ` rtt=2ms duration=\S+ outcome=`
	for _, tt := range []struct {
		name, request string
		sends         []string // after each response
		want          string   // a regular expression
	}{
		{"done", "a b\x00octet\x00blksize\x00300\x00windowsize\x002\x00", []string{"\x00\x04\x00\x00", "", "\x00\x04\x00\x02", "\x00\x04\x00\x03"},
			`INFO msg=transfer client=192.0.2.2:2000 file="a b" bytes=600 blocks=3 blksize=300 windowsize=2 resent=0` + tail + `done$`},
		{"size probe", "f\x00octet\x00tsize\x000\x00", []string{"\x00\x05\x00\x08no\x00"},
			`INFO msg=transfer .* bytes=0 blocks=0 blksize=512 windowsize=1 resent=0 rtt=0s .* outcome="ended by the client: ERROR 8: no"$`},
		{"ended by the client", "f\x00octet\x00", []string{"\x00\x04\x00\x01", "\x00\x05\x00\x03disk full\x00"},
			`WARN msg=transfer .* bytes=512 blocks=1 .*` + tail + `"ended by the client: ERROR 3: disk full"$`},
		{"silent", "f\x00octet\x00", nil, `WARN msg=transfer .* bytes=0 blocks=0 .* resent=5 rtt=0s duration=30s outcome="no acknowledgment: i/o timeout"$`},
		{"no such file", "missing\x00octet\x00", nil, `INFO msg=transfer .* file=missing bytes=0 blocks=0 .* outcome="ERROR 1: file not found: .*missing.*"$`},
		{"mode", "f\x00mail\x00", nil, `WARN msg=refused client=192.0.2.2:2000 file=f code=4 reason="mode .*mail.*: this server is octet-only"$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{Delay: time.Millisecond}
				listener, err := network.Listen("192.0.2.1:69")
				if err != nil {
					t.Fatal(err)
				}
				client, err := network.Listen("192.0.2.2:2000")
				if err != nil {
					t.Fatal(err)
				}
				var log bytes.Buffer
				server := &ch06.Server{
					FS:           fstest.MapFS{"a b": {Data: make([]byte, 600)}, "f": {Data: make([]byte, 600)}},
					Logger:       slog.New(slog.NewTextHandler(&log, nil)),
					ListenPacket: network.ListenPacket,
				}
				served := make(chan error, 1)
				go func() { served <- server.Serve(listener) }()
				client.Send(listener.AddrPort(), "\x00\x01"+tt.request)
				for _, packet := range tt.sends {
					_, tid := client.Receive()
					if packet != "" {
						client.Send(tid, packet)
					}
				}
				time.Sleep(time.Minute) // fake
				server.Close()          // always nil
				<-served
				got := strings.TrimSpace(log.String())
				if !regexp.MustCompile(`level=`+tt.want).MatchString(got) || strings.Contains(got, "\n") {
					t.Errorf("the log is %s, want one line with level=%s", got, tt.want)
				}
				t.Log(got)
			})
		})
	}
}
