package ch06_test

import (
	"bytes"
	"crypto/sha512"
	"encoding"
	"encoding/binary"
	"hash"
	"testing"
)

// TestLengthExtension forges a digest. A sender signs a message with SHA-512(key, message),
// which is wrong: use crypto/hmac. An attacker who sees the message and the digest, but never
// the key, appends to the message and computes the correct digest of the result. A SHA-512
// digest is the complete state of the hash, so anybody can continue from it.
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
		t.Run(tt.name, func(t *testing.T) {
			sign := func(message []byte) []byte {
				h := tt.new()
				h.Write(key)
				h.Write(message)
				return h.Sum(nil)
			}
			digest := sign(message)

			// The attacker knows the digest, the message and the length of the key.
			forged, padding := lengthExtend(t, tt.new(), digest, len(key)+len(message), appended)
			longer := bytes.Join([][]byte{message, padding, appended}, nil)

			if got := bytes.Equal(forged, sign(longer)); got != tt.forged {
				t.Errorf("the forged digest is correct: %t, want %t", got, tt.forged)
			}
			t.Logf("forged %x…, correct %x…", forged[:8], sign(longer)[:8])
		})
	}
}

// lengthExtend continues a hash: it returns the digest of the input with the given digest
// and length in bytes, followed by its padding and by appended.
func lengthExtend(t *testing.T, h hash.Hash, digest []byte, length int, appended []byte) (sum, padding []byte) {
	t.Helper()
	// FIPS 180-4 section 5.1.2: a one bit, zeros, the length in bits as 16 bytes.
	padding = append(padding, 0x80)
	for (length+len(padding)+16)%128 != 0 {
		padding = append(padding, 0)
	}
	padding = binary.BigEndian.AppendUint64(append(padding, make([]byte, 8)...), uint64(length)*8)

	// The state as crypto/sha512 marshals it: 4 bytes of magic, eight words, an incomplete
	// block (empty here), the number of bytes so far.
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	copy(state[4:4+64], digest) // the rest of a shorter digest is a guess
	binary.BigEndian.PutUint64(state[len(state)-8:], uint64(length+len(padding)))
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	h.Write(appended)
	return h.Sum(nil), padding
}
