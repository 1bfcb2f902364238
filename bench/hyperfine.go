package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// crossCheck takes the no-op once more with hyperfine, a clock that nobody here
// wrote. Its samples are not taken in turns, so no budget is held against them;
// they show that the harness's own times are of the right size.
func (h *harness) crossCheck(ctx context.Context, runtimes []*runtime) error {
	w := workload{name: "noop", program: h.program("noop"), status: 42}
	r := newResults()
	for _, rt := range runtimes {
		r.order = append(r.order, rt.name)
		times, err := h.hyperfine(ctx, rt, w, h.rounds(15, 5))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h.reapOrphans()
		if err != nil {
			r.fail(rt.name, err)
			continue
		}
		r.values[rt.name] = map[string][]float64{wall: times}
	}
	h.timeTable("hyperfine", "No-op, the same by hyperfine",
		"Milliseconds, all samples of one runtime in a row; a check of the harness's clock.", "runc", r, column{"ms", wall, 1e-3, 2})
	return nil
}

// hyperfine runs w n times and returns the times in seconds. The container's
// name is the same in each run, which is fine since each removes its own.
func (h *harness) hyperfine(ctx context.Context, rt *runtime, w workload, n int) ([]float64, error) {
	launch, err := rt.prepare(ctx, w)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(h.runDir, "hyperfine.json")
	// The payload's status is 42 on purpose; it is checked below, in each run.
	_, err = h.textOf(ctx, "hyperfine", "--shell=none", "--ignore-failure", "--warmup=1", "--style=none",
		fmt.Sprintf("--runs=%d", n), "--export-json="+file, strings.Join(launch(), " "))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var report struct {
		Results []struct {
			Times     []float64 `json:"times"`
			ExitCodes []int     `json:"exit_codes"`
		} `json:"results"`
	}
	if err := json.Unmarshal(data, &report); err != nil || len(report.Results) != 1 {
		return nil, fmt.Errorf("hyperfine's report %q is not of one command: %v", data, err)
	}
	result := report.Results[0]
	wrong := func(status int) bool { return status != w.status }
	if len(result.ExitCodes) != n || slices.ContainsFunc(result.ExitCodes, wrong) {
		return nil, fmt.Errorf("exit statuses under hyperfine are %v, want %d times %d", result.ExitCodes, n, w.status)
	}
	return result.Times, nil
}
