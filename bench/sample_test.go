package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// testHarness is a harness without a project around it.
func testHarness(t *testing.T) *harness {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	h := &harness{runDir: t.TempDir(), null: null, keep: map[int]bool{}}
	h.docker = &docker{h: h}
	h.report.Raw = map[string]rawTable{}
	return h
}

// A run that ends wrong, or says something wrong, is an error and never a
// sample.
func TestSampleRefusesWhatFailed(t *testing.T) {
	tests := []struct {
		name   string
		script string
		status int
		check  func(string) error
		want   string // in the error; "" for none
	}{
		{"the expected status counts", "exit 42", 42, nil, ""},
		{"another status does not", "exit 1", 42, nil, "exit status 1, want 42"},
		{"nor success where 42 proves the run", "exit 0", 42, nil, "exit status 0, want 42"},
		{"a death by signal is 128 and its number", "kill -9 $$", 0, nil, "exit status 137, want 0"},
		{"the reason is what it said last", "echo one >&2; echo two >&2; exit 3", 0, nil, "standard error: two"},
		{"a wrong result does not count", "echo checksum 2", 0, isChecksum("1"), "checksum 2"},
		{"a right one does", "echo checksum 1", 0, isChecksum("1"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := testHarness(t)
			w := workload{status: test.status, check: test.check}
			parts, err := h.sample(t.Context(), w, []string{"sh", "-c", test.script})
			switch {
			case test.want == "" && (err != nil || parts[wall] <= 0):
				t.Errorf("sh -c %q gave %v, %v, want a positive time and no error", test.script, parts, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("sh -c %q gave the error %v, want one with %q", test.script, err, test.want)
			}
		})
	}
}

func isChecksum(first string) func(string) error {
	check := sameChecksum()
	if err := check("checksum " + first + "\n"); err != nil {
		panic(err)
	}
	return check
}

func TestAlternate(t *testing.T) {
	h := testHarness(t)
	var order []string
	fake := func(name string, failAt int) contender {
		runs := 0
		return contender{name, func(context.Context) (map[string]float64, error) {
			order = append(order, name)
			if runs++; runs == failAt {
				return nil, errors.New("broken")
			}
			return map[string]float64{wall: float64(runs)}, nil
		}}
	}
	r, err := h.alternate(t.Context(), []contender{fake("a", 0), fake("b", 3), fake("c", 0)}, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(order, ""), "abc"+"abc"+"abc"+"ac"; got != want {
		t.Errorf("turns were %q, want %q: in turn, and b no more after its failure", got, want)
	}
	for _, name := range []string{"a", "c"} {
		if got, want := r.series(name, wall), []float64{2, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("samples of %s are %v, want %v: the first run warms up", name, got, want)
		}
	}
	if r.failed["b"] == nil || len(r.series("b", wall)) != 0 {
		t.Errorf("b failed in its third run: got error %v and samples %v, want an error and none", r.failed["b"], r.series("b", wall))
	}
}

// A failure reaches the report, the budget that needs it, and so the exit
// status; it is not left out in silence.
func TestFailureIsReported(t *testing.T) {
	h := testHarness(t)
	r := newResults()
	r.order = []string{"native", "cell"}
	r.add("native", map[string]float64{wall: 1})
	r.fail("cell", errors.New("exit status 125"))
	h.timeTable("noop", "No-op", "", "native", r, column{"ms", wall, 1e-3, 2})
	h.budgetRatio("cell / native", r, "cell", "native", wall, atMost, 1)
	if len(h.report.Failures) != 1 || !strings.Contains(h.report.Failures[0], "noop under cell: exit status 125") {
		t.Errorf("failures are %q, want the one of the cell", h.report.Failures)
	}
	if got := h.report.Budgets[0]; got.Verdict != notMeasured || got.Measured != "cell failed" {
		t.Errorf("budget is %+v, want one not measured because the cell failed", got)
	}
}

func TestInPairsCountsTheSecond(t *testing.T) {
	n := 0.0
	c := inPairs([]contender{{"a", func(context.Context) (map[string]float64, error) {
		n++
		return map[string]float64{wall: n}, nil
	}}})[0]
	got, err := c.once(t.Context())
	if want := map[string]float64{wall: 2, "first": 1}; err != nil || !maps.Equal(got, want) {
		t.Errorf("a pair gave %v, %v, want %v", got, err, want)
	}
}

func TestNumbers(t *testing.T) {
	const output = "ns 1500\ncall 2.5\nchecksum 12\nno number here\nready\n"
	want := map[string]float64{"ns": 1500, "call": 2.5}
	if got := numbers(output); !maps.Equal(got, want) {
		t.Errorf("numbers(%q) = %v, want %v", output, got, want)
	}
}

func TestSameChecksum(t *testing.T) {
	check := sameChecksum()
	for i, step := range []struct {
		output string
		fail   bool
	}{{"ns 1\nchecksum ab\n", false}, {"checksum ab\n", false}, {"checksum ac\n", true}, {"ns 1\n", true}} {
		if err := check(step.output); (err != nil) != step.fail {
			t.Errorf("output %d, %q: error %v, want failure %v", i+1, step.output, err, step.fail)
		}
	}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		v     float64
		d     direction
		limit float64
		want  string
	}{
		{0.3, atMost, 0.3, met}, {0.31, atMost, 0.3, notMet},
		{0.97, atLeast, 0.97, met}, {0.96, atLeast, 0.97, notMet},
	}
	for _, test := range tests {
		if got := judge(test.v, test.d, test.limit); got != test.want {
			t.Errorf("judge(%v %s %v) = %q, want %q", test.v, test.d, test.limit, got, test.want)
		}
	}
}

func TestBenchmarkTime(t *testing.T) {
	const head = "goos: linux\npkg: spaceos/vmm\n"
	tests := []struct {
		name, output string
		want         float64
		fail         bool
	}{
		{"ns/op after the count", head + "BenchmarkFloor-2   \t    7340\t     45210 ns/op\nPASS\n", 45210, false},
		{"other metrics around it", head + "BenchmarkFloor-2 7340 12 exits/op 45210.5 ns/op 0 B/op\nPASS\n", 45210.5, false},
		{"none", head + "PASS\n", 0, true},
		{"two: which is meant?", head + "BenchmarkFloor 1 2 ns/op\nBenchmarkFloorTwo 1 3 ns/op\n", 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := benchmarkTime(test.output)
			if got != test.want || (err != nil) != test.fail {
				t.Errorf("benchmarkTime(%q) = %v, %v, want %v, error %v", test.output, got, err, test.want, test.fail)
			}
		})
	}
}

