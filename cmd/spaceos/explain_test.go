package main

import (
	"strings"
	"testing"
	"time"

	"spaceos/cell"
)

func TestExplainSaysWhatToDo(t *testing.T) {
	unsupported := func(names ...string) *cell.Report {
		r := &cell.Report{Ended: cell.Ended{Cause: "exited", Status: 2}}
		r.Calls.Unsupported = map[string]uint64{}
		for _, name := range names {
			r.Calls.Unsupported[name] = 1
		}
		return r
	}
	late := &cell.Report{Ended: cell.Ended{Cause: "timeout", Status: 124}}
	for name, c := range map[string]struct {
		report *cell.Report
		spec   cell.Spec
		want   string // "": nothing is said
	}{
		"a failure of the program's own":    {unsupported(), cell.Spec{}, ""},
		"a failure after a call of no note": {unsupported("rseq"), cell.Spec{}, ""},
		"a failure after clone":             {unsupported("rseq", "clone"), cell.Spec{}, "had called clone: a cell has no threads"},
		"a failure after asking for names":  {unsupported("socket"), cell.Spec{}, ""}, // C libraries try a daemon first
		"a time limit":                      {late, cell.Spec{Timeout: time.Second}, "give it more with --timeout"},
		"a time limit on a clock that stands still": {late, cell.Spec{Timeout: time.Second, Frozen: true},
			"its clock stands still while it computes"},
	} {
		t.Run(name, func(t *testing.T) {
			got := explain(c.report, &c.spec, nil)
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}
