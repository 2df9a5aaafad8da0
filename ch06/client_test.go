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
	"sync"
	"testing"
	"time"

	"network-programming-with-go/ch06"
)

// TestClient has the client meet servers of all kinds. Each script is what the server gets
// and what it answers, in turn; "> " marks what the client must send, "< " the answer.
func TestClient(t *testing.T) {
	const ask = "> \x00\x01f\x00octet\x00tsize\x000\x00blksize\x001428\x00windowsize\x0064\x00"
	for _, tt := range []struct {
		name   string
		client ch06.Client
		script []string
		want   string
		err    error
	}{
		{"knows every option", ch06.Client{}, []string{ask, "< \x00\x06tsize\x005\x00blksize\x001428\x00windowsize\x0064\x00",
			"> \x00\x04\x00\x00", "< \x00\x03\x00\x01hello", "> \x00\x04\x00\x01"}, "hello", nil},
		{"knows no option", ch06.Client{}, []string{ask, "< \x00\x03\x00\x01hello", "> \x00\x04\x00\x01"}, "hello", nil},
		{"grants less, in capitals", ch06.Client{}, []string{ask, "< \x00\x06BLKSIZE\x008\x00",
			"> \x00\x04\x00\x00", "< \x00\x03\x00\x01hello wo", "> \x00\x04\x00\x01", "< \x00\x03\x00\x02rld", "> \x00\x04\x00\x02"}, "hello world", nil},
		{"refuses options", ch06.Client{}, []string{ask, "< \x00\x05\x00\x08no\x00", "> \x00\x01f\x00octet\x00",
			"< \x00\x03\x00\x01hello", "> \x00\x04\x00\x01"}, "hello", nil},
		{"is not asked for what is the default", ch06.Client{BlockSize: 512, WindowSize: 1},
			[]string{"> \x00\x01f\x00octet\x00tsize\x000\x00", "< \x00\x03\x00\x01hello", "> \x00\x04\x00\x01"}, "hello", nil},
		{"sends a block twice", ch06.Client{}, []string{ask, "< \x00\x03\x00\x01" + strings.Repeat("x", 512), "> \x00\x04\x00\x01",
			"< \x00\x03\x00\x01" + strings.Repeat("x", 512), "> \x00\x04\x00\x01", "< \x00\x03\x00\x02y", "> \x00\x04\x00\x02"},
			strings.Repeat("x", 512) + "y", nil},
		{"has no such file", ch06.Client{}, []string{ask, "< \x00\x05\x00\x01no such file\x00"}, "", fs.ErrNotExist},
		{"grants a larger block", ch06.Client{}, []string{ask, "< \x00\x06blksize\x0065464\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"grants a larger window", ch06.Client{}, []string{ask, "< \x00\x06windowsize\x0065\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"grants what was not asked", ch06.Client{}, []string{ask, "< \x00\x06timeout\x001\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"grants no number", ch06.Client{}, []string{ask, "< \x00\x06blksize\x00x\x00", "> \x00\x05\x00\x08"}, "", ch06.ErrOptions},
		{"sends a block that is too long", ch06.Client{BlockSize: 8, WindowSize: 1},
			[]string{">", "< \x00\x06blksize\x008\x00", "> \x00\x04\x00\x00", "< \x00\x03\x00\x01123456789", "> \x00\x05\x00\x04"}, "", ch06.ErrMalformed},
		{"sends an ACK", ch06.Client{}, []string{ask, "< \x00\x03\x00\x01" + strings.Repeat("x", 512), "> \x00\x04\x00\x01", "< \x00\x04\x00\x01", "> \x00\x05\x00\x04"},
			strings.Repeat("x", 512), ch06.ErrMalformed},
		{"announces more than it sends", ch06.Client{}, []string{ask, "< \x00\x06tsize\x006\x00", "> \x00\x04\x00\x00",
			"< \x00\x03\x00\x01hello", "> \x00\x05\x00\x00"}, "hello", io.ErrUnexpectedEOF},
		{"ends with an error that is cut short", ch06.Client{}, []string{ask, "< \x00\x05\x00\x01no zero byte"}, "", ch06.ErrNotFound},
		{"sends nothing, twice", ch06.Client{}, []string{ask, "< \x00\x03\x00\x01" + strings.Repeat("x", 512), "> \x00\x04\x00\x01",
			"< ", "< \x00", "< \x00\x03\x00\x02y", "> \x00\x04\x00\x02"}, strings.Repeat("x", 512) + "y", nil},
		{"ends with an error", ch06.Client{}, []string{ask, "< \x00\x03\x00\x01" + strings.Repeat("x", 512), "> \x00\x04\x00\x01",
			"< \x00\x05\x00\x00disk on fire\x00"}, strings.Repeat("x", 512), ch06.ErrUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := clientScript(t, tt.script)
			var got bytes.Buffer
			tt.client.Timeout = 10 * time.Second // a script has no line for a second try
			n, err := tt.client.Get(t.Context(), addr, "f", &got)
			if got.String() != tt.want || n != int64(len(tt.want)) {
				t.Errorf("Get = %d, content %.40q, want %.40q", n, &got, tt.want)
			}
			if !errors.Is(err, tt.err) {
				t.Errorf("Get error = %v, want %v", err, tt.err)
			}
			if err != nil {
				t.Log(err)
			}
		})
	}
}

// A datagram from anybody but the server is answered with ERROR 5, and changes nothing.
func TestClientChecksTheSender(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	stranger, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		b := make([]byte, 2048)
		_, client, err := server.ReadFrom(b)
		if err != nil {
			t.Error(err)
			return
		}
		server.WriteTo([]byte("\x00\x03\x00\x01"+strings.Repeat("x", 512)), client) // the client's timer covers a loss
		server.ReadFrom(b)                                                          // ACK 1
		stranger.WriteTo([]byte("\x00\x03\x00\x02evil"), client)
		if n, _, err := stranger.ReadFrom(b); err != nil || !strings.HasPrefix(string(b[:n]), "\x00\x05\x00\x05") {
			t.Errorf("the stranger got %q, %v, want ERROR 5", b[:n], err)
		}
		server.WriteTo([]byte("\x00\x03\x00\x02good"), client)
		server.ReadFrom(b) // ACK 2
	})
	var got bytes.Buffer
	if _, err := (&ch06.Client{}).Get(t.Context(), server.LocalAddr().String(), "f", &got); err != nil || !strings.HasSuffix(got.String(), "xgood") {
		t.Errorf("Get = %.20q, %v, want the server's blocks", &got, err)
	}
}

