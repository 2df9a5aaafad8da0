package ch06_test

import (
	"bytes"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

func TestDbg(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &packetnet.Network{Delay: time.Millisecond, Loss: .3, Seed: 3}
		server := &ch06.Server{Payload: make([]byte, 2<<20), ListenPacket: n.ListenPacket, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))}
		conn, _ := n.ListenPacket("udp", "192.0.2.1:69")
		go server.Serve(conn)
		client := &ch06.Client{}
		client.ListenPacket = n.ListenPacket
		var got bytes.Buffer
		start := time.Now()
		_, err := client.Get(t.Context(), "192.0.2.1:69", "file", &got)
		t.Log(err)
		client.Wait()
		server.Close()
		l := n.Log()
		for _, d := range l {
			t.Log(d.Sent.Sub(start), d.From, ch06.Describe(d.Payload))
		}
	})
}
