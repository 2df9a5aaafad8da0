package ch07_test

import (
	"os"
	"strings"
	"testing"
)

// The command creds accepts with the same lines as ServeEcho, whose tests are in
// echo_accept_test.go.
func TestAcceptIsTheSame(t *testing.T) {
	var lines []string
	for _, name := range []string{"echo.go", "creds/main.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(source), "\n// accept returns ")
		accept, _, ok := strings.Cut(rest, "\n\treturn false\n}\n") // the end of acceptPasses
		if !ok {
			t.Fatalf("%s: no function accept", name)
		}
		lines = append(lines, accept)
	}
	if lines[0] != lines[1] {
		t.Errorf("accept of creds/main.go:\n%s\nwant that of echo.go:\n%s", lines[1], lines[0])
	}
}
