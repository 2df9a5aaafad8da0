package ch06_test

import (
	"io/fs"
	"runtime"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// A window of a file whose size is not known takes a small multiple of its own size in
// memory: room for it grows by more than one block at a time.
func TestSendMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 64 * ch06.MaxBlockSize // of a window
		network := &packetnet.Network{}
		to := network.Serve(t, &ch06.Server{FS: sendMemoryFS{}, ListenPacket: network.ListenPacket}, ch06.ErrServerClosed)
		client := network.MustListen(t, "192.0.2.2:2000")
		client.Send(to, "\x00\x01f\x00octet\x00blksize\x0065464\x00windowsize\x0064\x00")
		_, tid := client.Receive() // the OACK
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		client.Send(tid, "\x00\x04\x00\x00")
		synctest.Wait() // the window is sent
		runtime.ReadMemStats(&after)
		used := float64(after.TotalAlloc-before.TotalAlloc)/size - 1 // the network keeps a copy
		t.Logf("%.1f times the window", used)
		if used > 8 {
			t.Errorf("a window takes %.1f times its size in memory, want at most 8", used)
		}
		client.Send(tid, "\x00\x05\x00\x00enough\x00")
	})
}

// sendMemoryFS has one file without an end, and says that its size is 0.
type sendMemoryFS struct{ fs.FileInfo }

func (f sendMemoryFS) Open(string) (fs.File, error) { return f, nil }
func (f sendMemoryFS) Stat() (fs.FileInfo, error)   { return f, nil }
func (f sendMemoryFS) Close() error                 { return nil }
func (f sendMemoryFS) Mode() fs.FileMode            { return 0o444 }
func (f sendMemoryFS) Size() int64                  { return 0 }
func (f sendMemoryFS) Read(b []byte) (int, error)   { return len(b), nil }
