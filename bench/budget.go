package main

import (
	"fmt"
	"strings"
)

// budget is one row of SPECIFICATION.md and what was measured for it.
type budget struct {
	What     string
	Budget   string
	Measured string
	Verdict  string
}

// direction says which side of the limit is good.
type direction string

const (
	atMost  direction = "<="
	atLeast direction = ">="
)

const (
	met         = "met"
	notMet      = "NOT met"
	notMeasured = "not measured"
)

// budgetRatio holds the median of the ratios of a part of two runtimes, pair by
// pair, against a limit.
func (h *harness) budgetRatio(what string, r *results, above, below, part string, d direction, limit float64) {
	a, b := r.series(above, part), r.series(below, part)
	if len(a) == 0 || len(b) == 0 {
		h.budgetMissing(what, d, limit, r, above, below)
		return
	}
	h.budgetPairs(what, a, b, d, limit)
}

// budgetPairs does the same with two series at hand.
func (h *harness) budgetPairs(what string, a, b []float64, d direction, limit float64) {
	pairs, err := ratios(a, b)
	if err != nil {
		h.fail("%s: %v", what, err)
		return
	}
	h.budgetValue(what, summarize(pairs), d, limit)
}

// budgetValue judges the median of s. A miss is reported as one.
func (h *harness) budgetValue(what string, s summary, d direction, limit float64) {
	h.report.Budgets = append(h.report.Budgets, budget{
		What:     what,
		Budget:   fmt.Sprintf("%s %g", d, limit),
		Measured: fmt.Sprintf("%.3f (%.3f..%.3f)", s.Median, s.Low, s.High),
		Verdict:  judge(s.Median, d, limit),
	})
}

func judge(v float64, d direction, limit float64) string {
	if d == atMost && v <= limit || d == atLeast && v >= limit {
		return met
	}
	return notMet
}

// budgetMissing says why a budget has no value: which of the runtimes it needs
// were not chosen, and which failed.
func (h *harness) budgetMissing(what string, d direction, limit float64, r *results, needs ...string) {
	var why []string
	for _, name := range needs {
		switch {
		case r.failed[name] != nil:
			why = append(why, name+" failed")
		case len(r.values[name]) == 0:
			why = append(why, name+" was not run")
		}
	}
	h.budgetAbsent(what, d, limit, strings.Join(why, ", "))
}

func (h *harness) budgetAbsent(what string, d direction, limit float64, why string) {
	h.report.Budgets = append(h.report.Budgets, budget{what, fmt.Sprintf("%s %g", d, limit), why, notMeasured})
}
