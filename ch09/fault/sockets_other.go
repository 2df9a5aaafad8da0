//go:build !linux

package main

import (
	"context"
	"errors"
)

// Copy with: connections.go, dns.go, main.go, resources.go, serve.go, sockets_linux.go.

// Elsewhere these faults are refused: the space check is Linux's, so no file is made
// either, and the queue of a listener works in another way.

func freeMiB(string) (int, error) { return 0, errors.ErrUnsupported }

func refused(context.Context, *fault) error { return errors.ErrUnsupported }

func timeout(context.Context, *fault) error { return errors.ErrUnsupported }

func descriptors(context.Context, *fault) error { return errors.ErrUnsupported }
