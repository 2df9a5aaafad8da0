package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Copy with: connections.go, dns.go, dns_message.go, main.go, options.go, resources.go,
// serve.go, sockets_linux.go, sockets_other.go.

// makeDir makes a directory under parent. It fails if less than 256 MiB besides the
// size MiB asked for are free.
func makeDir(parent string, size int) (string, error) {
	parent, err := filepath.Abs(parent) // DIR is for another shell
	if err != nil {
		return "", err
	}
	free, err := freeMiB(parent)
	if err != nil {
		return "", err
	}
	if keep := 256; free < size+keep {
		return "", fmt.Errorf("%s has %d MiB free, want %d", parent, free, size+keep)
	}
	return os.MkdirTemp(parent, "fault-")
}

// fill writes size MiB to a new file in blocks of 1 MiB, and leaves it open.
func fill(ctx context.Context, name string, size int) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	block := make([]byte, mib)
	for i := range block {
		block[i] = byte(i) // some filesystems do not store zeros
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

// diskIO writes 4 KiB and waits for the disk, in a loop. It writes at most 2 GiB, spread
// over the whole time, because writes wear out a solid-state disk.
func diskIO(ctx context.Context, f *fault) error {
	file, err := fill(ctx, filepath.Join(f.dir, "synced"), f.size)
	if err != nil {
		return err
	}
	defer file.Close()
	err = f.ready(fmt.Sprintf("writes and fsyncs within %d MiB in %s", f.size, f.dir),
		[]string{"iostat -xz 1 20", "iotop -oPab -n 5"}, "DIR", f.dir)
	const size, blocks = 4 << 10, 2 << 30 / (4 << 10)
	start, block := time.Now(), make([]byte, size)
	for n := 0; ctx.Err() == nil; n++ {
		if _, err := file.WriteAt(block, int64(n*size%(f.size*mib))); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
		wait(ctx, time.Until(start.Add(f.duration*time.Duration(n)/blocks)))
	}
	return err
}

// diskFull makes the kinds of files that fill disks: a big log, a sparse file, and many
// small files.
func diskFull(ctx context.Context, f *fault) error {
	big := filepath.Join(f.dir, "big.log")
	file, err := fill(ctx, big, f.size)
	if err != nil {
		return err
	}
	sparse, many := filepath.Join(f.dir, "sparse.img"), filepath.Join(f.dir, "many")
	conf := fmt.Sprintf("%q {\n\tsize 100M\n\trotate 2\n\tnocompress\n\tcreate 0600\n}\n", big)
	err = errors.Join(file.Close(),
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
	return f.hold(ctx, fmt.Sprintf("%d MiB in %s", f.size, f.dir), []string{
		`df -h "$DIR"`, `df -i "$DIR"`, `find "$(stat -c %m "$DIR")" -xdev -type f -size +100M`},
		"DIR", f.dir)
}

// deletedFile removes the name of a file and keeps it open: df counts it, du cannot.
func deletedFile(ctx context.Context, f *fault) error {
	name := filepath.Join(f.dir, "app.log")
	file, err := fill(ctx, name, f.size)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.Remove(name); err != nil {
		return err
	}
	return f.hold(ctx, fmt.Sprintf("%s, %d MiB, is deleted but open", name, f.size),
		[]string{`lsof -a +L1 -p "$PID"`}, "DIR", f.dir, "FD", fmt.Sprint(file.Fd()))
}
