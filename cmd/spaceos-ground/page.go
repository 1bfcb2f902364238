package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// A page is text for people in columns. Each block of it, up to an empty line,
// is aligned by itself.
type page struct {
	w   *tabwriter.Writer
	err error
}

func newPage(out io.Writer) *page {
	return &page{w: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
}

// line prints a line, its cells apart by tabs; a line break in front of it
// begins a new block.
func (p *page) line(format string, args ...any) {
	text, block := strings.CutPrefix(fmt.Sprintf(format, args...), "\n")
	if block {
		p.keep(p.w.Flush())
		text = "\n" + text
	}
	_, err := fmt.Fprintln(p.w, strings.TrimRight(text, "\t "))
	p.keep(err)
}

// field prints a name and a value, and nothing if there is none.
func (p *page) field(name, value string) {
	if value != "" {
		p.line("%s\t%s", name, value)
	}
}

// row is a field within a block.
func (p *page) row(name, value string) { p.line("  %s\t%s", name, value) }

func (p *page) keep(err error) { p.err = errors.Join(p.err, err) }

func (p *page) flush() error {
	p.keep(p.w.Flush())
	return p.err
}
