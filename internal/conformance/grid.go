package conformance

import (
	"fmt"
	"strings"

	"spaceos/libos"
)

// The grid is generated from libos's table of calls: for each call every
// argument takes each value of its domain while the others are good, and few
// values of each two arguments meet, so that it shows which of two faults Linux
// sees first. One program, c/grid.c, makes the calls from a list.

// gridSubject is the program that runs the grid.
const gridSubject = "grid"

// A gridLine is one call of the grid.
type gridLine struct {
	call libos.CallInfo
	args []value
}

// String writes the call as the program prints it.
func (l gridLine) String() string {
	var b strings.Builder
	b.WriteString(l.call.Name + "(")
	for i, arg := range l.call.Args {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s=%s", arg.Name, l.args[i].name)
	}
	return b.String() + ")"
}

// encode writes the line for the program: c/grid.c says how.
func (l gridLine) encode() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%x %c %s", l.call.Nr, resultOf(l.call.Name), remade(l))
	for i := range 6 {
		v := value{}
		if i < len(l.args) {
			v = l.args[i]
		}
		b.WriteByte(' ')
		if v.self != 0 {
			b.WriteByte(v.self)
		}
		fmt.Fprintf(&b, "%x", v.v)
	}
	return b.String() + " " + l.String() + "\n"
}

// linesOf generates the grid of one call, without those lines that cannot be
// run; left counts them by the reason.
func (m *arena) linesOf(c libos.CallInfo, left map[string]int) []gridLine {
	domains := make([]domain, len(c.Args))
	good := make([]value, len(c.Args))
	for i, arg := range c.Args {
		domains[i] = m.of(c, arg)
		if m.brief {
			domains[i] = domains[i].brief(arg)
		}
		good[i] = domains[i].values[0]
	}
	var lines []gridLine
	seen := map[string]bool{}
	add := func(change map[int]value) {
		l := gridLine{call: c, args: append([]value(nil), good...)}
		for i, v := range change {
			l.args[i] = v
		}
		name := l.String()
		if seen[name] {
			return
		}
		seen[name] = true
		if why := leftOut(l); why != "" {
			left[why]++
			return
		}
		lines = append(lines, l)
	}
	add(nil)
	for i, d := range domains {
		for _, v := range d.values {
			add(map[int]value{i: v})
		}
	}
	for i, a := range domains {
		for j, b := range domains[i+1:] {
			for _, v := range a.pairs {
				for _, w := range b.pairs {
					add(map[int]value{i: v, i + 1 + j: w})
				}
			}
		}
	}
	return lines
}

// A Grid is a part of the generated grid as a case, with what was left out of
// it by the reason.
type Grid struct {
	Case
	Lines   int
	LeftOut map[string]int
}

// Grids generates the grid for every call of libos's table, in parts: one a
// subject, and those about files once more in a folder of the host, there
// without the pointers and bits that the kind of file makes no difference for.
//
// Of each call every n-th line is taken; 1 is all of them.
func Grids(n int) []Grid {
	var grids []Grid
	parts := map[string]int{}
	for _, c := range libos.Calls() {
		for _, root := range rootsOf(c) {
			name := "grid/" + c.Subject.String() + root
			if _, ok := parts[name]; !ok {
				parts[name] = len(grids)
				grids = append(grids, newGrid(name, root))
			}
			grids[parts[name]].add(c, n)
		}
	}
	return grids
}

func rootsOf(c libos.CallInfo) []string {
	if c.Subject == libos.SubjectFiles {
		return []string{"/tmp", "/out"}
	}
	return []string{"/tmp"}
}

func newGrid(name, root string) Grid {
	in := Tree{}
	for path, content := range files {
		in[path] = content
	}
	a := newArena(root+"/grid", false)
	in["image"] = string(a.image.bytes)
	in["cases"] = ""
	return Grid{
		Case: Case{
			Name:    name,
			Program: Program{Subject: gridSubject, Build: Musl},
			Args:    []string{root + "/grid"},
			In:      in,
		},
		LeftOut: map[string]int{},
	}
}

func (g *Grid) add(c libos.CallInfo, n int) {
	var b strings.Builder
	for i, l := range newArena(g.Args[0], strings.HasPrefix(g.Args[0], "/out")).linesOf(c, g.LeftOut) {
		if i%n == 0 {
			b.WriteString(l.encode())
			g.Lines++
		}
	}
	g.In["cases"] += b.String()
}
