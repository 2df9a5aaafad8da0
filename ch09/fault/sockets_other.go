//go:build !linux

package main

import (
	"context"
	"errors"
)

// Copy with: connections.go, dns.go, main.go, options.go, resources.go, serve.go, sockets_linux.go.

// Other systems refuse these faults, and those that make files: the space is not known.

func freeMiB(string) (int, error)               { return 0, errors.ErrUnsupported }
func refused(context.Context, *fault) error     { return errors.ErrUnsupported }
func timeout(context.Context, *fault) error     { return errors.ErrUnsupported }
func descriptors(context.Context, *fault) error { return errors.ErrUnsupported }
