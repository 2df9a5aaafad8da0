package ch07_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"network-programming-with-go/ch07"
)

// credsPair returns both ends of a connection of this process with itself.
func credsPair(t testing.TB) (client, server *net.UnixConn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s.sock"))
	if err != nil {
		t.Skipf("no unix sockets here: %v", err)
	}
	defer l.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return c.(*net.UnixConn), s.(*net.UnixConn)
}

func TestParseGroupNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("groups are no numbers on Windows")
	}
	for _, c := range []struct {
		names []string
		want  []uint32
	}{
		{nil, nil},
		{[]string{"4242"}, []uint32{4242}}, // need not be in the database
		{[]string{"4242", "04242", "7"}, []uint32{7, 4242}},
		{[]string{"4294967294"}, []uint32{1<<32 - 2}},
	} {
		groups, err := ch07.ParseGroupNames(c.names...)
		got := make([]uint32, 0)
		for gid := range groups {
			got = append(got, gid)
		}
		slices.Sort(got)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("ParseGroupNames(%q) = %v, %v, want %v", c.names, got, err, c.want)
		}
	}
	for _, name := range []string{"", "no-such-group", "-1", "4294967295", "4294967296", "7 "} {
		groups, err := ch07.ParseGroupNames("4242", name)
		if err == nil || groups != nil {
			t.Errorf("ParseGroupNames(4242, %q) = %v, %v, want an error", name, groups, err)
		}
		t.Log(err)
	}
	_, err := ch07.ParseGroupNames("no-such-group")
	if _, ok := errors.AsType[user.UnknownGroupError](err); !ok {
		t.Errorf("ParseGroupNames(no-such-group) = %v, want user.UnknownGroupError", err)
	}
	g, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Skipf("our own group has no name: %v", err)
	}
	groups, err := ch07.ParseGroupNames(g.Name)
	if _, ok := groups[uint32(os.Getgid())]; err != nil || !ok || len(groups) != 1 {
		t.Errorf("ParseGroupNames(%q) = %v, %v, want %s", g.Name, groups, err, g.Gid)
	}
}

func TestUserGroups(t *testing.T) {
	if _, err := ch07.UserGroups(4_000_000_000); err == nil {
		t.Error("UserGroups of a user that does not exist: no error")
	}
	if runtime.GOOS == "windows" {
		t.Skip("users are no numbers on Windows")
	}
	me, err := user.Current()
	if err != nil {
		t.Skipf("we are not in the user database: %v", err)
	}
	gids, err := ch07.UserGroups(uint32(os.Getuid()))
	t.Logf("the database puts user %d in %v", os.Getuid(), gids)
	primary, _ := strconv.Atoi(me.Gid)
	if err != nil || !slices.Contains(gids, uint32(primary)) {
		t.Errorf("UserGroups = %v, %v, want %d among them", gids, err, primary)
	}
}

// On every system: who is not known to be in a group stays out. Where peers cannot be
// identified that is everyone, with an error that says so.
func TestAllowedRefuses(t *testing.T) {
	client, server := credsPair(t)
	own := ch07.Groups{uint32(os.Getgid()): {}}
	identified := true
	if _, err := ch07.PeerCredentials(server); errors.Is(err, errors.ErrUnsupported) {
		t.Log(err)
		identified = false
	} else if runtime.GOOS != "linux" {
		t.Errorf("PeerCredentials on %s: %v, want errors.ErrUnsupported", runtime.GOOS, err)
	}
	for name, c := range map[string]struct {
		conn   *net.UnixConn
		groups ch07.Groups
		want   bool
	}{
		"our own group":   {server, own, identified},
		"no group":        {server, nil, false},
		"another's group": {server, ch07.Groups{4_000_000_000: {}}, false},
		"no peer's group": {server, ch07.Groups{1<<32 - 1: {}}, false},
	} {
		got, err := ch07.Allowed(c.conn, c.groups)
		if got != c.want || (err == nil) != identified {
			t.Errorf("Allowed for %s = %v, %v, want %v", name, got, err, c.want)
		}
	}
	client.Close()
	server.Close()
	for _, conn := range []*net.UnixConn{server, nil} {
		if got, err := ch07.Allowed(conn, own); got || err == nil {
			t.Errorf("Allowed on a closed or nil connection = %v, %v, want an error", got, err)
		}
	}
}

func ExampleParseGroupNames() {
	_, err := ch07.ParseGroupNames("no-such-group")
	fmt.Println(strings.HasPrefix(fmt.Sprint(err), `group "no-such-group":`))
	groups, err := ch07.ParseGroupNames("4242") // a number needs no name
	_, ok := groups[4242]
	fmt.Println(ok, err)
	// Output:
	// true
	// true <nil>
}
