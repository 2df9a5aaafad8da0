package idle_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/idle"
)

// Over TLS a Write that timed out ends the connection, and a Read that timed out does
// not. It makes no difference which of the two wraps the other.
func TestTimeoutTLS(t *testing.T) {
	const limit = 30 * time.Second
	server := httptest.NewTLSServer(nil) // for its certificate
	defer server.Close()
	config := server.TLS.Clone()
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"limit around TLS": func(conn net.Conn) net.Conn {
			return idle.Timeout(tls.Server(conn, config), limit)
		},
		"TLS around limit": func(conn net.Conn) net.Conn {
			return tls.Server(idle.Timeout(conn, limit), config)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				local, remote := net.Pipe()
				defer local.Close()
				defer remote.Close()
				conn := wrap(local)
				client := tls.Client(remote, &tls.Config{InsecureSkipVerify: true,
					SessionTicketsDisabled: true})
				go io.ReadFull(client, make([]byte, 1)) // one byte, not more
				if _, err := conn.Write([]byte("x")); err != nil {
					t.Fatal(err)
				}

				start := time.Now()
				_, err := conn.Read(make([]byte, 1))
				tlsWant(t, "Read", err, start, limit)
				synctest.Wait()
				go io.WriteString(client, "y") // an error shows in the read
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					t.Errorf("Read after a timeout = %v, want nil", err)
				}

				start = time.Now()
				_, err = conn.Write([]byte("x"))
				tlsWant(t, "Write", err, start, limit)
				go io.Copy(io.Discard, remote)
				if _, err := conn.Write([]byte("x")); err == nil {
					t.Error("Write after a timeout = nil, want an error: TLS cannot go on")
				}
			})
		})
	}
}

// tlsWant checks that a call timed out, and when.
func tlsWant(t *testing.T, call string, err error, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s ended after %v with %v, want %v and os.ErrDeadlineExceeded",
			call, got, err, want)
	}
}
