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

// TestChecksum has the vectors that NIST publishes with FIPS 180-4.
func TestChecksum(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"one block", "abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
		{"two blocks",
			"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
			"3928e184fb8690f840da3988121d31be65cb9d3ef83ee6146feac861e19b563a"},
		{"empty", "", "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(tt.content), "in bytes": iotest.OneByteReader(strings.NewReader(tt.content)),
				"data with EOF": iotest.DataErrReader(strings.NewReader(tt.content)),
			} {
				sum, err := ch06.Checksum(r)
				if got := hex.EncodeToString(sum[:]); err != nil || got != tt.want {
					t.Errorf("Checksum(%q), %s = %s, %v, want %s", tt.content, name, got, err, tt.want)
				}
			}
		})
	}
}

// A truncated file gets no digest. io.ErrUnexpectedEOF is the error of a truncated HTTP body.
func TestChecksumErrors(t *testing.T) {
	for _, broken := range []error{errors.New("broken"), io.ErrUnexpectedEOF} {
		for _, before := range []int{0, 10, 32 << 10, 1 << 20} {
			r := io.MultiReader(bytes.NewReader(make([]byte, before)), iotest.ErrReader(broken))
			sum, err := ch06.Checksum(r)
			if !errors.Is(err, broken) || sum != [ch06.ChecksumSize]byte{} {
				t.Errorf("a reader that fails after %d bytes: Checksum = %x, %v, want zeros, %v", before, sum, err, broken)
			}
		}
	}
	for name, want := range map[string]error{
		filepath.Join(t.TempDir(), "missing"): fs.ErrNotExist,
		t.TempDir():                           nil, // a folder: any error
	} {
		sum, err := ch06.ChecksumFile(name)
		if err == nil || want != nil && !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "checksum: ") {
			t.Errorf("ChecksumFile(%q) error = %v, want checksum: … %v", name, err, want)
		}
		if sum != [ch06.ChecksumSize]byte{} {
			t.Errorf("ChecksumFile(%q) = %x, want zeros", name, sum)
		}
	}
}

// A checksum takes the same memory for input of any size.
func TestChecksumMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ch06.Checksum(io.LimitReader(checksumZeros{}, 16<<20)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	got := after.TotalAlloc - before.TotalAlloc
	t.Logf("16 MiB took %d KiB of memory", got>>10)
	if got > 1<<20 {
		t.Errorf("16 MiB took %d bytes of memory, want at most 1 MiB", got)
	}
}

// Other programs compute the same digest of the same file.
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
		t.Run(args[0], func(t *testing.T) {
			if _, err := exec.LookPath(args[0]); err != nil {
				t.Skipf("%s is not installed", args[0])
			}
			got, err := exec.Command(args[0], args[1:]...).CombinedOutput()
			if err != nil || !strings.Contains(string(got), want) {
				t.Errorf("%q = %q, %v, want %s", args, got, err, want)
			}
		})
	}
}

func ExampleChecksum() {
	sum, err := ch06.Checksum(strings.NewReader("abc"))
	fmt.Printf("%x %v\n", sum, err)
	// Output: 53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23 <nil>
}

// BenchmarkHash shows which hash is faster on this processor. SHA-512 and SHA-512/256 are the
// same work. Most processors since 2017 have instructions for SHA-256, which make it faster.
// Without them SHA-512 is faster, because it processes 64 bits at a time.
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

// checksumZeros is an endless file.
type checksumZeros struct{}

func (checksumZeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
