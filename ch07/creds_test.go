package ch07_test

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
)

func TestParseGroupNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("groups are not numbers on Windows")
	}
	for _, tt := range []struct {
		names []string
		want  []uint32
	}{
		{nil, nil},
		{[]string{"4242"}, []uint32{4242}}, // need not be in the database
		{[]string{"4242", "04242", "7"}, []uint32{7, 4242}},
		{[]string{"4294967294"}, []uint32{1<<32 - 2}},
	} {
		groups, err := ch07.ParseGroupNames(tt.names...)
		got := slices.Sorted(maps.Keys(groups))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("ParseGroupNames(%q) = %v, %v, want %v", tt.names, got, err, tt.want)
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
		t.Skip("users are not numbers on Windows")
	}
	me, err := user.Current()
	if err != nil {
		t.Skipf("we are not in the user database: %v", err)
	}
	for _, name := range []string{me.Username, "nobody", "daemon"} {
		u, err := user.Lookup(name)
		if err != nil {
			t.Log(err)
			continue
		}
		want, err := u.GroupIds()
		if err != nil {
			t.Fatal(err)
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		gids, err := ch07.UserGroups(uint32(uid))
		t.Logf("the database puts %s (%s) in %v", name, u.Uid, gids)
		if got := strings.Fields(strings.Trim(fmt.Sprint(gids), "[]")); err != nil || !slices.Equal(got, want) {
			t.Errorf("UserGroups(%s) = %v, %v, want %v", u.Uid, gids, err, want)
		}
	}
}

// A peer that is not known to be in a group is refused. If the system cannot identify peers,
// every peer is refused, with an error.
func TestAllowedRefuses(t *testing.T) {
	client, server := conns.UnixPair(t)
	own := ch07.Groups{uint32(os.Getgid()): {}}
	identified := true
	if _, err := ch07.PeerCredentials(server); errors.Is(err, errors.ErrUnsupported) {
		t.Log(err)
		identified = false
	} else if runtime.GOOS != "linux" {
		t.Errorf("PeerCredentials on %s: %v, want errors.ErrUnsupported", runtime.GOOS, err)
	}
	for _, tt := range []struct {
		name   string
		groups ch07.Groups
		want   bool
	}{
		{"our own group", own, identified},
		{"no group", nil, false},
		{"another's group", ch07.Groups{4_000_000_000: {}}, false},
		{"no peer's group", ch07.Groups{1<<32 - 1: {}}, false},
	} {
		got, err := ch07.Allowed(server, tt.groups)
		if got != tt.want || (err == nil) != identified {
			t.Errorf("Allowed for %s = %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	client.Close()
	server.Close()
	for _, conn := range []*net.UnixConn{server, nil, {}} {
		if got, err := ch07.Allowed(conn, own); got || err == nil {
			t.Errorf("Allowed on a closed, nil or zero connection = %v, %v, want an error", got, err)
		}
	}
}

func ExampleParseGroupNames() {
	_, err := ch07.ParseGroupNames("no-such-group")
	fmt.Println(strings.HasPrefix(fmt.Sprint(err), `group "no-such-group":`))
	groups, err := ch07.ParseGroupNames("4242") // a number needs no entry
	_, ok := groups[4242]
	fmt.Println(ok, err)
	// Output:
	// true
	// true <nil>
}
