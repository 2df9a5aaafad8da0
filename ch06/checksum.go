package ch06

import (
	"crypto/sha512"
	"fmt"
	"io"
	"os"
	"sync"
)

// ChecksumSize is the length of a SHA-512/256 digest in bytes.
const ChecksumSize = sha512.Size256

// Buffers of Checksum: the first one is enough for small files. With larger ones the two
// processors meet less often.
const (
	checksumFirst  = 32 << 10
	checksumBuffer = 512 << 10
)

// Checksum returns the SHA-512/256 digest (FIPS 180-4) of all that r holds, in constant
// memory. It reads ahead in a goroutine of its own, which ends before Checksum returns,
// so that one processor reads while another computes. A panic of r behind its first
// 32 KiB ends the program.
//
// The digest tells whether a file arrived unharmed; against somebody who can also change
// the digest use an HMAC or a signature. Not for passwords.
func Checksum(r io.Reader) (sum [ChecksumSize]byte, err error) {
	hash := sha512.New512_256()
	first := make([]byte, checksumFirst)
	switch n, err := checksumFill(r, first); err {
	case io.EOF:
		hash.Write(first[:n])
		return [ChecksumSize]byte(hash.Sum(nil)), nil
	case nil:
		hash.Write(first)
	default:
		return sum, err
	}

	type chunk struct {
		data []byte
		err  error
	}
	empty, full := make(chan []byte, 2), make(chan chunk)
	empty <- make([]byte, checksumBuffer)
	empty <- make([]byte, checksumBuffer)
	var reader sync.WaitGroup
	defer reader.Wait()
	reader.Go(func() { // ends with the first error, io.EOF at the latest, which the loop waits for
		for b := range empty {
			n, err := checksumFill(r, b)
			full <- chunk{b[:n], err}
			if err != nil {
				return
			}
		}
	})
	for {
		c := <-full
		hash.Write(c.data)
		switch c.err {
		case nil:
			empty <- c.data
		case io.EOF:
			return [ChecksumSize]byte(hash.Sum(nil)), nil
		default:
			return sum, c.err
		}
	}
}

// checksumFill fills b. At r's end it returns io.EOF with what there was. io.ReadFull
// would say io.ErrUnexpectedEOF of that, which is also what readers say of their input
// when it was cut, as the body of an HTTP answer: that must not get a digest.
func checksumFill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	if n == len(b) && err == io.EOF {
		err = nil // the next read says so again
	}
	return n, err
}

// ChecksumFile returns the SHA-512/256 digest of the file's content. Its errors are those
// of os.Open and of reading, as fs.ErrNotExist and fs.ErrPermission.
func ChecksumFile(name string) ([ChecksumSize]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return [ChecksumSize]byte{}, fmt.Errorf("checksum: %w", err)
	}
	defer file.Close() // only read: nothing is lost
	sum, err := Checksum(file)
	if err != nil {
		return sum, fmt.Errorf("checksum: %w", err)
	}
	return sum, nil
}
