package ch06

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Copy with: packets.go.

// The names of the options, in lower case.
const (
	optionBlockSize    = "blksize"    // RFC 2348: bytes in a block, 8 to 65464
	optionTimeout      = "timeout"    // RFC 2349: seconds until a retransmission, 1 to 255
	optionTransferSize = "tsize"      // RFC 2349: bytes in the file; a request says 0
	optionWindowSize   = "windowsize" // RFC 7440: blocks to an acknowledgment, 1 to 65535
)

// windowedBlock is the block size up to which windows of all sizes are granted. Each transfer
// keeps a window in memory, and a client's receive buffer may hold no larger one.
const windowedBlock = 1536

// terms are what the two sides of a transfer agree on.
type terms struct {
	blockSize  int
	windowSize int
	timeout    time.Duration // 0 if the client did not ask for one
	size       int64         // of the file in bytes; -1 if it is not known
}

// plainTerms are those of a transfer without options.
var plainTerms = terms{blockSize: BlockSize, windowSize: 1, size: -1}

// grant returns the server's response to a request's options, and the terms that follow.
// An unknown or refused option, or one with an invalid value, is left out, and a value
// above a limit is lowered to it, RFC 2347 section 3.
func grant(requested []Option, size int64, limits terms, refused []string) ([]Option, terms) {
	t := plainTerms
	t.size = size
	var granted []Option
	window := -1 // where in granted the windowsize is
	for i, option := range requested {
		name := strings.ToLower(option.Name)
		value, err := strconv.ParseUint(option.Value, 10, 63)
		same := func(o Option) bool { return strings.EqualFold(o.Name, name) }
		if err != nil || slices.Contains(refused, name) || slices.ContainsFunc(requested[:i], same) {
			continue // an option counts once
		}
		switch {
		case name == optionBlockSize && value >= 8 && value <= MaxBlockSize:
			t.blockSize = min(int(value), limits.blockSize)
			value = uint64(t.blockSize)
		case name == optionWindowSize && value >= 1 && value <= 65535:
			t.windowSize = min(int(value), limits.windowSize)
			window = len(granted)
		case name == optionTimeout && value >= 1 && value <= 255:
			t.timeout = time.Duration(value) * time.Second
		case name == optionTransferSize && size > 0:
			// curl ends a transfer whose announced size is 0.
			value = uint64(size)
		default:
			continue
		}
		granted = append(granted, Option{option.Name, strconv.FormatUint(value, 10)})
	}
	if window >= 0 {
		t.windowSize = min(t.windowSize, max(1, limits.windowSize*windowedBlock/t.blockSize))
		granted[window].Value = strconv.Itoa(t.windowSize)
	}
	return granted, t
}

// accept returns the terms that follow from a server's OptionAck. Sizes must not exceed
// what was asked for: RFC 2348 and RFC 7440 tell the client to end the transfer then.
// Options that only inform are used if they are valid, and end nothing.
func accept(granted []Option, asked terms) (terms, error) {
	t := plainTerms
	for _, option := range granted {
		value, err := strconv.ParseUint(option.Value, 10, 63)
		valid := true
		switch strings.ToLower(option.Name) {
		case optionBlockSize:
			valid = err == nil && value >= 8 && value <= uint64(asked.blockSize)
			t.blockSize = int(value)
		case optionWindowSize:
			valid = err == nil && value >= 1 && value <= uint64(asked.windowSize)
			t.windowSize = int(value)
		case optionTransferSize:
			if err == nil {
				t.size = int64(value)
			}
		}
		if !valid {
			return t, fmt.Errorf("%w: the server granted %s %.40q, limits %d and %d", ErrOptions, strings.ToLower(option.Name), option.Value, asked.blockSize, asked.windowSize)
		}
	}
	return t, nil
}
