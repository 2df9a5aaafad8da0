package ch04

import (
	"context"
	"fmt"
	"net"
)

// Copy with: proxy.go.

// ProxyConn connects to the TCP addresses source and destination and lets them talk:
// what Proxy.Run does, with both connections made here. ctx also bounds the dialing.
func ProxyConn(ctx context.Context, source, destination string) error {
	var d net.Dialer
	client, err := d.DialContext(ctx, "tcp", source)
	if err != nil {
		return fmt.Errorf("proxy: source: %w", err)
	}
	defer client.Close()
	server, err := d.DialContext(ctx, "tcp", destination)
	if err != nil {
		return fmt.Errorf("proxy: destination: %w", err)
	}
	return Proxy{}.Run(ctx, client, server)
}