// A writer that fails ends the transfer with its error, and the server learns it.
func TestClientWriterFails(t *testing.T) {
	addr := clientScript(t, []string{">", "< \x00\x03\x00\x01hello", "> \x00\x05\x00\x03"})
	_, err := (&ch06.Client{Timeout: 10 * time.Second}).Get(t.Context(), addr, "f", clientFullDisk{})
	if !errors.Is(err, errClientFullDisk) {
		t.Errorf("Get error = %v, want the writer's", err)
	}
}

// The server's address may be a name, or be left out where it is this machine's.
func TestClientAddresses(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost", "", "0.0.0.0", "::ffff:127.0.0.1"} {
		_, port, err := net.SplitHostPort(clientScript(t, []string{">", "< \x00\x03\x00\x01hello", ">"}))
		if err != nil {
			t.Fatal(err)
		}
		addr := net.JoinHostPort(host, port)
		if n, err := (&ch06.Client{}).Get(t.Context(), addr, "f", io.Discard); err != nil || n != 5 {
			t.Errorf("Get from %q = %d, %v, want 5", addr, n, err)
		}
	}
}

func TestClientWrongUse(t *testing.T) {
	for _, tt := range []struct {
		client     ch06.Client
		addr, name string
	}{
		{ch06.Client{BlockSize: 7}, "127.0.0.1:69", "f"},
		{ch06.Client{BlockSize: 65465}, "127.0.0.1:69", "f"},
		{ch06.Client{WindowSize: 32768}, "127.0.0.1:69", "f"},
		{ch06.Client{}, "127.0.0.1", "f"},
		{ch06.Client{}, "127.0.0.1:x-y", "f"},
		{ch06.Client{}, "127.0.0.1:0", "f"},
		{ch06.Client{}, "127.0.0.1:69", ""},
		{ch06.Client{}, "127.0.0.1:69", "a\x00b"},
		{ch06.Client{}, "127.0.0.1:69", strings.Repeat("f", 600)},
	} {
		_, err := tt.client.Get(t.Context(), tt.addr, tt.name, io.Discard)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) { // not refused, but tried in vain
			t.Errorf("Get(%q, %.10q) of %d and %d: error = %v, want one at once",
				tt.addr, tt.name, tt.client.BlockSize, tt.client.WindowSize, err)
		} else {
			t.Log(err)
		}
	}
}

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

// clientScript plays a server until the test ends.
func clientScript(t *testing.T, script []string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		conn.SetReadDeadline(time.Now().Add(5 * time.Second)) // bounds a failure; cannot fail: conn is open
		wg.Wait()
		conn.Close()
	})
	wg.Go(func() {
		b := make([]byte, 65536)
		var client net.Addr
		for _, line := range script {
			if answer, ok := strings.CutPrefix(line, "< "); ok {
				if _, err := conn.WriteTo([]byte(answer), client); err != nil {
					t.Error(err)
				}
				continue
			}
			var n int
			if n, client, err = conn.ReadFrom(b); err != nil {
				t.Errorf("%q did not come: %v", line, err)
				return
			}
			if want := strings.TrimPrefix(line[1:], " "); !strings.HasPrefix(string(b[:n]), want) {
				t.Errorf("the client sent %.60q, want %.60q", b[:n], want)
			}
		}
	})
	return conn.LocalAddr().String()
}

var errClientFullDisk = errors.New("disk full")

type clientFullDisk struct{}

func (clientFullDisk) Write([]byte) (int, error) { return 0, errClientFullDisk }
