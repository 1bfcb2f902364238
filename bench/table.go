package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is one table of the report.
type table struct {
	Title  string
	Note   string
	Header []string
	Rows   [][]string
	Words  bool // cells are words rather than figures, and start at the left
}

// write prints t as Markdown with its columns aligned, so that it reads as well
// on a terminal.
func (t *table) write(w io.Writer) {
	width := make([]int, len(t.Header))
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string) {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprint(w, "|")
			}
			if i == 0 || t.Words {
				fmt.Fprintf(w, " %s%s |", cell, pad)
			} else {
				fmt.Fprintf(w, " %s%s |", pad, cell)
			}
		}
		fmt.Fprintln(w)
	}
	line(t.Header)
	for i, n := range width {
		if i == 0 {
			fmt.Fprint(w, "|")
		}
		if i == 0 || t.Words {
			fmt.Fprintf(w, "%s|", strings.Repeat("-", n+2))
		} else {
			fmt.Fprintf(w, "%s:|", strings.Repeat("-", n+1))
		}
	}
	fmt.Fprintln(w)
	for _, row := range t.Rows {
		line(row)
	}
}

// formatSpread writes a median and the quartiles around it, each divided by
// unit.
func formatSpread(s summary, unit float64, digits int) string {
	return fmt.Sprintf("%.*f (%.*f..%.*f)", digits, s.Median/unit, digits, s.Low/unit, digits, s.High/unit)
}

func formatMiB(s summary) string { return formatSpread(s, 1<<20, 2) }

func formatCount(v float64) string { return fmt.Sprintf("%.0f", v) }

// column is one column of a table of times: a part, divided by unit.
type column struct {
	title  string
	part   string
	unit   float64
	digits int
}

// timeTable adds a table with one row a runtime, and behind each value its
// ratio to that of reference, pair by pair.
func (h *harness) timeTable(name, title, note, reference string, r *results, columns ...column) {
	t := h.table(name, title, r)
	t.Note = note
	t.Header = []string{"runtime"}
	for _, c := range columns {
		t.Header = append(t.Header, c.title, "/ "+reference)
	}
	for _, runtime := range r.order {
		if r.failed[runtime] != nil {
			continue
		}
		row := []string{runtime}
		for _, c := range columns {
			values := r.series(runtime, c.part)
			if len(values) == 0 {
				row = append(row, "-", "-")
				continue
			}
			ratio := "-"
			if pairs, err := ratios(values, r.series(reference, c.part)); err == nil {
				ratio = fmt.Sprintf("%.3f", summarize(pairs).Median)
			}
			row = append(row, formatSpread(summarize(values), c.unit, c.digits), ratio)
		}
		t.Rows = append(t.Rows, row)
	}
}
