package ch06

import (
	"crypto/sha512"
	"fmt"
	"io"
	"os"
)

// ChecksumSize is the length of a SHA-512/256 digest in bytes.
const ChecksumSize = sha512.Size256

// Checksum returns the SHA-512/256 digest (FIPS 180-4) of all bytes that r returns, in
// constant memory. An error of r means that there is no digest: the input is truncated.
//
// The digest detects damage. Against somebody who can also replace the digest, use an HMAC
// or a signature. Not for passwords.
func Checksum(r io.Reader) (sum [ChecksumSize]byte, err error) {
	hash := sha512.New512_256()
	if _, err := io.Copy(hash, r); err != nil {
		return sum, err
	}
	hash.Sum(sum[:0])
	return sum, nil
}

// ChecksumFile returns the SHA-512/256 digest of a file's content. Errors are those of
// os.Open and of reading, such as fs.ErrNotExist and fs.ErrPermission.
func ChecksumFile(name string) (sum [ChecksumSize]byte, err error) {
	file, err := os.Open(name)
	if err != nil {
		return sum, fmt.Errorf("checksum: %w", err)
	}
	defer file.Close() // only read: nothing is lost
	if sum, err = Checksum(file); err != nil {
		return sum, fmt.Errorf("checksum: %w", err)
	}
	return sum, nil
}
