package conformance

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"spaceos/libos"
)

// neverRun are the calls of the table without a line: to make one is the end.
var neverRun = map[string]string{"exit": endsProgram, "exit_group": endsProgram, "rt_sigreturn": endsProgram, "pause": waitsForever}

func TestEveryCallOfTheTableHasLines(t *testing.T) {
	lines := map[string]int{}
	for _, g := range Grids(1) {
		for line := range strings.Lines(g.In["cases"]) {
			fields := strings.SplitN(line, " ", 10)
			name, _, _ := strings.Cut(fields[9], "(")
			lines[name]++
		}
	}
	for _, c := range libos.Calls() {
		if neverRun[c.Name] == "" && lines[c.Name] == 0 {
			t.Errorf("%s: the grid has no line of this call", c.Name)
		}
		if n := len(c.Args); neverRun[c.Name] == "" && n > 0 && lines[c.Name] < 5 {
			t.Errorf("%s: the grid has %d lines for %d arguments, want 5 or more", c.Name, lines[c.Name], n)
		}
	}
}

func TestArenaHasRoomForItsImage(t *testing.T) {
	if a := newArena("/out/grid", false); a.image.used > len(a.image.bytes)-1024 {
		t.Errorf("the image uses %d bytes of %d; some must be left at the end", a.image.used, len(a.image.bytes))
	}
}

func TestCellAnswersTheGridAsLinux(t *testing.T) {
	if shared.failure != nil {
		t.Fatal(shared.failure)
	}
	cell := Cell{Spaceos: shared.spaceos, Options: []string{"--memory", "256MiB", "--timeout", "300s"}}
	lines, different := 0, 0
	used, left := map[string]int{}, map[string]int{}
	grids, ran := Grids(1), 0
	for _, g := range grids {
		t.Run(g.Name, func(t *testing.T) {
			want := native(t, g.Case)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			got, err := cell.Run(ctx, shared.bench, g.Case)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(want.Stdout, "\n"); n != g.Lines || want.Status != 0 {
				t.Fatalf("on Linux the program printed %d lines of %d and ended with %d:\n%s%s", n, g.Lines, want.Status, tail(want.Stdout), want.Stderr)
			}
			if n := strings.Count(got.Stdout, "\n"); n != g.Lines || got.Status != 0 {
				t.Errorf("in the cell the program printed %d lines of %d and ended with %d:\n%s%s", n, g.Lines, got.Status, tail(got.Stdout), got.Stderr)
			}
			differences, n := gridLines(want.Stdout, got.Stdout)
			if len(differences) > 0 {
				t.Errorf("%d lines differ:\n  %s", len(differences), strings.Join(differences[:min(len(differences), 60)], "  "))
			}
			lines += g.Lines
			ran++
			different += len(differences)
			for d, n := range n {
				used[d] += n
				different += n
			}
			for why, n := range g.LeftOut {
				left[why] += n
			}
			t.Logf("%d lines, %d not as on Linux", g.Lines, len(differences))
		})
	}
	t.Logf("total: %d lines of the grid of calls, %d as on Linux, the others listed with reasons", lines, lines-different)
	for _, d := range gridDeviations {
		t.Logf("%5d lines deviate: %s: %s", used[d.call], d.call, d.reason)
		if used[d.call] == 0 && ran == len(grids) {
			t.Errorf("deviation not seen: %s", d.call)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(left)) {
		t.Logf("%5d lines not run: %s", left[why], why)
	}
}

// tail gives the end of an output.
func tail(s string) string { return s[max(0, len(s)-300):] }

func TestGridLinesSeesEachKindOfDifference(t *testing.T) {
	const call = "mmap(addr=target, length=16, prot=-1, flags=34, fd=rdwr, offset=0) = "
	tests := []struct {
		name, linux, cell, want string
	}{
		{"the same", call + "address", call + "address", ""},
		{"a deviation", call + "address", call + "EACCES", ""},
		{"another errno than the deviation's", call + "address", call + "EPERM", "+ cell:  " + call + "EPERM"},
		{"the deviation's errno where Linux refuses too", call + "EINVAL", call + "EACCES", "- Linux: " + call + "EINVAL"},
		{"another line", call + "address", "close(fd=rdwr) = 0", "close"},
		{"a line less", call + "address\nclose(fd=rdwr) = 0", call + "address", "- Linux: close(fd=rdwr) = 0"},
		{"a line more", call + "address", call + "address\nclose(fd=rdwr) = 0", "+ cell:  close(fd=rdwr) = 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, _ := gridLines(tt.linux, tt.cell)
			got := strings.Join(list, "")
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("gridLines(%q, %q) = %q, want %q in it", tt.linux, tt.cell, got, tt.want)
			}
		})
	}
}
