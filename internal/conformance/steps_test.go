package conformance

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/internal/seed"
)

// stepsOf is how many walks of stepsEach steps are tried on each mount.
var stepsOf = []struct {
	mount string
	runs  int
}{
	{"/tmp", 3}, {"/out", 3}, {"/data", 3}, {"/in", 1}, {"/app", 1},
}

const (
	stepsEach = 150 // steps of a walk
	walksEach = 70  // walks of a run
)

// stepSeed is the seed of make test, or another each time.
func stepSeed(t *testing.T) uint64 {
	text := os.Getenv(seed.Variable)
	if text == "" {
		return uint64(time.Now().UnixNano()) % 1_000_000
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a number", seed.Variable, text)
	}
	return n
}

func TestFileStepsAnswerAsOnLinux(t *testing.T) {
	if shared.failure != nil {
		t.Fatal(shared.failure)
	}
	r := stepRunner()
	seed := stepSeed(t)
	total := 0
	for _, of := range stepsOf {
		t.Run(of.mount[1:], func(t *testing.T) {
			for run := range of.runs {
				var walks []Walk
				for i := range walksEach {
					w := DrawWalk(seed, of.mount, run*walksEach+i, stepsEach)
					total += len(w.Steps)
					walks = append(walks, w)
				}
				checkSteps(t, r, fmt.Sprintf("steps%s/%d", of.mount, run), walks)
			}
		})
	}
	t.Logf("total: %d steps of file calls as on Linux, drawn from seed %d", total, seed)
	if total < 100_000 {
		t.Errorf("%d steps; SPECIFICATION.md promises 100,000", total)
	}
}

func stepRunner() StepRunner {
	return StepRunner{Bench: shared.bench, Linux: Linux{},
		Cell: Cell{Spaceos: shared.spaceos, Options: []string{"--memory", "256MiB", "--timeout", "5m"}}}
}

// maxShown is how many differences of a run are made small and shown.
const maxShown = 3

func checkSteps(t *testing.T, r StepRunner, name string, walks []Walk) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	started := time.Now()
	found, err := r.Run(ctx, name, walks)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d walks in %.1f s, %d differ", name, len(walks), time.Since(started).Seconds(), len(found))
	for i, d := range found {
		if i == maxShown {
			t.Errorf("%s: and %d walks more differ", name, len(found)-i)
			break
		}
		small, err := r.Shrink(ctx, d)
		if err != nil {
			t.Error(err)
		}
		t.Errorf("%s, walk %d: after these calls the last answers otherwise:\n%v", name, d.Walk.Number, small)
	}
}

// deaf runs a case on Linux, where umask(027) is umask(022).
type deaf struct{ Linux }

func (r deaf) Run(ctx context.Context, bench *Bench, c Case) (Result, error) {
	umask := func(mode uint32) string {
		w := encode([]Walk{{Mount: "/tmp", Steps: []Step{call(unix.SYS_UMASK, "umask", octal(mode))}}})
		return w[len(encode([]Walk{{Mount: "/tmp"}})):]
	}
	c.In = maps.Clone(c.In)
	c.In["steps"] = strings.ReplaceAll(c.In["steps"], umask(0o27), umask(0o22))
	return r.Linux.Run(ctx, bench, c)
}

func TestADifferenceIsShrunkToWhatItTakes(t *testing.T) {
	want := []Step{
		call(unix.SYS_UMASK, "umask", octal(0o27)),
		call(unix.SYS_MKDIR, "mkdir", path("dir"), octal(0o755)),
		call(unix.SYS_STAT, "stat", path("dir"), structure(argStat, "&stat", nil)),
	}
	w := Walk{Mount: "/out", Number: 7}
	for i := range 45 { // a difference between steps that do not matter
		w.Steps = append(w.Steps, call(unix.SYS_ACCESS, "access", path(fmt.Sprint(i)), num(0)))
		if i%15 == 10 {
			w.Steps = append(w.Steps, want[i/15])
		}
	}
	r := StepRunner{Bench: shared.bench, Linux: Linux{}, Cell: deaf{}}
	found, err := r.Run(t.Context(), "deaf", []Walk{{"/tmp", 0, prepare()}, w, {"/tmp", 1, prepare()}})
	if err != nil || len(found) != 1 || found[0].Walk.Number != w.Number {
		t.Fatalf("one walk of three differs; Run gives %v, %v", found, err)
	}
	small, err := r.Shrink(t.Context(), found[0])
	if err != nil {
		t.Fatal(err)
	}
	small.Walk.Number = w.Number
	if got, want := small.Walk.String(), (Walk{"/out", 7, want}).String(); got != want {
		t.Errorf("the walk is shrunk to\n%swant\n%s", got, want)
	}
	if small.Linux == small.Cell || !strings.Contains(small.Linux, "40750") || !strings.Contains(small.Cell, "40755") {
		t.Errorf("Linux %q, the other %q; want modes 40750 and 40755", small.Linux, small.Cell)
	}
}

func TestAnEndIsADifference(t *testing.T) {
	walks := []Walk{{Mount: "/tmp", Number: 0, Steps: prepare()[:2]}, {Mount: "/tmp", Number: 1, Steps: prepare()[:1]}}
	whole := Result{Stdout: "walk 0\n0\n0\nwalk 1\n0\n"}
	tests := []struct {
		name string
		cell Result
		want []int // walk and step
	}{
		{"none", whole, nil},
		{"in the first walk", Result{Stdout: "walk 0\n0\n", Status: 139}, []int{0, 1}},
		{"before the last line", Result{Stdout: "walk 0\n0\n0\nwalk 1\n", Status: 139}, []int{1, 0}},
		{"behind all", Result{Stdout: whole.Stdout, Status: 1}, []int{1, 1}},
		{"another line", Result{Stdout: "walk 0\n0\nEIO\nwalk 1\n0\n"}, []int{0, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []int
			for _, d := range differences(walks, whole, tt.cell) {
				got = append(got, d.Walk.Number, d.Step)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("differences(%+v) are at %v, want %v", tt.cell, got, tt.want)
			}
		})
	}
}

func TestAWalkIsItsSeeds(t *testing.T) {
	first, second := DrawWalk(1, "/tmp", 3, 150), DrawWalk(1, "/tmp", 3, 150)
	if encode([]Walk{first}) != encode([]Walk{second}) {
		t.Errorf("drawn twice from one seed:\n%v%v", first, second)
	}
	if other := DrawWalk(2, "/tmp", 3, 150); encode([]Walk{first}) == encode([]Walk{other}) {
		t.Errorf("seeds 1 and 2 draw the same walk:\n%v", first)
	}
}
