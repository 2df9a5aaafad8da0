package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Copy with: connections.go, dns.go, main.go, serve.go, sockets_linux.go,
// sockets_other.go.

const mib = 1 << 20

// cpu spins on f.n goroutines.
func cpu(ctx context.Context, f *fault) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range f.n {
		wg.Go(func() { spin(ctx) })
	}
	f.ready(fmt.Sprintf("%d goroutines spin", f.n), []string{
		"uptime", `top -b -n 1 -p "$PID"`, "vmstat 1 5"})
	<-ctx.Done()
	return nil
}

// spin keeps one processor busy in user space: no system calls but Go's own.
func spin(ctx context.Context) {
	for x := uint64(1); ctx.Err() == nil; {
		for range 1 << 20 {
			x ^= x << 13
			x ^= x >> 7
		}
	}
}

// memory holds f.size MiB. A page counts as resident from its first write on.
func memory(ctx context.Context, f *fault) error {
	p := make([]byte, f.size*mib)
	for i := 0; i < len(p); i += os.Getpagesize() {
		p[i] = 1
	}
	f.ready(fmt.Sprintf("%d MiB resident", f.size), []string{
		"free -m", "ps -eo pid,rss,vsz,comm --sort=-rss | head -n 20"})
	<-ctx.Done()
	runtime.KeepAlive(p)
	return nil
}

// tempDir makes a directory for this fault, after it made sure that size MiB leave
// enough free. The caller removes it by the function returned.
func (f *fault) tempDir(size int) (string, func(), error) {
	parent := f.dir
	if parent == "" {
		parent = "/var/tmp" // on a disk where /tmp often is memory
		if st, err := os.Stat(parent); err != nil || !st.IsDir() {
			parent = os.TempDir()
		}
	}
	parent, err := filepath.Abs(parent) // DIR is for another shell
	if err != nil {
		return "", nil, err
	}
	free, err := freeMiB(parent)
	if err != nil {
		return "", nil, err
	}
	if keep := 256; free < size+keep {
		return "", nil, fmt.Errorf("%s has %d MiB free, want %d", parent, free, size+keep)
	}
	dir, err := os.MkdirTemp(parent, "fault-")
	if err != nil {
		return "", nil, err
	}
	return dir, func() {
		if err := os.RemoveAll(dir); err != nil {
			f.say("%v", err) // left behind: the user must know
		}
	}, nil
}

// fill writes size MiB to a new file, block after block, and leaves it open.
func fill(ctx context.Context, name string, size int) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	block := make([]byte, mib)
	for i := range block {
		block[i] = byte(i) // not zeros, which some filesystems do not store
	}
	for range size {
		if ctx.Err() != nil {
			break // the caller is about to clean up
		}
		if _, err := file.Write(block); err != nil {
			file.Close()
			return nil, err
		}
	}
	return file, nil
}

// diskIOTotal bounds what diskIO writes in all: a solid-state disk wears out.
const diskIOTotal int64 = 2048 * mib

// diskIO writes 4 KiB and waits for the disk, again and again.
func diskIO(ctx context.Context, f *fault) error {
	dir, remove, err := f.tempDir(f.size)
	if err != nil {
		return err
	}
	defer remove()
	file, err := fill(ctx, filepath.Join(dir, "synced"), f.size)
	if err != nil {
		return err
	}
	defer file.Close()
	f.ready(fmt.Sprintf("writes and fsyncs within %d MiB in %s", f.size, dir), []string{
		"iostat -xz 1 20", "iotop -oPab -n 5"}, "DIR", dir)
	block := make([]byte, 4<<10)
	for n := int64(0); n < diskIOTotal && ctx.Err() == nil; n += int64(len(block)) {
		_, err := file.WriteAt(block, n%int64(f.size*mib))
		if err == nil {
			err = file.Sync()
		}
		if err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// diskFull leaves what fills disks: a big log, a sparse file, and many small files.
func diskFull(ctx context.Context, f *fault) error {
	dir, remove, err := f.tempDir(f.size)
	if err != nil {
		return err
	}
	defer remove()
	big := filepath.Join(dir, "big.log")
	file, err := fill(ctx, big, f.size)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	sparse := filepath.Join(dir, "sparse.img")
	if err := os.WriteFile(sparse, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(sparse, 200*mib); err != nil { // length without blocks
		return err
	}
	many := filepath.Join(dir, "many")
	if err := os.Mkdir(many, 0o700); err != nil {
		return err
	}
	for i := range 100 {
		name := filepath.Join(many, fmt.Sprintf("session-%03d", i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			return err
		}
	}
	conf := fmt.Sprintf("%q {\n\tsize 100M\n\trotate 2\n\tnocompress\n\tcreate 0600\n}\n", big)
	err = os.WriteFile(filepath.Join(dir, "logrotate.conf"), []byte(conf), 0o600)
	if err != nil {
		return err
	}
	f.ready(fmt.Sprintf("%d MiB in %s", f.size, dir), []string{
		`df -h "$DIR"`, `df -i "$DIR"`, "find / -xdev -type f -size +100M"},
		"DIR", dir)
	<-ctx.Done()
	return nil
}

// deletedFile holds a file that has no name any more: df counts it, du cannot.
func deletedFile(ctx context.Context, f *fault) error {
	dir, remove, err := f.tempDir(f.size)
	if err != nil {
		return err
	}
	defer remove()
	name := filepath.Join(dir, "app.log")
	file, err := fill(ctx, name, f.size)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.Remove(name); err != nil {
		return err
	}
	f.ready(fmt.Sprintf("%s, %d MiB, is deleted but open", name, f.size), []string{
		`lsof -a +L1 -p "$PID"`}, "DIR", dir, "FD", fmt.Sprint(file.Fd()))
	<-ctx.Done()
	return nil
}

// wait returns after d, or false at once if ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
