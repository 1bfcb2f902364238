package hwkvm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// An inner is a test that ran in the machine.
type inner struct {
	name     string // the part below its parent's
	outcome  string // pass, fail, skip; "" if it did not end
	seconds  float64
	output   strings.Builder
	children []*inner
}

// parseTests reads what a test binary printed with -test.v=test2json. The
// root's output is what belongs to no test.
func parseTests(t *testing.T, output []byte) *inner {
	t.Helper()
	cmd := exec.Command("go", "tool", "test2json", "-t") // -t: with how long each took
	cmd.Stdin = bytes.NewReader(output)
	events, err := cmd.Output()
	if err != nil {
		t.Fatalf("go tool test2json: %v", err)
	}
	root := &inner{}
	byName := map[string]*inner{"": root}
	for dec := json.NewDecoder(bytes.NewReader(events)); dec.More(); {
		var e struct {
			Action, Test, Output string
			Elapsed              float64
		}
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		n := byName[e.Test]
		if n == nil {
			n = &inner{}
			parent := parentOf(byName, e.Test)
			n.name = strings.TrimPrefix(strings.TrimPrefix(e.Test, parent), "/")
			byName[parent].children = append(byName[parent].children, n)
			byName[e.Test] = n
		}
		switch e.Action {
		case "output":
			n.output.WriteString(e.Output)
		case "pass", "fail", "skip":
			n.outcome, n.seconds = e.Action, e.Elapsed
		}
	}
	return root
}

// parentOf is the longest known test that name is below of.
func parentOf(known map[string]*inner, name string) string {
	for {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return ""
		}
		name = name[:i]
		if known[name] != nil {
			return name
		}
	}
}

// replay makes subtests of the tests below n, with their outcome and output.
func (n *inner) replay(t *testing.T) {
	for _, c := range n.children {
		t.Run(c.name, func(t *testing.T) {
			c.replay(t)
			text := c.text()
			switch c.outcome {
			case "pass":
				if text != "" {
					t.Log(text)
				}
			case "skip":
				t.Skip(text)
			case "fail":
				t.Error(text)
			default:
				t.Errorf("it did not end:\n%s", text)
			}
		})
	}
}

// text is the test's own output without go test's marks.
func (n *inner) text() string {
	var b strings.Builder
	for line := range strings.Lines(n.output.String()) {
		if trimmed := strings.TrimSpace(line); !strings.HasPrefix(trimmed, "=== ") && !strings.HasPrefix(trimmed, "--- ") {
			b.WriteString(line)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// leaves gives the tests that have none below them, by their names from n on.
func (n *inner) leaves() map[string]*inner {
	all := map[string]*inner{}
	for _, c := range n.children {
		if len(c.children) == 0 {
			all[c.name] = c
		}
		for name, leaf := range c.leaves() {
			all[c.name+"/"+name] = leaf
		}
	}
	return all
}

// slowest lists the tests that took longest, a line each.
func (n *inner) slowest(many int) string {
	leaves := n.leaves()
	names := slices.SortedFunc(maps.Keys(leaves), func(a, b string) int {
		return cmp.Or(cmp.Compare(leaves[b].seconds, leaves[a].seconds), cmp.Compare(a, b))
	})
	var b strings.Builder
	for _, name := range names[:min(many, len(names))] {
		fmt.Fprintf(&b, "%6.1f s  %s\n", leaves[name].seconds, name)
	}
	return b.String()
}

// count counts the tests that have none below them, by outcome.
func (n *inner) count() map[string]int {
	by := map[string]int{}
	for _, leaf := range n.leaves() {
		by[leaf.outcome]++
	}
	return by
}
