package ch06

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Copy with: types.go, request.go.

// The names of the options, in lower case.
const (
	optionBlockSize    = "blksize"    // RFC 2348: bytes in a block, 8 to 65464
	optionTimeout      = "timeout"    // RFC 2349: seconds until a retransmission, 1 to 255
	optionTransferSize = "tsize"      // RFC 2349: bytes in the file; a request says 0
	optionWindowSize   = "windowsize" // RFC 7440: blocks to an acknowledgment, 1 to 65535
)

// terms are what the two sides of a transfer agree on.
type terms struct {
	blockSize  int
	windowSize int
	timeout    time.Duration
	size       int64 // of the file in bytes; -1 where it is not known
}

// grant answers a request's options: known ones with a valid value are accepted, values
// above the server's limits are lowered to them, and all else is left out, as RFC 2347
// section 3 wants it. The terms t are the server's defaults and the file's size.
func grant(requested []Option, t *terms, maxBlockSize, maxWindowSize int) []Option {
	var granted []Option
	seen := map[string]bool{} // an option counts once
	for _, option := range requested {
		name := strings.ToLower(option.Name)
		value, err := strconv.ParseUint(option.Value, 10, 63)
		if err != nil || seen[name] {
			continue
		}
		switch {
		case name == optionBlockSize && value >= 8 && value <= MaxBlockSize:
			t.blockSize = min(int(value), maxBlockSize)
			value = uint64(t.blockSize)
		case name == optionWindowSize && value >= 1 && value <= 65535:
			t.windowSize = min(int(value), maxWindowSize)
			value = uint64(t.windowSize)
		case name == optionTimeout && value >= 1 && value <= 255:
			t.timeout = time.Duration(value) * time.Second
		case name == optionTransferSize && t.size > 0:
			// curl ends the transfer where 0 is announced, so an empty file's size is not.
			value = uint64(t.size)
		default:
			continue
		}
		seen[name] = true
		granted = append(granted, Option{option.Name, strconv.FormatUint(value, 10)})
	}
	return granted
}

// accept checks the server's OptionAck against the request's options and changes t to
// what was granted. The sizes must not be above what was asked for, since buffers were
// made for that: RFC 2348 and RFC 7440 tell the client to end the transfer otherwise.
func accept(granted, requested []Option, t *terms) error {
	t.blockSize, t.windowSize = BlockSize, 1
	for _, option := range granted {
		name := strings.ToLower(option.Name)
		value, err := strconv.ParseUint(option.Value, 10, 63)
		valid := false
		for _, asked := range requested {
			if asked.Name != name || err != nil {
				continue
			}
			limit, _ := strconv.ParseUint(asked.Value, 10, 63) // our own digits
			switch name {
			case optionBlockSize:
				t.blockSize, valid = int(value), value >= 8 && value <= limit
			case optionWindowSize:
				t.windowSize, valid = int(value), value >= 1 && value <= limit
			case optionTimeout:
				valid = value == limit
			case optionTransferSize:
				t.size, valid = int64(value), true
			}
		}
		if !valid {
			return fmt.Errorf("%w: the server answered %.40q with %.40q, which was not asked for", ErrOptions, option.Name, option.Value)
		}
	}
	return nil
}
