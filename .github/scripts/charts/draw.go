package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

var number = regexp.MustCompile(`^(?:1 : )?[<>~≈]? ?([0-9][0-9,]*(?:\.[0-9]+)?) ?([^\s,;(]*)`)

// numbers returns what the cells of a column begin with, in one unit. "1 : 0.3", a ratio,
// counts as 0.3, and then 1 is the full length.
func numbers(rows [][]string, column int) (values []float64, texts []string, ok bool) {
	units := make(map[string]bool)
	for _, row := range rows {
		if column >= len(row) {
			return nil, nil, false
		}
		found := number.FindStringSubmatch(row[column])
		if found == nil {
			return nil, nil, false
		}
		value, err := strconv.ParseFloat(strings.ReplaceAll(found[1], ",", ""), 64)
		if err != nil {
			return nil, nil, false
		}
		factor, isTime := map[string]float64{"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60}[found[2]]
		switch {
		case isTime:
			value, found[2] = value*factor, "s"
		case found[2] == "times" || found[2] == "x" || found[2] == "×":
			found[2] = ""
		}
		units[found[2]] = true
		values, texts = append(values, value), append(texts, row[column])
	}
	return values, texts, len(units) == 1
}

const (
	width   = 680
	margin  = 16
	rowStep = 40
	barTall = 12
)

// draw returns an SVG image. It has a background of its own, so that it can be read even if
// the page is dark and the reader's system is not, or the other way round.
func draw(title, unit string, labels []string, values []float64, texts []string) string {
	longest, room := slices.Max(values), 0.0
	ratios := strings.HasPrefix(texts[0], "1 : ") // each against 1, which is drawn behind it
	if ratios {
		longest = max(longest, 1)
	}
	for _, text := range texts {
		room = max(room, textWidth(text, 12))
	}
	room = width - 2*margin - room - 8 // for the longest bar
	height := 64 + len(labels)*rowStep

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">
<title>%s: %s</title>
<style>
text { font: 12px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 }
.unit { fill: #59636e }
.card { fill: #ffffff; stroke: #d1d9e0 }
.bar { fill: #0969da }
.one { fill: #dde3ea }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.unit { fill: #9198a1 }
.card { fill: #0d1117; stroke: #3d444d }
.bar { fill: #4493f8 }
.one { fill: #2f353d }
}
</style>
<rect class="card" x="0.5" y="0.5" width="%d" height="%d" rx="6"/>
`, width, height, width, height, escape(title), escape(unit), width-1, height-1)
	write := func(class string, x, y, size float64, text string) {
		fit := ""
		if limit := width - margin - x; textWidth(text, size) > limit {
			fit = fmt.Sprintf(` textLength="%.0f" lengthAdjust="spacingAndGlyphs"`, limit)
		}
		fmt.Fprintf(&b, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n", class, x, y, fit, escape(text))
	}
	write("title", margin, 26, 14, title)
	write("unit", margin, 44, 12, unit)
	for i, value := range values {
		y := float64(58 + i*rowStep)
		long := 1.5 // even nothing can be seen
		if longest > 0 {
			long = max(long, room*value/longest)
		}
		if ratios {
			fmt.Fprintf(&b, "<rect class=\"one\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", margin, y+18, room/longest, barTall)
		}
		write("label", margin, y+12, 12, labels[i])
		fmt.Fprintf(&b, "<rect class=\"bar\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", margin, y+18, long, barTall)
		if ratios {
			long = max(long, room/longest)
		}
		write("value", margin+long+8, y+28, 12, texts[i])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// textWidth estimates, rather too much.
func textWidth(text string, size float64) float64 {
	return 0.58 * size * float64(utf8.RuneCountInString(text))
}
