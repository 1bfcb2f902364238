package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// TestSpaceModelHoldsOnLinux runs the walks of c/space.c natively: the model
// that a cell's address space is compared with is Linux's. It also counts what
// they meet.
func TestSpaceModelHoldsOnLinux(t *testing.T) {
	total := map[string]int{}
	var names []string // in the order in which the program prints them
	for _, c := range Cases() {
		if c.Program.Subject != "space" {
			continue
		}
		r := onLinux(t, c)
		if r.Status != 0 {
			t.Errorf("guest: %s %q\nstatus %d, want 0: %s", c.Name, c.Args, r.Status, r.Stderr)
			continue
		}
		fields := strings.Fields(endOf(r.Stdout, 2))
		for i := 0; i+1 < len(fields); i++ {
			var n int
			if _, err := fmt.Sscan(fields[i+1], &n); err != nil {
				continue
			}
			if _, seen := total[fields[i]]; !seen {
				names = append(names, fields[i])
			}
			total[fields[i]] += n
		}
	}
	var line []string
	for _, name := range names {
		line = append(line, fmt.Sprintf("%s %d", name, total[name]))
	}
	t.Log(strings.Join(line, ", "))
	for _, name := range strings.Fields("munmap mprotect over move shrink grow dontunmap brk-down dontneed") {
		if total[name] < 200 {
			t.Errorf("%s: %d times in all walks, want 200 or more (%s)", name, total[name], strings.Join(line, ", "))
		}
	}
}

// endOf gives the last n lines of a text.
func endOf(text string, n int) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
