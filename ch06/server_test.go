package ch06_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// TestServer fetches a file by hand: the request goes to the server's port, the blocks
// come from a port of their own, and each is acknowledged there.
func TestServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, to, _ := serverStart(t, &ch06.Server{Payload: bytes.Repeat([]byte("x"), 2*ch06.BlockSize)})
		client.Send(to, "\x00\x01any name\x00octet\x00")
		for block, want := range []int{512, 512, 0} {
			packet, from := client.Receive()
			var data ch06.Data
			if err := data.UnmarshalBinary([]byte(packet)); err != nil || int(data.Block) != block+1 || len(data.Payload) != want {
				t.Fatalf("got %.10q, %v, want DATA %d of %d bytes", packet, err, block+1, want)
			}
			if from == to {
				t.Errorf("DATA %d came from the listening port %v, want another", block+1, from)
			}
			t.Logf("DATA %d from %v: %d bytes", data.Block, from, len(data.Payload))
			client.Send(from, fmt.Sprintf("\x00\x04\x00%c", data.Block))
		}
	})
}

// What the server does not do it says; RFC 1350 section 5 has the codes.
func TestServerRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, request, message string
	}{
		{"write request", "\x00\x02f\x00octet\x00", "this server is read-only"},
		{"malformed write request", "\x00\x02f", "this server is read-only"},
		{"netascii", "\x00\x01f\x00netascii\x00", `mode "netascii": this server is octet-only`},
		{"mail", "\x00\x01f\x00mail\x00", `mode "mail": this server is octet-only`},
		{"mode without an end", "\x00\x01f\x00octet", "a mode that ends in a zero byte"},
		{"no name", "\x00\x01\x00octet\x00", "without a file name"},
		{"no mode", "\x00\x01f\x00", "a mode that ends in a zero byte"},
		{"too long", "\x00\x01" + strings.Repeat("f", 60_000) + "\x00octet\x00", "limit 516"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, to, _ := serverStart(t, &ch06.Server{Payload: []byte("x")})
				client.Send(to, tt.request)
				packet, from := client.Receive()
				var refusal ch06.Err
				if err := refusal.UnmarshalBinary([]byte(packet)); err != nil || refusal.Code != ch06.ErrIllegalOp || !strings.Contains(refusal.Message, tt.message) {
					t.Errorf("%.20q got %.60q, want ERROR 4 with %q", tt.request, packet, tt.message)
				}
				if from != to {
					t.Errorf("the ERROR came from %v, want %v", from, to)
				}
				t.Logf("%-28.26q -> %v", tt.request, &refusal)
			})
		})
	}
}

// A packet other than a request gets no response, since two servers could respond to each
// other forever, and does no harm.
func TestServerIgnores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, to, _ := serverStart(t, &ch06.Server{Payload: []byte("hello")})
		for _, packet := range []string{
			"", "\x00", "\x00\x00", "\xff\xff\xff", "\x00\x03\x00\x01data", "\x00\x04\x00\x01",
			"\x00\x05\x00\x01no\x00", "\x00\x06blksize\x001\x00", strings.Repeat("\x00", 9000),
		} {
			client.Send(to, packet)
		}
		time.Sleep(time.Hour) // fake
		if n := client.Pending(); n != 0 {
			t.Errorf("%d responses, want none", n)
		}
		client.Send(to, "\x00\x01f\x00OCTET\x00")
		packet, from := client.Receive()
		if packet != "\x00\x03\x00\x01hello" {
			t.Errorf("the request got %q, want the file", packet)
		}
		client.Send(from, "\x00\x04\x00\x01")
	})
}

// Shutdown lets a transfer in flight end, and takes no new requests.
func TestServerShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &ch06.Server{Payload: []byte("hello")}
		client, to, served := serverStart(t, server)
		client.Send(to, "\x00\x01f\x00octet\x00")
		_, tid := client.Receive()

		reason := errors.New("the operator is impatient")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second/2, reason)
		defer cancel()
		if err := server.Shutdown(ctx); err != reason {
			t.Errorf("Shutdown error = %v while a transfer runs, want ctx's cause", err)
		}
		if err := <-served; !errors.Is(err, ch06.ErrServerClosed) {
			t.Errorf("Serve error = %v, want ErrServerClosed", err)
		}
		client.Send(to, "\x00\x01g\x00octet\x00")
		client.Send(tid, "\x00\x04\x00\x01")
		if err := server.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown error = %v once the transfer has ended, want nil", err)
		}
		if n := client.Pending(); n != 0 {
			t.Errorf("%d more datagrams, want none", n)
		}
		if err := server.ListenAndServe("127.0.0.1:0"); !errors.Is(err, ch06.ErrServerClosed) {
			t.Errorf("ListenAndServe error = %v after Shutdown, want ErrServerClosed", err)
		}
	})
}

// Close ends a transfer in flight and tells its client.
func TestServerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &ch06.Server{Payload: []byte("hello")}
		client, to, _ := serverStart(t, server)
		client.Send(to, "\x00\x01f\x00octet\x00")
		client.Receive()
		start := time.Now()
		if err := server.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("Close error = %v after %v, want nil at once", err, time.Since(start))
		}
		if packet, _ := client.Receive(); ch06.Describe([]byte(packet)) != `ERROR 0 "the server is shutting down"` {
			t.Errorf("the client got %q, want an ERROR", packet)
		}
	})
}

func ExampleServer() {
	server := &ch06.Server{Payload: []byte("the same file under every name")}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()

	var file strings.Builder
	n, err := (&ch06.Client{}).Get(context.Background(), conn.LocalAddr().String(), "any", &file)
	fmt.Println(n, err, file.String())

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(server.Shutdown(ctx), <-served)
	// Output:
	// 30 <nil> the same file under every name
	// <nil> tftp: server closed
}

// serverStart runs server until the test ends, in a bubble. It returns a client's conn, the
// server's address and what Serve returns.
func serverStart(t *testing.T, server *ch06.Server) (client *packetnet.Conn, to netip.AddrPort, served chan error) {
	t.Helper()
	network := &packetnet.Network{}
	listener := network.MustListen(t, "192.0.2.1:69")
	client = network.MustListen(t, "192.0.2.2:2000")
	server.ListenPacket = network.ListenPacket
	served = make(chan error, 1)
	go func() {
		defer close(served)
		served <- server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Close() // always nil
		<-served
		client.Close() // always nil
		if n := network.Open(); n != 0 {
			t.Errorf("%d sockets are open, want none", n)
		}
	})
	return client, listener.AddrPort(), served
}
