package conns

import (
	"path/filepath"
	"runtime/debug"
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

// KeepGarbage turns the garbage collector off until the test ends. It closes a conn or file
// that was forgotten, so that a check for leaks finds nothing. Call it before the check.
func KeepGarbage(t testing.TB) {
	old := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(old) })
}
