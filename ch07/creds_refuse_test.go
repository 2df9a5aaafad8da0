package ch07_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// credsRefuseMain asks the fallback about a peer that is in the very group asked for.
const credsRefuseMain = `package main

import (
	"errors"
	"fmt"
	"net"
	"os"
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
	groups := Groups{uint32(os.Getegid()): {}}
	ok, err := Allowed(conn.(*net.UnixConn), groups)
	fmt.Println(ok, errors.Is(err, errors.ErrUnsupported))
	_, err = PeerGroups(conn.(*net.UnixConn))
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
}
`

// The file for systems that cannot identify peers must refuse everyone. Few readers'
// machines are such systems, so it is built for this one: alone, without its constraint.
func TestAllowedRefusesWithoutCredentials(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("needs the go command: %v", err)
	}
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	files := map[string][]byte{
		"go.mod":  []byte("module refuse\n\ngo 1.26\n"),
		"main.go": []byte(credsRefuseMain),
	}
	for _, name := range []string{"creds.go", "creds_other.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source = bytes.Replace(source, []byte("package ch07"), []byte("package main"), 1)
		files[name] = bytes.Replace(source, []byte("//go:build !linux || 386\n"), nil, 1)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", ".", filepath.Join(dir, "s.sock"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	t.Logf("Allowed for the peer's own group, and whether ErrUnsupported:\n%s", out)
	if want := "false true\ntrue\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}
