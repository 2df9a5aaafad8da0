package ch06_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"network-programming-with-go/ch06"
)

// An ERROR ends the transfer whatever is missing of it, so all of these are one.
func TestErr(t *testing.T) {
	for _, tt := range []struct {
		name, wire string
		want       ch06.Err
		text       string
	}{
		{"whole", "\x00\x05\x00\x01no\x00", ch06.Err{Code: ch06.ErrNotFound, Message: "no"}, "ERROR 1: no"},
		{"without a message", "\x00\x05\x00\x08\x00", ch06.Err{Code: ch06.ErrOptions}, "ERROR 8: option negotiation failed"},
		{"without its last zero byte", "\x00\x05\x00\x01no", ch06.Err{Code: ch06.ErrNotFound, Message: "no"}, "ERROR 1: no"},
		{"without a text", "\x00\x05\x00\x02", ch06.Err{Code: ch06.ErrAccessViolation}, "ERROR 2: access violation"},
		{"with half a code", "\x00\x05\x00", ch06.Err{}, "ERROR 0: not defined"},
		{"without a code", "\x00\x05", ch06.Err{}, "ERROR 0: not defined"},
		{"with bytes behind", "\x00\x05\x00\x01no\x00more\x00", ch06.Err{Code: ch06.ErrNotFound, Message: "no"}, "ERROR 1: no"},
		{"with a new code", "\x00\x05\x00\x09\x00", ch06.Err{Code: 9}, "ERROR 9: error code 9"},
		{"too long", "\x00\x05\x00\x00" + strings.Repeat("x", 600), ch06.Err{Message: strings.Repeat("x", 511)}, "ERROR 0: " + strings.Repeat("x", 511)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ch06.Err{Code: 7, Message: "old"}
			if err := got.UnmarshalBinary([]byte(tt.wire)); err != nil || got != tt.want {
				t.Errorf("UnmarshalBinary(%.20q) = %d %.60q, %v, want %d %.60q", tt.wire, got.Code, got.Message, err, tt.want.Code, tt.want.Message)
			}
			if got := got.Error(); got != tt.text {
				t.Errorf("Error() = %.60q, want %.60q", got, tt.text)
			}
		})
	}
}

func TestErrLimits(t *testing.T) {
	for _, tt := range []struct {
		name, message string
		ok            bool
	}{
		{"511 bytes", strings.Repeat("x", 511), true},
		{"512 bytes", strings.Repeat("x", 512), false},
		{"zero byte", "a\x00b", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire, err := (&ch06.Err{Code: 1, Message: tt.message}).MarshalBinary()
			if tt.ok != (err == nil) || tt.ok && string(wire) != "\x00\x05\x00\x01"+tt.message+"\x00" {
				t.Errorf("MarshalBinary() = %.20q, %v, want success %t", wire, err, tt.ok)
			}
		})
	}
}

// The codes are errors: a program tells a missing file as it would a local one.
func TestErrMatches(t *testing.T) {
	for _, tt := range []struct {
		code   ch06.ErrCode
		target error
		want   bool
	}{
		{ch06.ErrNotFound, ch06.ErrNotFound, true}, {ch06.ErrNotFound, fs.ErrNotExist, true},
		{ch06.ErrNotFound, ch06.ErrAccessViolation, false}, {ch06.ErrNotFound, fs.ErrPermission, false},
		{ch06.ErrAccessViolation, fs.ErrPermission, true}, {ch06.ErrAccessViolation, fs.ErrNotExist, false},
		{ch06.ErrFileExists, fs.ErrExist, true}, {ch06.ErrFileExists, fs.ErrNotExist, false},
		{ch06.ErrUnknown, fs.ErrNotExist, false},
	} {
		err := fmt.Errorf("get: %w", &ch06.Err{Code: tt.code, Message: "text"})
		if got := errors.Is(err, tt.target); got != tt.want {
			t.Errorf("errors.Is(%v, %v) = %t, want %t", err, tt.target, got, tt.want)
		}
		if end, ok := errors.AsType[*ch06.Err](err); !ok || end.Message != "text" {
			t.Errorf("errors.AsType = %v, %t, want the message", end, ok)
		}
	}
}

// What a peer writes into an ERROR must not reach a terminal as commands.
func TestErrIsPrintable(t *testing.T) {
	err := &ch06.Err{Code: ch06.ErrNotFound, Message: "gone\x1b]0;title\a\x1b[2J\nfake: line"}
	if got, want := err.Error(), "ERROR 1: gone]0;title[2Jfake: line"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestNames(t *testing.T) {
	var codes, errs []string
	for c := ch06.OpRRQ - 1; c <= ch06.OpOAck+1; c++ {
		codes = append(codes, c.String())
	}
	if got, want := strings.Join(codes, " "), "opcode 0 RRQ WRQ DATA ACK ERROR OACK opcode 7"; got != want {
		t.Errorf("opcodes = %q, want %q", got, want)
	}
	for c := ch06.ErrUnknown; c <= ch06.ErrOptions+1; c++ {
		errs = append(errs, c.Error())
	}
	if got := strings.Join(errs, ", "); strings.Contains(got, ", ,") || !strings.HasSuffix(got, "option negotiation failed, error code 9") {
		t.Errorf("error codes = %q", got)
	}
}

func ExampleErr() {
	var err error = &ch06.Err{Code: ch06.ErrNotFound, Message: "no kernel for this machine"}
	fmt.Println(err)
	fmt.Println(errors.Is(err, ch06.ErrNotFound), errors.Is(err, fs.ErrNotExist))
	// Output:
	// ERROR 1: no kernel for this machine
	// true true
}

// What decodes encodes to a packet that decodes to the same value.
func FuzzErr(f *testing.F) {
	f.Add([]byte("\x00\x05\x00\x01message\x00"))
	f.Add([]byte("\x00\x05\x00"))
	f.Add([]byte("\x00\x05\x00\x01" + strings.Repeat("x", 600)))
	f.Fuzz(func(t *testing.T, in []byte) {
		var e, again ch06.Err
		if e.UnmarshalBinary(in) != nil {
			return
		}
		if out, err := e.MarshalBinary(); err != nil || again.UnmarshalBinary(out) != nil || e != again {
			t.Errorf("ERROR %.80q is %+.80v, then %.80q, %v", in, e, out, err)
		}
	})
}
