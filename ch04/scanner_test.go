package ch04_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"network-programming-with-go/ch04"
)

// scannerTokens collects what a scanner finds.
func scannerTokens(s *bufio.Scanner) ([]string, error) {
	var tokens []string
	for s.Scan() {
		tokens = append(tokens, s.Text())
	}
	return tokens, s.Err()
}

// Over a real conn one write is no message, and a scanner does not care.
func TestScanner(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		for _, piece := range []string{"The bigger the inter", "face, the", " weaker it is."} {
			if _, err := io.WriteString(conn, piece); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := bufio.NewScanner(conn)
	s.Split(bufio.ScanWords)
	got, err := scannerTokens(s)
	want := []string{"The", "bigger", "the", "interface,", "the", "weaker", "it", "is."}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("words = %q, %v, want %q", got, err, want)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("three writes, %d words: %q", len(got), got)
}

func TestScannerSplits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		split bufio.SplitFunc
		in    string
		want  []string
	}{
		{"lines end in LF or CRLF", bufio.ScanLines, "a\r\nb\n\r\nc", []string{"a", "b", "", "c"}},
		{"a lone CR ends no line", bufio.ScanLines, "a\rb\n", []string{"a\rb"}},
		{"delimiter kept out", ch04.ScanDelimited([]byte("\r\n")), "a\r\nb\nc\r\n",
			[]string{"a", "b\nc"}},
		{"last token without one", ch04.ScanDelimited([]byte(";")), "a;b", []string{"a", "b"}},
		{"empty tokens", ch04.ScanDelimited([]byte("--")), "----a--", []string{"", "", "a"}},
		{"half a delimiter", ch04.ScanDelimited([]byte("--")), "a-b-", []string{"a-b-"}},
		{"overlapping start", ch04.ScanDelimited([]byte("aab")), "aaab|", []string{"a", "|"}},
		{"empty stream", ch04.ScanDelimited([]byte(";")), "", nil},
		{"empty delimiter", ch04.ScanDelimited(nil), "a;b", []string{"a;b"}},
		{"NUL", ch04.ScanDelimited([]byte{0}), "a\x00\x00b", []string{"a", "", "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"whole":        strings.NewReader(tt.in),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.in)),
				"data and EOF": iotest.DataErrReader(strings.NewReader(tt.in)),
			} {
				s := bufio.NewScanner(r)
				s.Split(tt.split)
				if got, err := scannerTokens(s); err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("%s: %q = %q, %v, want %q", name, tt.in, got, err, tt.want)
				}
			}
		})
	}
}

func TestScannerTokenLimit(t *testing.T) {
	const long = bufio.MaxScanTokenSize // 64 KiB
	in := strings.Repeat("x", long) + ";short;"
	s := bufio.NewScanner(strings.NewReader(in))
	s.Split(ch04.ScanDelimited([]byte(";")))
	got, err := scannerTokens(s)
	if len(got) != 0 || !errors.Is(err, bufio.ErrTooLong) {
		t.Errorf("64 KiB token: %d tokens, %v, want none, bufio.ErrTooLong", len(got), err)
	}
	t.Logf("a token of 64 KiB with the default limit: %v", err)

	s = bufio.NewScanner(strings.NewReader(in))
	s.Split(ch04.ScanDelimited([]byte(";")))
	s.Buffer(nil, long+1) // the delimiter has to fit as well
	if got, err = scannerTokens(s); len(got) != 2 || err != nil {
		t.Errorf("with a limit of 64 KiB + 1: %d tokens, %v, want 2, nil", len(got), err)
	}
}

// Scan returns false for the end and for a failure alike: look at Err.
func TestScannerReadError(t *testing.T) {
	fail := errors.New("connection lost")
	s := bufio.NewScanner(io.MultiReader(strings.NewReader("a;b;c"), iotest.ErrReader(fail)))
	s.Split(ch04.ScanDelimited([]byte(";")))
	got, err := scannerTokens(s)
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want) || !errors.Is(err, fail) {
		t.Errorf("tokens = %q, %v, want %q, %v", got, err, want, fail)
	}
}

func TestScanDelimitedAllocatesNothing(t *testing.T) {
	split, data := ch04.ScanDelimited([]byte("\r\n")), []byte("token\r\nnext")
	if n := testing.AllocsPerRun(1000, func() { split(data, false) }); n != 0 {
		t.Errorf("%v allocations a token, want 0", n)
	}
}

func FuzzScanDelimited(f *testing.F) {
	f.Add("a;b;c", ";")
	f.Add("a\r\n\r\nb", "\r\n")
	f.Add("aaab", "aab")
	f.Add("x", "")
	f.Fuzz(func(t *testing.T, in, delim string) {
		var want []string // what strings.Split says, less an empty last token
		if delim != "" {
			want = strings.Split(in, delim)
		} else {
			want = []string{in}
		}
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		for _, r := range []io.Reader{
			strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)),
		} {
			s := bufio.NewScanner(r)
			// Scanner panics after 100 empty tokens without progress: ours always make some.
			s.Split(ch04.ScanDelimited([]byte(delim)))
			s.Buffer(nil, len(in)+len(delim)+1)
			if got, err := scannerTokens(s); err != nil || !slices.Equal(got, want) {
				t.Errorf("%q by %q = %q, %v, want %q", in, delim, got, err, want)
			}
		}
	})
}

func ExampleScanDelimited() {
	s := bufio.NewScanner(strings.NewReader("temp=21--hum=40--wind=3"))
	s.Split(ch04.ScanDelimited([]byte("--")))
	for s.Scan() {
		fmt.Println(s.Text())
	}
	if err := s.Err(); err != nil { // a false from Scan is not always the end
		fmt.Println(err)
	}
	// Output:
	// temp=21
	// hum=40
	// wind=3
}

// BenchmarkScanner reads 1,000 tokens of 32 bytes, for four allocations in all: Bytes
// is valid until the next Scan, where bufio.Reader.ReadString or Text would copy each.
// MB/s counts the stream.
func BenchmarkScanner(b *testing.B) {
	stream := bytes.Repeat([]byte("0123456789abcdef0123456789abcdef\n"), 1000)
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		s := bufio.NewScanner(bytes.NewReader(stream))
		s.Split(ch04.ScanDelimited([]byte("\n")))
		for s.Scan() {
			_ = s.Bytes()
		}
	}
}
