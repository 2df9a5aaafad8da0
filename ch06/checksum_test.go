package ch06_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"network-programming-with-go/ch06"
)

// TestChecksum has the vectors that NIST publishes with FIPS 180-4, and sizes around those
// of the buffers, against the digest in one piece.
func TestChecksum(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"NIST: abc", "abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
		{"NIST: two blocks",
			"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
			"3928e184fb8690f840da3988121d31be65cb9d3ef83ee6146feac861e19b563a"},
		{"NIST: empty", "", "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"},
	} {
		sum, err := ch06.Checksum(strings.NewReader(tt.content))
		if got := hex.EncodeToString(sum[:]); err != nil || got != tt.want {
			t.Errorf("%s: Checksum = %s, %v, want %s", tt.name, got, err, tt.want)
		}
		t.Logf("%-18s %x", tt.name, sum)
	}
	for _, size := range []int{1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 288 << 10, 288<<10 + 1, 1 << 20, 3<<20 + 7} {
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		for name, r := range map[string]io.Reader{
			"at once": bytes.NewReader(content), "in halves": iotest.HalfReader(bytes.NewReader(content)),
			"data with EOF": iotest.DataErrReader(bytes.NewReader(content)),
		} {
			if sum, err := ch06.Checksum(r); err != nil || sum != sha512.Sum512_256(content) {
				t.Errorf("%d bytes %s: Checksum = %x, %v", size, name, sum, err)
			}
		}
	}
}

func TestChecksumErrors(t *testing.T) {
	// io.ErrUnexpectedEOF is what an HTTP body says that was cut: that must get no digest.
	for _, broken := range []error{errors.New("broken"), io.ErrUnexpectedEOF} {
		for _, before := range []int{0, 10, 32 << 10, 1 << 20} {
			r := io.MultiReader(bytes.NewReader(make([]byte, before)), iotest.ErrReader(broken))
			if _, err := ch06.Checksum(r); !errors.Is(err, broken) {
				t.Errorf("a reader that fails after %d bytes: error = %v, want the reader's", before, err)
			}
		}
	}
	if _, err := ch06.ChecksumFile(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: error = %v, want fs.ErrNotExist", err)
	}
	if _, err := ch06.ChecksumFile(t.TempDir()); err == nil {
		t.Error("a directory: no error")
	}
}

// However much is read, a checksum takes the same memory.
func TestChecksumMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ch06.Checksum(io.LimitReader(checksumZeros{}, 64<<20)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	got := after.TotalAlloc - before.TotalAlloc
	t.Logf("64 MiB took %d KiB of memory", got>>10)
	if got > 2<<20 {
		t.Errorf("64 MiB took %d bytes of memory, want at most 2 MiB", got)
	}
}

// Other programs get the same digest of the same file.
func TestChecksumRealPrograms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("a line of text\n"), 100_000), 0o666); err != nil {
		t.Fatal(err)
	}
	sum, err := ch06.ChecksumFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString(sum[:])
	for _, args := range [][]string{
		{"shasum", "-a", "512256", file},
		{"openssl", "dgst", "-sha512-256", file},
	} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Logf("skipped: %s is not installed", args[0])
			continue
		}
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%q = %q, %v, want %s", args, out, err, want)
		}
	}
}

func ExampleChecksum() {
	sum, err := ch06.Checksum(strings.NewReader("abc"))
	fmt.Printf("%x %v\n", sum, err)
	// Output: 53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23 <nil>
}

// BenchmarkHash shows which hash this processor is faster at. SHA-512 and SHA-512/256 are
// the same work. Where the processor has instructions for SHA-256, as most since 2017
// have, SHA-256 is the fast one; without them SHA-512 is, as it takes 64 bits at a time.
func BenchmarkHash(b *testing.B) {
	content := make([]byte, 64<<10)
	for _, hash := range []struct {
		name string
		sum  func([]byte)
	}{
		{"SHA-256", func(p []byte) { sha256.Sum256(p) }},
		{"SHA-512/256", func(p []byte) { sha512.Sum512_256(p) }},
		{"SHA-512", func(p []byte) { sha512.Sum512(p) }},
	} {
		b.Run(hash.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				hash.sum(content)
			}
		})
	}
}

// BenchmarkChecksum reads a file that is in the page cache and hashes it: one after the
// other, as io.Copy does, and at the same time.
func BenchmarkChecksum(b *testing.B) {
	file := filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 32<<20), 0o666); err != nil {
		b.Fatal(err)
	}
	b.Run("io.Copy", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(32 << 20)
		for b.Loop() {
			f, err := os.Open(file)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(sha512.New512_256(), f); err != nil {
				b.Fatal(err)
			}
			f.Close() // only read
		}
	})
	b.Run("ChecksumFile", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(32 << 20)
		for b.Loop() {
			if _, err := ch06.ChecksumFile(file); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type checksumZeros struct{}

func (checksumZeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
