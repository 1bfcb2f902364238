package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
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
		p.line("%s\t%s", name, plain(value))
	}
}

// row is a field within a block.
func (p *page) row(name, value string) { p.line("  %s\t%s", name, plain(value)) }

// plain is a text that a stranger wrote, fit for a terminal: a manifest may hold
// any letter, and some of those are orders to terminals.
func plain(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// pageWidth is how long a line of names gets.
const pageWidth = 78

// calls prints names on as few lines as hold them, behind a mark.
func (p *page) calls(mark rune, names []string) {
	line := ""
	for i, name := range names {
		if line != "" && len(line)+len(name)+5 > pageWidth {
			p.line("  %c %s,", mark, line)
			line = ""
		}
		line = strings.TrimPrefix(line+", "+name, ", ")
		if i == len(names)-1 {
			p.line("  %c %s", mark, line)
		}
	}
}

// keep keeps the first error; the others say the same.
func (p *page) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *page) flush() error {
	p.keep(p.w.Flush())
	return p.err
}
