package conns

import (
	"path/filepath"
	"testing"
)

// Copy with: unix.go.

// CleanDir is SocketDir for a test that must leave nothing: it fails if something is left.
func CleanDir(t testing.TB) string {
	t.Helper()
	dir := SocketDir(t)
	t.Cleanup(func() { // runs before that of SocketDir
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
	return dir
}
