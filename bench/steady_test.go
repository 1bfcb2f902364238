package main

import (
	"strings"
	"testing"
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
