package sockfile_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"network-programming-with-go/ch07/sockfile"
)

// On a system without permission bits and locks Listen fails.
func TestListenRefuses(t *testing.T) {
	switch runtime.GOOS {
	case "linux", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly":
		t.Skipf("%s has them, see sockfile_test.go", runtime.GOOS)
	}
	path := filepath.Join(t.TempDir(), "s.sock")
	if l, err := sockfile.Listen("unix", path, 0o600); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen = %v, %v, want errors.ErrUnsupported", l, err)
	}
}
