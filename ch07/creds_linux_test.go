//go:build !386

package ch07_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/sockfile"
)

// credsListen listens where every user can connect.
func credsListen(t testing.TB) net.Listener {
	t.Helper()
	dir := conns.SocketDir(t)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	l, err := sockfile.Listen("unix", filepath.Join(dir, "s.sock"), 0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestCredsPeer is the other end: it connects and stays until the connection ends.
func TestCredsPeer(t *testing.T) {
	path := os.Getenv("CH07_CREDS")
	if path == "" {
		t.Skip("runs as a child process of other tests only")
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println(err) // the parent skips its test
		os.Exit(3)
	}
	io.Copy(io.Discard, conn)
}

// credsOther returns a connection from another process under another user and its PID.
func credsOther(t *testing.T, cred syscall.Credential) (*net.UnixConn, int) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can start a process as another user")
	}
	l := credsListen(t)
	// /proc/self/exe can be run even from a directory that the other user cannot search.
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestCredsPeer$")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "CH07_CREDS="+l.Addr().String(),
		"GORACE=atexit_sleep_ms=0") // or it stays for a second
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &cred}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no process as user %d: %v", cred.Uid, err)
	}
	waited := make(chan error, 1)
	go func() {
		said, _ := io.ReadAll(out)
		err := cmd.Wait()
		if err != nil {
			l.Close() // there will be nothing to accept
			err = fmt.Errorf("%w: %s", err, said)
		}
		waited <- err
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Skipf("user %d cannot connect: %v", cred.Uid, <-waited)
	}
	t.Cleanup(func() {
		conn.Close() // ends the child
		if err := <-waited; err != nil {
			t.Error(err)
		}
	})
	return conn.(*net.UnixConn), cmd.Process.Pid
}

// Each end learns who the other is, here the same process.
func TestPeerCredentials(t *testing.T) {
	client, server := conns.UnixPair(t)
	want := ch07.Credentials{PID: int32(os.Getpid()),
		UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	for _, conn := range []*net.UnixConn{client, server} {
		got, err := ch07.PeerCredentials(conn)
		t.Logf("peer: %+v", got)
		if err != nil || got != want {
			t.Errorf("PeerCredentials = %+v, %v, want %+v", got, err, want)
		}
	}
	client.Close() // what was recorded stays
	if got, err := ch07.PeerCredentials(server); err != nil || got != want {
		t.Errorf("PeerCredentials after the peer's end = %+v, %v, want %+v", got, err, want)
	}
	server.Close()
	if _, err := ch07.PeerCredentials(server); !errors.Is(err, net.ErrClosed) {
		t.Errorf("PeerCredentials on a closed connection: %v, want net.ErrClosed", err)
	}
	if _, err := ch07.PeerGroups(server); !errors.Is(err, net.ErrClosed) {
		t.Errorf("PeerGroups on a closed connection: %v, want net.ErrClosed", err)
	}
}

// A datagram socket has no recorded peer. The kernel returns user and group 4294967295, which
// must not count as a group that a set could name.
func TestPeerCredentialsNoPeer(t *testing.T) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := ch07.PeerCredentials(conn); !errors.Is(err, ch07.ErrNoPeer) {
		t.Errorf("PeerCredentials = %+v, %v, want ErrNoPeer", got, err)
	}
	if got, err := ch07.PeerGroups(conn); !errors.Is(err, ch07.ErrNoPeer) {
		t.Errorf("PeerGroups = %v, %v, want ErrNoPeer", got, err)
	}
	ok, err := ch07.Allowed(conn, ch07.Groups{1<<32 - 1: {}})
	if ok || !errors.Is(err, ch07.ErrNoPeer) {
		t.Errorf("Allowed = %v, %v, want false, ErrNoPeer", ok, err)
	}
}

// The supplementary groups are those the process really has.
func TestPeerGroups(t *testing.T) {
	client, _ := conns.UnixPair(t)
	got, err := ch07.PeerGroups(client)
	own, _ := os.Getgroups()
	want := make([]uint32, 0)
	for _, gid := range own {
		want = append(want, uint32(gid))
	}
	slices.Sort(got)
	slices.Sort(want)
	t.Logf("groups %v", got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("PeerGroups = %v, %v, want %v", got, err, want)
	}
}

// A peer of another user is admitted by its effective group and by its supplementary groups,
// although no database lists them. Any other group, such as root's, does not admit it.
func TestAllowedOtherUser(t *testing.T) {
	cred := syscall.Credential{Uid: 65534, Gid: 65533, Groups: []uint32{4242, 4243}}
	conn, pid := credsOther(t, cred)
	got, err := ch07.PeerCredentials(conn)
	t.Logf("peer: %+v", got)
	want := ch07.Credentials{PID: int32(pid), UID: 65534, GID: 65533}
	if err != nil || got != want {
		t.Errorf("PeerCredentials = %+v, %v, want %+v", got, err, want)
	}
	database, err := ch07.UserGroups(got.UID)
	t.Logf("the database says %v, %v", database, err)
	for gid, want := range map[uint32]bool{65533: true, 4242: true, 4243: true,
		0: false, 4244: false, 65534: false} {
		ok, err := ch07.Allowed(conn, ch07.Groups{gid: {}})
		if ok != want || err != nil {
			t.Errorf("Allowed for group %d = %v, %v, want %v", gid, ok, err, want)
		}
	}
}

// More groups than fit into the first buffer, and exactly as many as fit.
func TestPeerGroupsMany(t *testing.T) {
	for _, count := range []uint32{64, 65, 1000} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			cred := syscall.Credential{Uid: 65534, Gid: 65534}
			for gid := range count {
				cred.Groups = append(cred.Groups, 10_000+gid)
			}
			conn, _ := credsOther(t, cred)
			got, err := ch07.PeerGroups(conn)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, cred.Groups) {
				t.Errorf("PeerGroups returned %d groups, %v, want %d", len(got), err, count)
			}
		})
	}
}
