package ch07_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"network-programming-with-go/ch07/internal/conns"
)

// credsRefuseMain asks the fallback about a peer that is in the group asked for.
const credsRefuseMain = `package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	"network-programming-with-go/ch07"
)

func main() {
	l, err := net.Listen("unix", os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	client, err := net.Dial("unix", os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	groups := ch07.Groups{uint32(os.Getegid()): {}}
	ok, err := ch07.Allowed(conn.(*net.UnixConn), groups)
	fmt.Println(ok, errors.Is(err, errors.ErrUnsupported))
	_, err = ch07.PeerGroups(conn.(*net.UnixConn))
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
}
`

// The file for systems that cannot identify peers must refuse every peer. Such systems are
// rare, so the chapter is built for this one with that file, without its build constraint,
// in place of the files for Linux.
func TestAllowedRefusesWithoutCredentials(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("needs the go command: %v", err)
	}
	t.Parallel()
	dir := conns.SocketDir(t)
	other, err := os.ReadFile("creds_other.go")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// What these files hold in the copy that is built; "" leaves the file out.
	replace := map[string]string{filepath.Join(here, "creds_linux.go"): "",
		filepath.Join(here, "creds_groups_linux.go"): ""}
	for name, source := range map[string]string{
		"creds_other.go": strings.Replace(string(other), "//go:build !linux || 386\n", "", 1),
		"refuse/main.go": credsRefuseMain,
	} {
		path := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(here, filepath.FromSlash(name))] = path
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "run", "-overlay="+overlay, "./refuse",
		filepath.Join(dir, "s.sock")).CombinedOutput()
	t.Logf("Allowed for the peer's own group, and whether ErrUnsupported:\n%s", out)
	if want := "false true\ntrue\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}
