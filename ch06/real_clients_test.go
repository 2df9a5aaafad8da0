package ch06_test

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/fastudp"
)

// TestRealClients has the clients that are installed fetch files whose lengths are special:
// none, a multiple of the block size, many blocks, more than 65,535 blocks. The sockets are
// those of tftpd.
func TestRealClients(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), t.TempDir()
	files := map[string]int{"empty": 0, "multiple": 1024, "many": 100_003, "wraps": 8 * 65_600}
	for name, size := range files {
		content := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(size)}).Read(content) // never fails
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var log bytes.Buffer // written to by transfers until Close
	server := &ch06.Server{Root: root, Logger: slog.New(slog.NewTextHandler(&log, nil)), ListenPacket: fastudp.ListenPacket}
	conn, err := fastudp.Listen("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	defer func() {
		server.Close() // always nil
		<-served
		if t.Failed() {
			t.Logf("the server's log:\n%s", &log)
		}
	}()
	addr := conn.LocalAddr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name    string
		wraps   bool // has blocks of 8 bytes, and fetches the last file
		command func(name, to string) []string
	}{
		{"curl", false, func(name, to string) []string {
			return []string{"curl", "-sS", "--tftp-no-options", "-o", to, "tftp://" + addr + "/" + name}
		}},
		{"curl, blksize 1428", false, func(name, to string) []string {
			return []string{"curl", "-sS", "--tftp-blksize", "1428", "-o", to, "tftp://" + addr + "/" + name}
		}},
		{"atftp, blocks of 8 bytes", true, func(name, to string) []string {
			return []string{"atftp", "--option", "blksize 8", "--option", "windowsize 64", "-g", "-r", name, "-l", to, "127.0.0.1", port}
		}},
		{"atftp", false, func(name, to string) []string {
			return []string{"atftp", "-g", "-r", name, "-l", to, "127.0.0.1", port}
		}},
		{"atftp, blksize and windowsize", false, func(name, to string) []string {
			return []string{"atftp", "--option", "blksize 1428", "--option", "windowsize 64", "-g", "-r", name, "-l", to, "127.0.0.1", port}
		}},
		{"tftp (tftp-hpa)", false, func(name, to string) []string {
			return []string{"tftp", "-m", "binary", "127.0.0.1", port, "-c", "get", name, to}
		}},
		{"busybox tftp", false, func(name, to string) []string {
			return []string{"busybox", "tftp", "-g", "-r", name, "-l", to, "127.0.0.1", port}
		}},
		{"busybox tftp, blksize", false, func(name, to string) []string {
			return []string{"busybox", "tftp", "-b", "1428", "-g", "-r", name, "-l", to, "127.0.0.1", port}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			program := tt.command("", "")[0]
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("%s is not installed", program)
			}
			for name, size := range files {
				if tt.wraps != (name == "wraps") {
					continue
				}
				to := filepath.Join(out, "got")
				os.Remove(to) // from the client before; clients differ in whether they replace it
				args := tt.command(name, to)
				if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Errorf("%q: %v\n%s", args, err, text)
					continue
				}
				got, err := os.ReadFile(to)
				want, _ := root.ReadFile(name) // written above
				if os.IsNotExist(err) && size == 0 {
					got, err = nil, nil // some make no file if nothing comes
				}
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%q: %d bytes, %v, want %d", args, len(got), err, size)
				}
			}
		})
	}
}
