package conformance

import (
	"fmt"
	"strings"
)

// Compare says where a cell's result differs from what Linux did, one text for
// each kind of difference, none when they agree. A line of standard output may
// differ as [Deviation] says; a deviation that belongs to the case and did not
// show on both sides is a difference too.
func Compare(c Case, linux, cell Result) []string {
	deviations := deviationsOf(c)
	used := make([]bool, len(deviations))
	cellOut := applyDeviations(deviations, used, linux.Stdout, cell.Stdout)
	var differences []string
	note := func(what, want, got string) {
		if want != got {
			differences = append(differences, what+":\n"+lineDiff(want, got))
		}
	}
	if c.Program.Subject == gridSubject {
		lines, _ := gridLines(linux.Stdout, cell.Stdout)
		cellOut = linux.Stdout
		differences = append(differences, lines...)
	}
	note("standard output", linux.Stdout, cellOut)
	note("standard error", linux.Stderr, cell.Stderr)
	note("exit status", fmt.Sprint(linux.Status), fmt.Sprint(cell.Status))
	note("/out", linux.Out.listing(), cell.Out.listing())
	note("/data", linux.Data.listing(), cell.Data.listing())
	for i, d := range deviations {
		if !used[i] {
			differences = append(differences, fmt.Sprintf(
				"deviation not seen: Linux was to print %q and the cell %q (%s)", d.Linux, d.Cell, d.Reason))
		}
	}
	return differences
}

// applyDeviations gives the cell's output with each allowed line replaced by
// what Linux printed, and marks the deviations it met.
func applyDeviations(deviations []Deviation, used []bool, linux, cell string) string {
	if len(deviations) == 0 {
		return cell
	}
	onLinux := strings.Split(linux, "\n")
	inCell := strings.Split(cell, "\n")
	for n := range min(len(onLinux), len(inCell)) {
		for i, d := range deviations {
			if onLinux[n] == d.Linux && inCell[n] == d.Cell {
				inCell[n], used[i] = d.Linux, true
			}
		}
	}
	return strings.Join(inCell, "\n")
}

// listing prints a tree as one line an entry, long contents cut.
func (t Tree) listing() string {
	var b strings.Builder
	for _, name := range t.names() {
		content := fmt.Sprintf("%q", t[name])
		if len(content) > 400 {
			content = fmt.Sprintf("%s... (%d bytes, %x)", content[:400], len(t[name]), fnv(t[name]))
		}
		fmt.Fprintf(&b, "%s %s\n", name, content)
	}
	return b.String()
}

// fnv is FNV-1a, enough to tell two long contents apart in a message.
func fnv(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// lineDiff prints two texts' differences: lines that only Linux printed behind
// a minus, lines that only the cell printed behind a plus. The longest common
// subsequence is searched between the first and the last difference.
func lineDiff(linux, cell string) string {
	a, b := strings.Split(linux, "\n"), strings.Split(cell, "\n")
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	for len(a) > start && len(b) > start && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	a, b = a[start:], b[start:]
	var out strings.Builder
	printed := 0
	line := func(mark, text string) {
		if printed++; printed <= 60 {
			fmt.Fprintf(&out, "  %s %s\n", mark, text)
		}
	}
	common := commonLines(a, b)
	for _, k := range append(common, [2]int{len(a), len(b)}) {
		for ; len(a) > 0 && k[0] > 0; k[0]-- {
			line("- Linux:", a[0])
			a = a[1:]
		}
		for ; len(b) > 0 && k[1] > 0; k[1]-- {
			line("+ cell: ", b[0])
			b = b[1:]
		}
		if len(a) > 0 && len(b) > 0 {
			a, b = a[1:], b[1:]
		}
	}
	if printed > 60 {
		fmt.Fprintf(&out, "  ... and %d lines more\n", printed-60)
	}
	return out.String()
}

// commonLines gives, for each line of a longest common subsequence, how many
// lines of a and of b stand before it since the one before.
func commonLines(a, b []string) [][2]int {
	const bound = 4000 * 4000
	if len(a)*len(b) > bound {
		return nil
	}
	length := make([][]int32, len(a)+1)
	for i := range length {
		length[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var common [][2]int
	var skip [2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			common = append(common, skip)
			skip = [2]int{}
			i++
			j++
		case length[i+1][j] >= length[i][j+1]:
			skip[0]++
			i++
		default:
			skip[1]++
			j++
		}
	}
	return common
}
