// Package command builds the commands of a chapter and runs them as their users do.
package command

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// Copy with: process.go.

// limit bounds a failure, even on a busy machine.
const limit = 30 * time.Second

// Build builds the command in a folder, such as "./echo", and returns the path of the
// program, which is removed after the test. A second build takes a moment only.
func Build(t testing.TB, folder string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program.exe") // Windows wants the ending
	// go run keeps what it has linked and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", folder, program)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", program, folder)
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened. Let it see all folders that
	// the command is built from.
	if err := filepath.WalkDir(".", func(_ string, _ fs.DirEntry, err error) error {
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return program
}

// Result is what a command left that has ended.
type Result struct {
	Status         int // -1 if a signal ended it
	Stdout, Stderr string
}

// Run runs a program to its end.
func Run(t testing.TB, program string, args ...string) Result {
	t.Helper()
	return RunCmd(t, exec.Command(program, args...))
}

// RunCmd runs cmd to its end. Its Dir, Env and Stdin may be set, and its Stdout or Stderr
// too; what is written there is not in the Result.
func RunCmd(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	return StartCmd(t, cmd).Wait(t)
}
