package ch06_test

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// Each transfer that ends leaves one line in the log, and so does a refusal. What is usual
// is no warning: a file that is not there, and UEFI's probe of the size, which ends with an
// ERROR after the OACK.
func TestServerLog(t *testing.T) {
	const tail = ` rtt=2ms duration=\S+ outcome=`
	for _, tt := range []struct {
		name, request string
		sends         []string // after each response
		want          string   // a regular expression
	}{
		{"done", "a b\x00octet\x00blksize\x00300\x00windowsize\x002\x00", []string{"\x00\x04\x00\x00", "", "\x00\x04\x00\x02", "\x00\x04\x00\x03"},
			`INFO msg=transfer client=192.0.2.2:2000 file="a b" bytes=600 blocks=3 blksize=300 windowsize=2 resent=0` + tail + `done$`},
		{"size probe", "f\x00octet\x00tsize\x000\x00", []string{"\x00\x05\x00\x08no\x00"},
			`INFO msg=transfer .* bytes=0 blocks=0 blksize=512 windowsize=1 resent=0 rtt=0s .* outcome="ended by the client: ERROR 8: no"$`},
		{"ended by the client", "f\x00octet\x00", []string{"\x00\x04\x00\x01", "\x00\x05\x00\x03disk full\x00"},
			`WARN msg=transfer .* bytes=512 blocks=1 .*` + tail + `"ended by the client: ERROR 3: disk full"$`},
		{"silent", "f\x00octet\x00", nil, `WARN msg=transfer .* bytes=0 blocks=0 .* resent=5 rtt=0s duration=30s outcome="no acknowledgment: i/o timeout"$`},
		{"no such file", "missing\x00octet\x00", nil, `INFO msg=transfer .* file=missing bytes=0 blocks=0 .* outcome="ERROR 1: file not found: .*missing.*"$`},
		{"mode", "f\x00mail\x00", nil, `WARN msg=refused client=192.0.2.2:2000 file=f code=4 reason="mode .*mail.*: this server is octet-only"$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{Delay: time.Millisecond}
				client := network.MustListen(t, "192.0.2.2:2000")
				var log bytes.Buffer
				to := network.Serve(t, &ch06.Server{
					FS:           fstest.MapFS{"a b": {Data: make([]byte, 600)}, "f": {Data: make([]byte, 600)}},
					Logger:       slog.New(slog.NewTextHandler(&log, nil)),
					ListenPacket: network.ListenPacket,
				}, ch06.ErrServerClosed)
				client.Send(to, "\x00\x01"+tt.request)
				for _, packet := range tt.sends {
					_, tid := client.Receive()
					if packet != "" {
						client.Send(tid, packet)
					}
				}
				time.Sleep(time.Minute) // fake
				synctest.Wait()         // the log is written
				got := strings.TrimSpace(log.String())
				if !regexp.MustCompile(`level=`+tt.want).MatchString(got) || strings.Contains(got, "\n") {
					t.Errorf("the log is %s, want one line with level=%s", got, tt.want)
				}
				t.Log(got)
			})
		})
	}
}
