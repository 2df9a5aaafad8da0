package ch04

import (
	"bufio"
	"bytes"
)

// ScanDelimited returns a split function for a bufio.Scanner whose tokens end with delim,
// which is not part of them: bufio.ScanLines for any delimiter.
//
// The delimiter may arrive in pieces. What follows the last delimiter is a token too, unless
// it is empty: "a;b" and "a;b;" both are two tokens, and a stream that was cut looks whole.
// If this matters, send lengths (see Decode). An empty delimiter never occurs.
//
// A token longer than the scanner's limit, 64 KiB unless Scanner.Buffer raises it, ends the
// scan with bufio.ErrTooLong. The limit has to hold the delimiter as well. delim must not
// change while scanning. The function keeps no state, so scanners may share it.
func ScanDelimited(delim []byte) bufio.SplitFunc {
	return func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		if len(delim) > 0 {
			if i := bytes.Index(data, delim); i >= 0 {
				return i + len(delim), data[:i], nil
			}
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil // more data, please
	}
}
