package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Copy with: connections.go, dns.go, main.go, options.go, serve.go, sockets_linux.go, sockets_other.go.

const mib = 1 << 20

// cpu keeps f.n processors busy in user space: ctx.Err makes no system call.
func cpu(ctx context.Context, f *fault) error {
	for range f.n {
		f.wg.Go(func() {
			for ctx.Err() == nil {
			}
		})
	}
	return f.hold(ctx, fmt.Sprintf("%d goroutines spin", f.n),
		"uptime", `top -b -n 1 -p "$PID"`, "vmstat 1 5")
}

// memory holds f.size MiB. A page counts as resident from its first write on.
func memory(ctx context.Context, f *fault) error {
	p := bytes.Repeat([]byte{1}, f.size*mib)
	defer runtime.KeepAlive(p)
	return f.hold(ctx, fmt.Sprintf("%d MiB resident", f.size),
		"free -m", "ps -eo pid,rss,vsz,comm --sort=-rss | head -n 20")
}

// makeDir makes a directory. It fails if less than 256 MiB besides f.size MiB are free.
func (f *fault) makeDir() error {
	parent, err := filepath.Abs(f.parent) // DIR is for another shell
	free, err1 := freeMiB(parent)
	if err := cmp.Or(err, err1); err != nil {
		return err
	}
	if want := f.size + 256; free < want {
		return fmt.Errorf("%s has %d MiB free, want %d", parent, free, want)
	}
	f.dir, err = os.MkdirTemp(parent, "fault-")
	f.vars = " DIR='" + strings.ReplaceAll(f.dir, "'", `'\''`) + "'" // one word for a shell
	return err
}

// diskIO writes 4 KiB and waits for the disk, in a loop. It writes at most 2 GiB, spread
// over the whole time, because writes wear out a solid-state disk.
func diskIO(ctx context.Context, f *fault) error {
	file, err := f.fill(ctx, "synced")
	if err != nil {
		return err
	}
	defer file.Close()
	err = f.ready(fmt.Sprintf("writes and fsyncs within %d MiB in %s", f.size, f.dir),
		"iostat -xz 1 20", "iotop -oPab -n 5")
	const blocks = 2 << 30 / (4 << 10)
	block, next := make([]byte, 4<<10), time.Now()
	for at := 0; err == nil && wait(ctx, time.Until(next)); at = (at + len(block)) % (f.size * mib) {
		if _, err = file.WriteAt(block, int64(at)); err == nil {
			err = file.Sync()
		}
		next = next.Add(f.duration/blocks + 1) // 1 ns: never sooner
	}
	return err
}

// diskFull makes the kinds of files that fill disks: a big log, a sparse file, and many
// small files.
func diskFull(ctx context.Context, f *fault) error {
	big, err := f.fill(ctx, "big.log")
	if err != nil {
		return err
	}
	sparse, many := filepath.Join(f.dir, "sparse.img"), filepath.Join(f.dir, "many")
	conf := fmt.Sprintf("%q {\n\tsize 100M\n\trotate 2\n\tcreate\n}\n", big.Name())
	err = errors.Join(big.Close(),
		os.WriteFile(sparse, nil, 0o600),
		os.Truncate(sparse, 200*mib), // length without blocks
		os.Mkdir(many, 0o700),
		os.WriteFile(filepath.Join(f.dir, "logrotate.conf"), []byte(conf), 0o600))
	for i := 0; i < 100 && err == nil; i++ {
		err = os.WriteFile(filepath.Join(many, fmt.Sprintf("session-%03d", i)), nil, 0o600)
	}
	if err != nil {
		return err
	}
	return f.hold(ctx, fmt.Sprintf("%d MiB in %s", f.size, f.dir), `df -h "$DIR"`,
		`df -i "$DIR"`, `find "$(stat -c %m "$DIR")" -xdev -type f -size +100M`)
}

// deletedFile removes the name of a file and keeps it open: df counts it, du cannot.
func deletedFile(ctx context.Context, f *fault) error {
	file, err := f.fill(ctx, "app.log")
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	f.vars += fmt.Sprint(" FD=", file.Fd())
	return f.hold(ctx, fmt.Sprintf("%s, %d MiB, is deleted but open", file.Name(), f.size),
		`lsof -a +L1 -p "$PID"`)
}

// fill writes f.size MiB to a new file and leaves it open. It stops early if ctx ends.
func (f *fault) fill(ctx context.Context, name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(f.dir, name))
	if err != nil {
		return nil, err
	}
	block := bytes.Repeat([]byte("x"), mib) // some filesystems do not store zeros
	for i := 0; i < f.size && ctx.Err() == nil; i++ {
		if _, err := file.Write(block); err != nil {
			file.Close()
			return nil, err
		}
	}
	return file, nil
}

// wait returns true after d, or false as soon as ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
