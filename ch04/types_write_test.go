package ch04_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"network-programming-with-go/ch04"
)

// typesWriter counts calls, and takes at most limit bytes of each.
type typesWriter struct {
	calls, limit int
	err          error
}

func (w *typesWriter) Write(p []byte) (int, error) {
	w.calls++
	return min(len(p), w.limit), w.err
}

// Header and payload in two writes are two segments, and a delay between them
// where Nagle's algorithm meets delayed acknowledgements.
func TestWriteToIsOneWrite(t *testing.T) {
	small, text := ch04.Binary("abc"), ch04.String(strings.Repeat("x", 128<<10))
	large := make(ch04.Binary, 128<<10)
	for _, p := range []ch04.Payload{&small, &text, &large, new(ch04.Binary)} {
		w := &typesWriter{limit: 1 << 30}
		n, err := p.WriteTo(w)
		if want := int64(len(p.Bytes()) + 5); n != want || err != nil || w.calls != 1 {
			t.Errorf("WriteTo = %d, %v in %d calls, want %d, nil in 1",
				n, err, w.calls, want)
		}
	}
}

func TestWriteToShortWriters(t *testing.T) {
	full := errors.New("disk full")
	for _, tt := range []struct {
		limit     int
		err, want error
	}{
		{0, nil, io.ErrShortWrite},
		{3, nil, io.ErrShortWrite}, // inside the header
		{7, nil, io.ErrShortWrite}, // inside the payload
		{7, full, full},            // the writer's own reason comes first
		{8, nil, nil},
	} {
		n, err := ch04.String("abc").WriteTo(&typesWriter{limit: tt.limit, err: tt.err})
		if n != int64(tt.limit) || !errors.Is(err, tt.want) {
			t.Errorf("writer takes %d, %v: WriteTo = %d, %v, want %d, %v",
				tt.limit, tt.err, n, err, tt.limit, tt.want)
		}
	}
}
