//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package ch07_test

import (
	"errors"
	"testing"

	"network-programming-with-go/ch07"
)

// Where the bits cannot be had, there is no listener.
func TestListenRefuses(t *testing.T) {
	if l, err := ch07.Listen("unix", "s.sock", 0o600); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen = %v, %v, want errors.ErrUnsupported", l, err)
	}
}
