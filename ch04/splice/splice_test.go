package splice_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
	"network-programming-with-go/ch04/splice"
)

// Any conns will do: the bytes arrive, and the end of src is not an error.
func TestCopy(t *testing.T) {
	leak.Check(t)
	var c splice.Copier
	defer c.Close()
	for _, tt := range []struct {
		name string
		pair func(t *testing.T) (net.Conn, net.Conn)
	}{
		{"TCP", func(t *testing.T) (net.Conn, net.Conn) { return conns.TCPPair(t) }},
		{"Unix", func(t *testing.T) (net.Conn, net.Conn) { return conns.UnixPair(t) }},
		{"pipe", func(t *testing.T) (net.Conn, net.Conn) { return net.Pipe() }},
	} {
		for _, size := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 3 << 20} {
			t.Run(fmt.Sprint(tt.name, " ", size), func(t *testing.T) {
				out, src := tt.pair(t)
				dst, in := tt.pair(t)
				want := bytes.Repeat([]byte("0123456"), size/7+1)[:size]
				go func() {
					out.Write(want) // a failure shows in what is read
					out.Close()
				}()
				done := make(chan error, 1)
				go func() {
					done <- c.Copy(dst, src)
					dst.Close()
				}()
				if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, want) {
					t.Errorf("read %d bytes, %v, want %d", len(got), err, size)
				}
				if err := <-done; err != nil {
					t.Errorf("Copy = %v, want nil", err)
				}
				in.Close()
				src.Close()
			})
		}
	}
}

// short is a conn with a faulty Write: it takes half and reports no error.
type short struct{ net.Conn }

func (c short) Write(p []byte) (int, error) { return c.Conn.Write(p[:len(p)/2]) }

// A byte that is lost must not go unnoticed.
func TestCopyShortWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, src := net.Pipe()
		dst, in := net.Pipe()
		go io.Copy(io.Discard, in)
		go out.Write([]byte("hello")) // a failure shows in what Copy returns
		var c splice.Copier
		if err := c.Copy(short{dst}, src); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("Copy = %v, want io.ErrShortWrite", err)
		}
		src.Close()
		dst.Close()
	})
}

// A read or a write that fails says so, and which of the two it was.
func TestCopyErrors(t *testing.T) {
	leak.Check(t)
	var c splice.Copier
	defer c.Close()
	for _, size := range []int{1, 1 << 20} {
		_, src := conns.TCPPair(t)
		dst, _ := conns.TCPPair(t)
		src.Close()
		if err := c.Copy(dst, src); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Copy from a closed conn = %v, want net.ErrClosed", err)
		}
		out, src := conns.TCPPair(t)
		dst.Close()
		go out.Write(make([]byte, size)) // as much as it takes
		if err := c.Copy(dst, src); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Copy to a closed conn = %v, want net.ErrClosed", err)
		}
		out, src = conns.TCPPair(t)
		dst, in := conns.TCPPair(t)
		in.SetLinger(0)
		in.Close() // a reset
		go func() {
			for err := error(nil); err == nil; {
				_, err = out.Write(make([]byte, size)) // until src is closed
			}
		}()
		err := c.Copy(dst, src)
		if err == nil || !strings.Contains(err.Error(), "write") {
			t.Errorf("Copy to a conn that was reset = %v, want the error of a write", err)
		}
		src.Close()
	}
}

// moved counts calls of Moved. Package splice moves its bytes past Read and Write.
type moved struct {
	net.Conn
	calls *int
}

func (c moved) NetConn() net.Conn { return c.Conn }
func (c moved) Moved()            { *c.calls++ }

func (c moved) Read([]byte) (int, error) { return 0, errors.New("read by Read") }

// What lies around a *net.TCPConn is asked first whether it may be passed by.
func TestCopyMoved(t *testing.T) {
	out, src := conns.TCPPair(t)
	dst, in := conns.TCPPair(t)
	var c splice.Copier
	defer c.Close()
	io.WriteString(out, "hello") // a failure shows in what is read
	out.CloseWrite()
	var read, written int
	err := c.Copy(moved{dst, &written}, moved{src, &read})
	if linux := err == nil; linux && (read != 1 || written != 1) {
		t.Errorf("Moved was called %d times for a read and %d times for a write, want 1 and 1",
			read, written)
	}
	if err != nil && err.Error() != "read by Read" {
		t.Errorf("Copy = %v", err)
	}
	dst.CloseWrite()
	if got, err2 := io.ReadAll(in); err == nil && (string(got) != "hello" || err2 != nil) {
		t.Errorf("read %q, %v, want hello", got, err2)
	}
}

func ExampleCopier() {
	out, src := net.Pipe()
	dst, in := net.Pipe()
	go func() {
		fmt.Fprint(out, "hello") // a failure shows in the read
		out.Close()
	}()
	go func() {
		defer dst.Close()
		var c splice.Copier
		if err := c.Copy(dst, src); err != nil {
			fmt.Println(err)
		}
	}()
	got, err := io.ReadAll(in)
	fmt.Printf("%s %v\n", got, err)
	// Output: hello <nil>
}
