package ch06_test

import (
	"bytes"
	"crypto/sha512"
	"encoding"
	"encoding/binary"
	"hash"
	"testing"
)

// TestLengthExtension forges a digest. Somebody signs a message by SHA-512(key, message),
// which is not how to do it (crypto/hmac is). An attacker who sees the message and the
// digest, but never the key, appends to the message and computes the right digest of it:
// a SHA-512 digest is all of the hash's state, so hashing just goes on from there.
//
// A SHA-512/256 digest is half of the state. The same forgery has to guess the other 256
// bits, and fails.
func TestLengthExtension(t *testing.T) {
	key := []byte("a key that the attacker never sees")
	message, appended := []byte("pay 10 to Alice"), []byte(", then 1000 to Mallory")

	for _, tt := range []struct {
		name   string
		new    func() hash.Hash
		forged bool
	}{
		{"SHA-512", sha512.New, true},
		{"SHA-512/256", sha512.New512_256, false},
	} {
		sign := func(message []byte) []byte {
			h := tt.new()
			h.Write(key)
			h.Write(message)
			return h.Sum(nil)
		}
		digest := sign(message)

		// From here on the attacker: digest, message and the key's length are known.
		forged, padding := lengthExtend(t, tt.new(), digest, len(key)+len(message), appended)
		longer := bytes.Join([][]byte{message, padding, appended}, nil)

		if got := bytes.Equal(forged, sign(longer)); got != tt.forged {
			t.Errorf("%s: the forgery passes: %t, want %t", tt.name, got, tt.forged)
		}
		t.Logf("%-12s forged %x…, right %x…", tt.name, forged[:8], sign(longer)[:8])
	}
}

// lengthExtend returns the digest of what has the given digest and length in bytes, its
// padding, and appended.
func lengthExtend(t *testing.T, h hash.Hash, digest []byte, length int, appended []byte) (sum, padding []byte) {
	t.Helper()
	// FIPS 180-4 section 5.1.2: a one bit, zeros, the length in bits as 16 bytes.
	padding = append(padding, 0x80)
	for (length+len(padding)+16)%128 != 0 {
		padding = append(padding, 0)
	}
	padding = binary.BigEndian.AppendUint64(append(padding, make([]byte, 8)...), uint64(length)*8)

	// The state as crypto/sha512 marshals it: 4 bytes of magic, the eight words, a block in
	// which nothing waits, the number of bytes so far.
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	copy(state[4:4+64], digest) // what is shorter than 64 bytes leaves the rest to a guess
	binary.BigEndian.PutUint64(state[len(state)-8:], uint64(length+len(padding)))
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	h.Write(appended)
	return h.Sum(nil), padding
}
