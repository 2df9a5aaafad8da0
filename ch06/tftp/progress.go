package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progressBar draws on a terminal, and nowhere else.
type progressBar struct {
	out   io.Writer // nil: no terminal
	name  string
	start time.Time
	drawn time.Time
}

func newProgressBar(out io.Writer, name string) *progressBar {
	bar := &progressBar{name: name, start: time.Now()}
	if file, ok := out.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" {
			bar.out = out
		}
	}
	return bar
}

// update draws at most ten times a second: drawing takes longer than receiving.
func (p *progressBar) update(received, size int64) {
	if p.out == nil || time.Since(p.drawn) < 100*time.Millisecond && received != size {
		return
	}
	p.drawn = time.Now()
	rate := float64(received) / 1e6 / max(time.Since(p.start).Seconds(), 1e-3)
	if size <= 0 {
		fmt.Fprintf(p.out, "\r%.40q %d bytes, %.1f MB/s\x1b[K", p.name, received, rate)
		return
	}
	const width = 30
	filled := int(min(received, size) * width / size)
	fmt.Fprintf(p.out, "\r%.40q [%s%s] %3d%% of %d bytes, %.1f MB/s\x1b[K", p.name,
		strings.Repeat("#", filled), strings.Repeat(".", width-filled), min(received, size)*100/size, size, rate)
}

// end leaves the last state standing.
func (p *progressBar) end() {
	if p.out != nil && !p.drawn.IsZero() {
		fmt.Fprintln(p.out)
	}
}
