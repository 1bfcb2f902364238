package main

import (
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Tests that ran in the emulated machine come out of one test of package hwkvm,
// as those of the package that they are of: TestOnEmulatedSVM/vmm/TestFaults is
// TestFaults of package vmm.
const (
	emulatedPackage = "internal/hwkvm"
	emulatedTest    = "TestOnEmulatedSVM/"
)

// A pairing is one package's tests on the two kinds of KVM.
type pairing struct {
	name                string
	both                int
	onlyHere, onlyThere []string
	// notThere are tests, with all below them, that were not given to the machine.
	notThere []string
}

// pairings compares what passed on this machine's KVM with what passed on the
// emulated one, for each package that ran on both.
func (t *tally) pairings() []pairing {
	here, there := map[string]map[string]bool{}, map[string]map[string]bool{}
	for k, outcome := range t.outcome {
		if k.Test == "" || outcome != "pass" || t.parents[k] {
			continue
		}
		if !strings.HasSuffix(k.Package, emulatedPackage) {
			note(here, path.Base(k.Package), k.Test)
		} else if job, test, ok := strings.Cut(strings.TrimPrefix(k.Test, emulatedTest), "/"); ok && strings.HasPrefix(k.Test, emulatedTest) {
			note(there, job, test)
		}
	}
	var all []pairing
	for name, tests := range there {
		all = append(all, pair(name, here[name], tests))
	}
	slices.SortFunc(all, func(a, b pairing) int { return strings.Compare(a.name, b.name) })
	return all
}

func note(in map[string]map[string]bool, name, test string) {
	if in[name] == nil {
		in[name] = map[string]bool{}
	}
	in[name][test] = true
}

func pair(name string, here, there map[string]bool) pairing {
	p := pairing{name: name}
	given := map[string]bool{} // whole tests
	for test := range there {
		given[whole(test)] = true
		if here[test] {
			p.both++
		} else {
			p.onlyThere = append(p.onlyThere, test)
		}
	}
	not := map[string]bool{}
	for test := range here {
		switch {
		case there[test]:
		case given[whole(test)]:
			p.onlyHere = append(p.onlyHere, test)
		default:
			not[whole(test)] = true
		}
	}
	for test := range not {
		p.notThere = append(p.notThere, test)
	}
	slices.Sort(p.onlyHere)
	slices.Sort(p.onlyThere)
	slices.Sort(p.notThere)
	return p
}

// siblings gives sorted tests a line for each parent that several have.
func siblings(tests []string) (lines []string) {
	for len(tests) > 0 {
		parent, n := path.Dir(tests[0]), 1
		for n < len(tests) && parent != "." && path.Dir(tests[n]) == parent {
			n++
		}
		line := tests[0]
		if n > 1 {
			line = parent + ":"
			for _, test := range tests[:n] {
				line += " " + path.Base(test)
			}
		}
		lines, tests = append(lines, line), tests[n:]
	}
	return lines
}

// whole is the test function's name.
func whole(test string) string {
	name, _, _ := strings.Cut(test, "/")
	return name
}

// said finds such a line behind the places that it was logged from.
var said = regexp.MustCompile(`(?:^|.*\.go:\d+:)\s*(\S+ is left out: .*\S)`)

// leftOut are the lines of the emulated machine's tests that say what does not
// run there, and why.
func (t *tally) leftOut() []string {
	var lines []string
	for k, output := range t.output {
		if !strings.HasSuffix(k.Package, emulatedPackage) {
			continue
		}
		for _, line := range output {
			if match := said.FindStringSubmatch(line); match != nil {
				lines = append(lines, match[1])
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// reportKVMs prints which tests passed on both kinds of KVM, and names those
// that passed on one alone.
func (t *tally) reportKVMs(w io.Writer) {
	all := t.pairings()
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-14s %12s %10s %11s\n", "passed on", "both KVMs", "only here", "only there")
	for _, p := range all {
		fmt.Fprintf(w, "%-14s %12d %10d %11d\n", p.name, p.both, len(p.onlyHere), len(p.onlyThere))
	}
	for _, p := range all {
		for _, line := range siblings(p.onlyHere) {
			fmt.Fprintf(w, "only here: %s %s\n", p.name, line)
		}
		for _, line := range siblings(p.onlyThere) {
			fmt.Fprintf(w, "only there: %s %s\n", p.name, line)
		}
		if len(p.notThere) > 0 {
			fmt.Fprintf(w, "%s: tests not given to the other KVM: %s\n", p.name, strings.Join(p.notThere, " "))
		}
	}
	for _, line := range t.leftOut() {
		fmt.Fprintln(w, line)
	}
}
