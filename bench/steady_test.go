package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Pairs during which the machine changed its speed do not count, whatever their
// ratio.
func TestSteadyPairsAloneCount(t *testing.T) {
	r := newResults()
	for i := range 40 {
		native, cell := 1.0, 1.01
		before, behind := 0.010, 0.0101
		if i%2 == 1 { // a neighbour came while the cell ran
			cell, behind = 1.5, 0.014
		}
		r.add("native", map[string]float64{wall: native, speedBefore: before, speedBehind: before})
		r.add("cell", map[string]float64{wall: cell, speedBefore: before, speedBehind: behind})
	}
	h := &harness{}
	note := h.budgetSteady("x", r, "cell", "native", wall, atMost, 1.02)
	if got := h.report.Budgets[0]; got.Verdict != met || !strings.HasPrefix(got.Measured, "1.010 ") {
		t.Errorf("%+v, want the 20 steady pairs of 1.01", got)
	}
	if !strings.Contains(note, "those 20 of 40 pairs") || !strings.Contains(note, "of all, the ratio is 1.255") {
		t.Errorf("the note says %q", note)
	}
}

// Too few steady pairs are no measurement: all count then.
func TestFewSteadyPairsAreNotChosen(t *testing.T) {
	r := newResults()
	for i := range 40 {
		cell, behind := 1.5, 0.014
		if i < steadyLeast-1 {
			cell, behind = 1.0, 0.010
		}
		r.add("native", map[string]float64{wall: 1, speedBefore: 0.010, speedBehind: 0.010})
		r.add("cell", map[string]float64{wall: cell, speedBefore: 0.010, speedBehind: behind})
	}
	h := &harness{}
	note := h.budgetSteady("x", r, "cell", "native", wall, atMost, 1.02)
	if got := h.report.Budgets[0]; got.Verdict != notMet || !strings.Contains(note, "all 40 pairs count") {
		t.Errorf("%+v, %q", got, note)
	}
}

// A sample waits for a slow spell to end, but not for ever.
func TestASampleWaitsForSpeed(t *testing.T) {
	for _, c := range []struct {
		what string
		slow time.Duration
		want float64
	}{
		{"no spell", 0, 1.03},
		{"a short spell", time.Second, 1.03},
		{"a spell without an end", time.Hour, 1.4},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			loop := func() float64 {
				time.Sleep(20 * time.Millisecond)
				if time.Since(begin) <= c.slow {
					return 1.4
				}
				return 1.03
			}
			got := awaitSpeed(t.Context(), 1, loop)
			waited, want := time.Since(begin), min(c.slow, steadyWait)
			if got != c.want || waited < want || waited > want+40*time.Millisecond {
				t.Errorf("%s: the loop took %v after %v, want %v after %v", c.what, got, waited, c.want, want)
			}
		})
	}
}
