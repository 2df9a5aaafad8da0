// Package command builds the commands of a chapter and runs them as their users do.
package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Copy with: process.go.

// limit bounds a failure, even on a busy machine.
const limit = 30 * time.Second

// builds has a function for each folder that was built, to build each only once.
var builds sync.Map

// Build builds the command in a folder, such as "./echo", and returns the path of the
// program, which stands in the build cache.
func Build(t testing.TB, folder string) string {
	t.Helper()
	once, _ := builds.LoadOrStore(folder, sync.OnceValues(func() (string, error) { return build(folder) }))
	program, err := once.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
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

// build has go run tell what it would run: at first that may be a file that go run removes,
// then it is the one that go run keeps.
func build(folder string) (program string, err error) {
	for range 2 {
		tell := exec.Command("go", "run", "-exec", "echo", folder)
		if runtime.GOOS == "windows" { // where echo is not a program
			tell = exec.Command("go", "run", "-exec", "cmd /c echo", folder)
		}
		out, err := tell.Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				out = exit.Stderr
			}
			return "", fmt.Errorf("%v: %w\n%s", tell, err, out)
		}
		program = strings.Trim(string(out), "\" \r\n") // cmd quotes a path with spaces
		if _, err := os.Stat(program); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("go run does not keep %s", program)
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
