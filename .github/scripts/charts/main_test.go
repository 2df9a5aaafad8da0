package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

const page = `# Chapter 3: A title

| File | Shows |
|---|---|
| a | b |

## Which way is faster

| A byte each way | time | allocations |
|---|---|---|
| ` + "`new`" + ` & <slow> | 1 | none |
| open \| kept, [here](x.go) | 0.25 | 1 |

It is faster.

| Asking | ratio |
|---|---|
| one by one | 1 |
| all | 480 times faster |

## Diagram

<!-- output of ExampleServe in serve_test.go -->
` + "```text\nold\n```\n"

const example = `package ch03_test

import "fmt"

func ExampleServe() {
	fmt.Println("   20s  server reads")
	// Output:
	//    20s  server reads
	// 	end
}

func ExampleSilent() {}
`

// charts runs the program in the current folder.
func charts(args ...string) (status int, out string) {
	var b bytes.Buffer
	status = run(args, &b, &b)
	return status, b.String()
}

func edit(t *testing.T, name, old, new string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s has no %q:\n%s", name, old, text)
	}
	if err := os.WriteFile(name, bytes.Replace(text, []byte(old), []byte(new), 1), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestCharts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		file  string // that is changed after the charts were written
		old   string
		new   string
		text  string // what the check then says
		still bool   // -w cannot mend it
	}{
		{name: "bar", file: "ch03/faster-1.svg", old: `class="bar"`, new: `class="bat"`, text: "ch03/faster-1.svg differs from its table"},
		{name: "table", file: "ch03/README.md", old: "| 0.25 |", new: "| 0.5 |", text: "ch03/faster-1.svg differs"},
		{name: "label", file: "ch03/README.md", old: "| all |", new: "| both |", text: "ch03/faster-2.svg differs"},
		{name: "not shown", file: "ch03/README.md", old: "![Bar chart of this table](faster-2.svg)\n", text: "a chart is not shown"},
		{name: "table gone", file: "ch03/README.md", old: "| Asking | ratio |\n|---|---|\n| one by one | 1 |\n| all | 480 times faster |\n", text: "faster-2.svg: no table"},
		{name: "no number", file: "ch03/README.md", old: "480 times", new: "much", text: "no column whose cells all begin with a number", still: true},
		{name: "two units", file: "ch03/README.md", old: "480 times", new: "480 KiB", text: "number of the same unit", still: true},
		{name: "diagram", file: "ch03/README.md", old: "server reads", new: "server writes", text: "differs from its Example"},
		{name: "output", file: "ch03/serve_test.go", old: "//    20s", new: "//    21s", text: "want    21s"},
		{name: "no such example", file: "ch03/README.md", old: "ExampleServe ", new: "ExampleServer ", text: "serve_test.go has no ExampleServer", still: true},
		{name: "no output", file: "ch03/README.md", old: "ExampleServe ", new: "ExampleSilent ", text: "has no Output comment", still: true},
		{name: "no block", file: "ch03/README.md", old: "-->\n", new: "-->\n\n", text: "no fenced block", still: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.Mkdir("ch03", 0o777); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"ch03/README.md": page, "ch03/serve_test.go": example} {
				if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if status, out := charts(); status != 1 {
				t.Errorf("without charts: status %d, %s", status, out)
			}
			for range 2 { // writing again changes nothing
				if status, out := charts("-w"); status != 0 || out != "2 charts and 1 diagrams\n" {
					t.Fatalf("charts -w: status %d, %s", status, out)
				}
			}
			if status, out := charts(); status != 0 {
				t.Fatalf("after charts -w: status %d, %s", status, out)
			}
			edit(t, tt.file, tt.old, tt.new)
			if status, out := charts(); status != 1 || !strings.Contains(out, tt.text) {
				t.Errorf("charts: status %d, %s, want 1 and %q", status, out, tt.text)
			}
			want := 0
			if tt.still {
				want = 1
			}
			if status, out := charts("-w"); status != want {
				t.Errorf("charts -w: status %d, want %d: %s", status, want, out)
			}
			if status, out := charts(); status != want {
				t.Errorf("charts after -w: status %d, want %d: %s", status, want, out)
			}
		})
	}
}

// The lengths of the bars are to scale, and the image is well-formed.
func TestDraw(t *testing.T) {
	for _, tt := range []struct {
		cells  []string
		shares []float64 // of the longest bar possible; nil for no chart
	}{
		{[]string{"1", "0.25", "0.5"}, []float64{1, 0.25, 0.5}},
		{[]string{"1", "480 times faster"}, []float64{1. / 480, 1}},
		{[]string{"1,428 MiB/s", "714 MiB/s"}, []float64{1, 0.5}},
		{[]string{"1 s", "250 ms"}, []float64{1, 0.25}},
		{[]string{"1 : 0.26", "1 : 0.5, in 1/400 of the memory"}, []float64{0.26, 0.5}},
		{[]string{"< 0.5", "1"}, []float64{0.5, 1}},
		{[]string{"1", "fast"}, nil},
		{[]string{"1 s", "2 MiB"}, nil},
	} {
		table := []string{"| a < b & c | `x` |", "|---|---|"}
		for _, cell := range tt.cells {
			table = append(table, "| row | "+cell+" |")
		}
		svg, err := chart(table)
		if (err != nil) != (tt.shares == nil) {
			t.Errorf("%q: error %v", tt.cells, err)
		}
		if err != nil {
			continue
		}
		d := xml.NewDecoder(strings.NewReader(svg))
		for err == nil {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v in %s", tt.cells, err, svg)
		}
		bars := regexp.MustCompile(`class="bar".* width="([0-9.]+)"`).FindAllStringSubmatch(svg, -1)
		longest := 0.0
		for _, text := range tt.cells {
			longest = max(longest, textWidth(text, 12))
		}
		longest = width - 2*margin - longest - 8
		for i, share := range tt.shares {
			if got := parse(t, bars[i][1]); got < longest*share-0.1 || got > max(1.5, longest*share+0.1) {
				t.Errorf("%q: bar %d is %v long, want %v", tt.cells, i, got, longest*share)
			}
		}
	}
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	values, _, ok := numbers([][]string{{"", text}}, 1)
	if !ok {
		t.Fatalf("%q is not a number", text)
	}
	return values[0]
}