func TestBundleConfig(t *testing.T) {
	w := workload{args: []string{"--x"}, in: "/host/in", out: "/host/out"}
	got, err := bundleConfig([]byte(`{"process":{"terminal":true,"args":["sh"]},"mounts":[{"destination":"/proc"}],"hostname":"kept"}`), w)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(got)), "")
	for _, want := range []string{`"terminal":false`, `"args":["/program","--x"]`, `"hostname":"kept"`, `{"destination":"/proc"}`,
		`{"destination":"/in","options":["bind","ro"],"source":"/host/in","type":"bind"}`,
		`{"destination":"/out","options":["bind","rw"],"source":"/host/out","type":"bind"}`} {
		if !strings.Contains(text, want) {
			t.Errorf("configuration %s lacks %s", text, want)
		}
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"process":{}}`, `{"mounts":[]}`} {
		if _, err := bundleConfig([]byte(bad), w); err == nil {
			t.Errorf("bundleConfig(%q) gave no error", bad)
		}
	}
}

func TestRelativeNamesNoFolderOfThisMachine(t *testing.T) {
	h := &harness{root: "/home/someone/spaceos", runDir: "/run/spaceos-bench-123"}
	got := h.relative(fmt.Sprintf("runc --root /run/spaceos-bench-123/runc run --bundle /home/someone/spaceos/build/x bench-%d-runc-1", os.Getpid()))
	if want := "runc --root $RUN/runc run --bundle build/x bench-runc-1"; got != want {
		t.Errorf("relative gave %q, want %q", got, want)
	}
}
