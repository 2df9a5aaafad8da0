//go:build linux && !386

package ch07_test

import (
	"os"
	"testing"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
)

// What it costs to ask the kernel about a peer, and the databases about its user.
func BenchmarkWhoIsThere(b *testing.B) {
	_, conn := conns.UnixPair(b)
	none := ch07.Groups{4_000_000_000: {}} // so that every group is looked at
	for name, ask := range map[string]func() error{
		"kernel/PeerCredentials": func() error {
			_, err := ch07.PeerCredentials(conn)
			return err
		},
		"kernel/Allowed": func() error {
			_, err := ch07.Allowed(conn, none)
			return err
		},
		"database/UserGroups": func() error {
			_, err := ch07.UserGroups(uint32(os.Getuid()))
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			if err := ask(); err != nil {
				b.Skip(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
