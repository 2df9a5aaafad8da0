package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch09/fault/internal/running"
	"network-programming-with-go/ch09/internal/command"
)

// TestFaultResources looks at what faults use and write, through /proc, as the commands of
// the page do.
func TestFaultResources(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, ".")
	start := time.Now() // of disk-io, which writes while others are looked at
	diskIO := command.StartCmd(t, exec.Command(bin, "-for", "5m", "-size", "1", "-dir", fastDir(), "disk-io"))
	for _, tt := range []struct {
		name, args string
		look       func(*running.Fault)
		end        os.Signal
	}{
		{"cpu", "-n 1 cpu", faultCPU, syscall.SIGTERM},
		{"memory", "-size 32 memory", faultMemory, os.Interrupt},
		{"disk-full", "-size 1 disk-full", faultDiskFull, syscall.SIGHUP},
		{"deleted-file", "-size 1 deleted-file", faultDeletedFile, os.Interrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := command.StartCmd(t, exec.Command(bin, strings.Fields(tt.args)...))
			f := running.New(t, p.Pid(), p.WaitLine(t, "PID="))
			tt.look(f)
			f.Ended(p.Stop(t, tt.end).Status)
		})
	}
	t.Run("disk-io", func(t *testing.T) { testFaultDiskIO(t, diskIO, start) })
}

// fastDir returns a directory in memory if that has space: a disk may be as slow as the
// pace of disk-io, and then one without a pace looks the same.
func fastDir() string {
	var st syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &st); err != nil || st.Bavail*uint64(st.Bsize) < 300<<20 {
		return "/var/tmp"
	}
	return "/dev/shm"
}

func faultCPU(f *running.Fault) {
	f.Grows("user time", 2, func() int {
		// Fields after the name in parentheses: utime is the 14th of all.
		_, rest, _ := strings.Cut(f.Proc("stat"), ") ")
		n, _ := strconv.Atoi(strings.Fields(rest)[11]) // 0 does not grow
		return n
	})
}

func faultMemory(f *running.Fault) {
	if got, want := f.Field("status", "VmRSS:"), 32<<10; got < want {
		f.Errorf("VmRSS = %d kB, want at least %d", got, want)
	}
}

// The 2 GiB of 5 minutes are spread over the 5 minutes.
func testFaultDiskIO(t *testing.T, p *command.Process, start time.Time) {
	f := running.New(t, p.Pid(), p.WaitLine(t, "PID="))
	written := func() int { return f.Field("io", "wchar:")>>12 - 256 } // the file has 256 blocks
	f.Until("300 blocks written", func() bool { return written() >= 300 })
	n := written()
	if most := int((2 << 30 >> 12) * time.Since(start) / (5 * time.Minute)); n > most {
		t.Errorf("%d blocks written after %v, want at most %d", n, time.Since(start), most)
	}
	if st, err := os.Stat(f.Vars["DIR"] + "/synced"); err != nil || st.Size() != 1<<20 {
		t.Errorf("the file: %v, %v, want 1 MiB", st, err)
	}
	f.Ended(p.Stop(t, syscall.SIGTERM).Status)
}

func faultDiskFull(f *running.Fault) {
	for _, tt := range []struct {
		name    string
		length  int64
		written bool // in blocks of its own, not sparse
	}{{"big.log", 1 << 20, true}, {"sparse.img", 200 << 20, false}} {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(f.Vars["DIR"], tt.name), &st); err != nil {
			f.Fatal(err)
		}
		if full := st.Blocks*512 >= st.Size; st.Size != tt.length || full != tt.written {
			f.Errorf("%s has %d bytes in %d blocks", tt.name, st.Size, st.Blocks)
		}
	}
	if files, err := os.ReadDir(f.Vars["DIR"] + "/many"); len(files) != 100 {
		f.Errorf("%d small files, %v, want 100", len(files), err)
	}
	conf, err := os.ReadFile(f.Vars["DIR"] + "/logrotate.conf")
	if want := `"` + f.Vars["DIR"] + "/big.log\" {\n\tsize 100M\n"; !strings.HasPrefix(string(conf), want) {
		f.Errorf("logrotate.conf is %q, %v, want %q", conf, err, want)
	}
}

func faultDeletedFile(f *running.Fault) {
	fd := filepath.Join("/proc", f.Vars["PID"], "fd", f.Vars["FD"])
	name, err := os.Readlink(fd)
	if err != nil || name != f.Vars["DIR"]+"/app.log (deleted)" {
		f.Errorf("%s is %q, %v, want app.log (deleted)", fd, name, err)
	}
	if st, err := os.Stat(fd); err != nil || st.Size() != 1<<20 {
		f.Errorf("%s: %v, %v, want 1 MiB", fd, st, err)
	}
}
