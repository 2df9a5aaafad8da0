package conns

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// SocketDir returns an empty folder with a short name, as t.TempDir may be too long for
// the path of a Unix socket: 104 bytes on macOS. It is removed after the test.
func SocketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// UnixPair returns the two ends of a Unix stream connection.
func UnixPair(t testing.TB) (client, server *net.UnixConn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(SocketDir(t), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return dialed.(*net.UnixConn), accepted.(*net.UnixConn)
}
