package ch06_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// TestClient has the client meet servers of all kinds. Each script is what the server gets
// and how it responds, in turn: "> " marks what the client must send, "< " the response.
func TestClient(t *testing.T) {
	const (
		ask   = "> \x00\x01f\x00octet\x00tsize\x000\x00blksize\x001428\x00windowsize\x0064\x00"
		plain = "> \x00\x01f\x00octet\x00"
		hello = "< \x00\x03\x00\x01hello"
	)
	full := "< \x00\x03\x00\x01" + strings.Repeat("x", 512)
	for _, tt := range []struct {
		name   string
		client *ch06.Client
		script []string
		want   string
		err    error
	}{
		{"knows every option", nil, []string{ask, "< \x00\x06tsize\x005\x00blksize\x001428\x00windowsize\x0064\x00",
			"> \x00\x04\x00\x00", hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"knows no option", nil, []string{ask, hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"grants less, in capitals", nil, []string{ask, "< \x00\x06BLKSIZE\x008\x00",
			"> \x00\x04\x00\x00", "< \x00\x03\x00\x01hello wo", "> \x00\x04\x00\x01", "< \x00\x03\x00\x02rld", "> \x00\x04\x00\x02"}, "hello world", nil},
		{"grants a padded OACK", nil, []string{ask, "< \x00\x06blksize\x00\x00tsize\x00five\x00timeout\x001\x00\x00\x00\x00", "> \x00\x04\x00\x00", hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"grants nothing", nil, []string{ask, "< \x00\x06\x00\x00", "> \x00\x04\x00\x00", hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"refuses options with ERROR 8", nil, []string{ask, "< \x00\x05\x00\x08no\x00", plain, hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"refuses options with ERROR 4", nil, []string{ask, "< \x00\x05\x00\x04no\x00", plain, hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"refuses options with ERROR 0", nil, []string{ask, "< \x00\x05\x00\x00no\x00", plain, hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"refuses everything", nil, []string{ask, "< \x00\x05\x00\x00no\x00", plain, "< \x00\x05\x00\x00no\x00"}, "", ch06.ErrUnknown},
		{"refuses a request without options", &ch06.Client{NoOptions: true}, []string{plain, "< \x00\x05\x00\x04no\x00"}, "", ch06.ErrIllegalOp},
		{"is asked for no options", &ch06.Client{NoOptions: true}, []string{plain, hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"is not asked for what is the default", &ch06.Client{BlockSize: 512, WindowSize: 1},
			[]string{"> \x00\x01f\x00octet\x00tsize\x000\x00", hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"sends a block twice", nil, []string{ask, full, "> \x00\x04\x00\x01", full, "> \x00\x04\x00\x01",
			"< \x00\x03\x00\x02y", "> \x00\x04\x00\x02"}, full[6:] + "y", nil},
		{"sends the last block twice", nil, []string{ask, hello, "> \x00\x04\x00\x01", hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"has no such file", nil, []string{ask, "< \x00\x05\x00\x01no such file\x00"}, "", fs.ErrNotExist},
		{"grants a larger block", nil, []string{ask, "< \x00\x06blksize\x001429\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"grants a block that is too small", nil, []string{ask, "< \x00\x06blksize\x007\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"grants a larger window", nil, []string{ask, "< \x00\x06windowsize\x0065\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"grants a window of nothing", nil, []string{ask, "< \x00\x06windowsize\x000\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"grants no number", nil, []string{ask, "< \x00\x06blksize\x00x\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"grants what was not asked", &ch06.Client{NoOptions: true}, []string{plain, "< \x00\x06windowsize\x002\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"sends a block that is too long", &ch06.Client{BlockSize: 8, WindowSize: 1},
			[]string{">", "< \x00\x06blksize\x008\x00", "> \x00\x04\x00\x00", "< \x00\x03\x00\x01123456789", "> \x00\x05\x00\x04"}, "", ch06.ErrMalformed},
		{"sends a block that was not asked for", &ch06.Client{NoOptions: true}, []string{plain, full + "y", "> \x00\x05\x00\x04"}, "", ch06.ErrMalformed},
		{"sends an OACK of two bytes", nil, []string{ask, "< \x00\x06", "> \x00\x05\x00\x04"}, "", ch06.ErrMalformed},
		{"sends an ERROR of three bytes", nil, []string{ask, full, "> \x00\x04\x00\x01", "< \x00\x05\x00"}, full[6:], ch06.ErrUnknown},
		{"sends an ERROR of two bytes", nil, []string{ask, full, "> \x00\x04\x00\x01", "< \x00\x05"}, full[6:], ch06.ErrUnknown},
		{"sends DATA of three bytes", nil, []string{ask, "< \x00\x03\x00", "> \x00\x05\x00\x04"}, "", ch06.ErrMalformed},
		{"sends an ACK", nil, []string{ask, full, "> \x00\x04\x00\x01", "< \x00\x04\x00\x01", "> \x00\x05\x00\x04"}, full[6:], ch06.ErrMalformed},
		{"announces more than it sends", nil, []string{ask, "< \x00\x06tsize\x006\x00", "> \x00\x04\x00\x00", hello, "> \x00\x05\x00\x00"}, "hello", io.ErrUnexpectedEOF},
		{"announces less than it sends", nil, []string{ask, "< \x00\x06tsize\x004\x00", "> \x00\x04\x00\x00", hello, "> \x00\x04\x00\x01"}, "hello", nil},
		{"ends with an error that is cut short", nil, []string{ask, "< \x00\x05\x00\x01no zero byte"}, "", ch06.ErrNotFound},
		{"ends with an error", nil, []string{ask, full, "> \x00\x04\x00\x01", "< \x00\x05\x00\x00disk on fire\x00"}, full[6:], ch06.ErrUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{Delay: time.Millisecond}
				clientScript(t, network, tt.script)
				client := tt.client
				if client == nil {
					client = &ch06.Client{}
				}
				client.ListenPacket = network.ListenPacket
				var got bytes.Buffer
				start := time.Now()
				n, err := client.Get(t.Context(), "192.0.2.1", "f", &got)
				if got.String() != tt.want || n != int64(len(tt.want)) {
					t.Errorf("Get = %d, content %.40q, want %.40q", n, &got, tt.want)
				}
				if !errors.Is(err, tt.err) {
					t.Errorf("Get error = %v, want %v", err, tt.err)
				}
				if took := time.Since(start); took > 20*time.Millisecond {
					t.Errorf("Get took %v, want no wait", took)
				}
				if err != nil {
					t.Log(err)
				}
				client.Wait()
			})
		})
	}
}

// A writer that fails ends the transfer with its error, and the server learns it.
func TestClientWriterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{}
		clientScript(t, network, []string{">", "< \x00\x03\x00\x01hello", "> \x00\x05\x00\x03"})
		full := errors.New("disk full")
		out := clientWriter(func([]byte) (int, error) { return 3, full })
		n, err := (&ch06.Client{ListenPacket: network.ListenPacket}).Get(t.Context(), "192.0.2.1", "f", out)
		if !errors.Is(err, full) || n != 3 {
			t.Errorf("Get = %d, %v, want 3 and the writer's error", n, err)
		}
	})
}

type clientWriter func(b []byte) (int, error)

func (w clientWriter) Write(b []byte) (int, error) { return w(b) }

func ExampleClient_Get() {
	server := &ch06.Server{Payload: []byte("Hello from a boot server!")}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(conn) // ends with Close
	defer server.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client := &ch06.Client{
		Progress: func(received, size int64) { fmt.Printf("%d of %d bytes\n", received, size) },
	}
	n, err := client.Get(ctx, conn.LocalAddr().String(), "greeting", os.Stdout)
	fmt.Println()
	fmt.Println(n, err)
	// Output:
	// Hello from a boot server!25 of 25 bytes
	//
	// 25 <nil>
}

// clientScript plays a server until the test ends, in a bubble.
func clientScript(t *testing.T, network *packetnet.Network, script []string) {
	t.Helper()
	server := network.MustListen(t, "192.0.2.1:69")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		to := server.AddrPort()
		for _, line := range script {
			if response, ok := strings.CutPrefix(line, "< "); ok {
				server.Send(to, response)
				continue
			}
			var packet string
			packet, to = server.Receive()
			if want := strings.TrimPrefix(line[1:], " "); !strings.HasPrefix(packet, want) || want == "\x00\x01f\x00octet\x00" && packet != want {
				t.Errorf("the client sent %.60q, want %.60q", packet, want)
			}
		}
	}()
	t.Cleanup(func() {
		time.Sleep(time.Minute) // fake
		if n := server.Pending(); n != 0 {
			packet, _ := server.Receive()
			t.Errorf("%d packets beyond the script, the first %.40q", n, packet)
		}
		server.Close() // always nil; ends a Receive that waits
		<-ended
	})
}
