//go:build !linux

package main

import (
	"context"
	"errors"
)

// Copy with: connections.go, dns.go, dns_message.go, files.go, main.go, options.go,
// resources.go, serve.go, sockets_linux.go.

// Other systems refuse these faults: the space check is Linux's, so no file is made
// either, and a listener's queue works in another way.

func freeMiB(string) (int, error) { return 0, errors.ErrUnsupported }

func refused(context.Context, *fault) error { return errors.ErrUnsupported }

func timeout(context.Context, *fault) error { return errors.ErrUnsupported }

func descriptors(context.Context, *fault) error { return errors.ErrUnsupported }
