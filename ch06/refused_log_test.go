package ch06_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// The log names the file of a request that is refused, also of a write request, whose client
// gets the same response whether or not it is well-formed. Trace sees it as it was sent.
func TestRefusedLog(t *testing.T) {
	for _, tt := range []struct{ name, request, file, trace string }{
		{"write request", "\x00\x02up/load\x00octet\x00", "file=up/load", "WRQ"},
		{"write request with options", "\x00\x02f\x00octet\x00tsize\x005\x00", "file=f", "WRQ"},
		{"malformed write request", "\x00\x02f", `file=""`, "WRQ"},
		{"text mode", "\x00\x01f\x00netascii\x00", "file=f", "RRQ"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log, trace bytes.Buffer
				network := &packetnet.Network{}
				server := &ch06.Server{Payload: []byte("content")}
				server.Trace = func(sent bool, _ netip.AddrPort, packet []byte) {
					if !sent {
						trace.WriteString(ch06.Describe(packet))
					}
				}
				server.Logger, server.ListenPacket = slog.New(slog.NewTextHandler(&log, nil)), network.ListenPacket
				to := network.Serve(t, server, ch06.ErrServerClosed)
				client := network.MustListen(t, "192.0.2.2:2000")
				client.Send(to, tt.request)
				packet, _ := client.Receive()
				if got := ch06.Describe([]byte(packet)); !strings.HasPrefix(got, "ERROR 4 ") {
					t.Errorf("the response is %s, want ERROR 4", got)
				}
				synctest.Wait() // the log is written
				if got := log.String(); !strings.Contains(got, tt.file+" code=4") {
					t.Errorf("the log is %s, want %s", got, tt.file)
				}
				if got := trace.String(); !strings.HasPrefix(got, tt.trace) {
					t.Errorf("Trace saw %s, want the %s", got, tt.trace)
				}
			})
		})
	}
}
