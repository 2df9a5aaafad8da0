// Charts keeps the pictures of the chapters' pages in step with what they show.
//
//	go run ./.github/scripts/charts       # fails if a picture differs
//	go run ./.github/scripts/charts -w    # writes them
//
// Each table below the heading "Which way is faster" of a chapter's page gets a bar chart,
// faster-1.svg and so on in its folder, shown right after the table. Its bars are the first column
// whose cells all begin with a number.
//
// A fenced block after a line
//
//	<!-- output of ExampleName in file_test.go -->
//
// of any README.md holds what that Example prints, as its Output comment says and go test checks.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("charts", flag.ContinueOnError)
	flags.SetOutput(stderr)
	writes := flags.Bool("w", false, "write the charts and diagrams")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return 2
	}
	pages, err := find()
	if err != nil {
		fmt.Fprintln(stderr, "charts:", err)
		return 1
	}
	status, charts, diagrams := 0, 0, 0
	wrong := func(format string, args ...any) {
		fmt.Fprintf(stderr, "charts: "+format+"\n", args...)
		status = 1
	}
	for _, page := range pages {
		old, err := os.ReadFile(page)
		if err != nil {
			wrong("%v", err)
			continue
		}
		text, shown, err := withOutputs(page, string(old))
		if err != nil {
			wrong("%s: %v", page, err)
			continue
		}
		diagrams += shown
		var svgs []string
		if chapterPage.MatchString(page) {
			if text, svgs, err = withCharts(text); err != nil {
				wrong("%s: %v", page, err)
				continue
			}
		}
		charts += len(svgs)
		files := map[string]string{page: text}
		for i, svg := range svgs {
			files[path.Join(path.Dir(page), chartName(i+1))] = svg
		}
		if stale, err := filepath.Glob(path.Join(path.Dir(page), "faster-*.svg")); err != nil {
			wrong("%v", err)
		} else {
			for _, name := range stale {
				if _, ok := files[filepath.ToSlash(name)]; ok {
					continue
				}
				if !*writes {
					wrong("%s: no table of %s has it; make draw removes it", name, page)
				} else if err := os.Remove(name); err != nil {
					wrong("%v", err)
				}
			}
		}
		for name, want := range files {
			got, err := os.ReadFile(name)
			if err == nil && string(got) == want {
				continue
			}
			if *writes {
				if err := os.WriteFile(name, []byte(want), 0o666); err != nil {
					wrong("%v", err)
				}
			} else if name == page {
				wrong("%s: a chart is not shown after its table, or a diagram differs from its Example; make draw writes them:\n%s",
					name, firstDifference(string(got), want))
			} else {
				wrong("%s differs from its table in %s; make draw writes it", name, page)
			}
		}
	}
	if status == 0 {
		fmt.Fprintf(stdout, "%d charts and %d diagrams\n", charts, diagrams)
	}
	return status
}

// find returns each README.md below the current folder.
func find() (pages []string, err error) {
	err = filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (d.Name()[0] == '.' || d.Name() == "testdata"):
			return fs.SkipDir
		case d.Name() == "README.md":
			pages = append(pages, filepath.ToSlash(name))
		}
		return nil
	})
	return pages, err
}

var (
	chapterPage = regexp.MustCompile(`^ch\d\d/(.+/)?README\.md$`)
	chartLine   = regexp.MustCompile(`^!\[.*\]\(faster-\d+\.svg\)$`)
)

func chartName(n int) string { return fmt.Sprintf("faster-%d.svg", n) }

// withCharts returns the page with each table's chart shown after it, and the charts.
func withCharts(page string) (text string, svgs []string, err error) {
	var out, table []string
	inside, code := false, false
	lines := strings.Split(page, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if !code && chartLine.MatchString(line) { // as an earlier run left it
			if len(out) > 0 && out[len(out)-1] == "" && i+1 < len(lines) && lines[i+1] == "" {
				i++
			}
			continue
		}
		if !code && strings.HasPrefix(line, "#") {
			inside = strings.TrimLeft(line, "# ") == "Which way is faster"
		}
		out = append(out, line)
		if !inside || code || !strings.HasPrefix(line, "|") {
			continue
		}
		table = append(table, line)
		if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|") {
			continue
		}
		svg, err := chart(table)
		if err != nil {
			return "", nil, err
		}
		svgs, table = append(svgs, svg), nil
		out = append(out, "", "![Bar chart of this table]("+chartName(len(svgs))+")")
	}
	return strings.Join(out, "\n"), svgs, nil
}

// firstDifference shows the first line that differs.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i == len(b) || a[i] != b[i] {
			b = append(b, "the end")
			return fmt.Sprintf("line %d: got  %s\nline %d: want %s", i+1, a[i], i+1, b[i])
		}
	}
	return fmt.Sprintf("line %d: got  the end", len(a))
}

// chart draws a table of Markdown.
func chart(table []string) (string, error) {
	rows := make([][]string, 0, len(table))
	for i, line := range table {
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "| "), "|")
		for i, cell := range cells {
			cells[i] = plain(cell)
		}
		if i != 1 { // the line of hyphens
			rows = append(rows, cells)
		}
	}
	if len(table) < 3 {
		return "", fmt.Errorf("the table %q has no rows", table[0])
	}
	for column := 1; column < len(rows[0]); column++ {
		values, texts, ok := numbers(rows[1:], column)
		if !ok {
			continue
		}
		labels := make([]string, len(values))
		for i, row := range rows[1:] {
			labels[i] = row[0]
		}
		return draw(rows[0][0], rows[0][column], labels, values, texts), nil
	}
	return "", fmt.Errorf("the table %q has no column whose cells all begin with a number of the same unit", rows[0][0])
}

var link = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)

// plain leaves out Markdown's marks.
func plain(cell string) string {
	cell = link.ReplaceAllString(cell, "$1")
	return strings.TrimSpace(strings.NewReplacer("`", "", "**", "", "\x00", "|").Replace(cell))
}

// withOutputs returns the page with each block that shows what an Example prints.
func withOutputs(page, text string) (changed string, shown int, err error) {
	lines := strings.Split(text, "\n")
	var out []string
	code := false
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		if strings.HasPrefix(lines[i], "```") {
			code = !code
		}
		marker := outputMarker.FindStringSubmatch(lines[i])
		if marker == nil || code {
			continue
		}
		output, err := exampleOutput(path.Join(path.Dir(page), marker[2]), marker[1])
		if err != nil {
			return "", 0, err
		}
		i++
		if i == len(lines) || !strings.HasPrefix(lines[i], "```") {
			return "", 0, fmt.Errorf("%s: no fenced block in the next line", marker[0])
		}
		out = append(out, lines[i])
		for i++; i < len(lines) && lines[i] != "```"; i++ {
		}
		if i == len(lines) {
			return "", 0, fmt.Errorf("%s: its block does not end", marker[0])
		}
		out = append(out, output, "```")
		shown++
	}
	return strings.Join(out, "\n"), shown, nil
}

var outputMarker = regexp.MustCompile(`^<!-- output of (Example\w*) in (\S+_test\.go) -->$`)

// escape makes text safe within XML.
func escape(text string) string {
	var b bytes.Buffer
	for _, r := range text {
		switch r {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '"':
			b.WriteString("&quot;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
