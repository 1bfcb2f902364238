package conformance

import (
	"context"
	"fmt"
	"strings"
)

// A StepDifference is the first step of a walk at which two runs part.
type StepDifference struct {
	// Walk is as it was run; Step is the place in its steps, len(Walk.Steps)
	// when all are equal and one run printed something else beyond them.
	Walk Walk
	Step int
	// Linux and Cell are what the step printed, or how the program ended.
	Linux, Cell string
}

// String shows the walk up to the step, as calls, and what the two runs said.
func (d StepDifference) String() string {
	w := d.Walk
	w.Steps = w.Steps[:min(d.Step+1, len(w.Steps))]
	return fmt.Sprintf("%v  - Linux: %s\n  + cell:  %s\n", w, d.Linux, d.Cell)
}

// A StepRunner runs walks in two places.
type StepRunner struct {
	Bench       *Bench
	Linux, Cell Runner
}

// Run runs walks in one program each side and gives the first difference of
// each walk that has one, in order.
func (r StepRunner) Run(ctx context.Context, name string, walks []Walk) ([]StepDifference, error) {
	c := stepsCase(name, walks)
	linux, err := r.Linux.Run(ctx, r.Bench, c)
	if err != nil {
		return nil, err
	}
	if linux.Status != 0 || linux.Stderr != "" {
		return nil, fmt.Errorf("the steps do not run on Linux: status %d, %s%s", linux.Status, linux.Stderr, lastLines(linux.Stdout))
	}
	cell, err := r.Cell.Run(ctx, r.Bench, c)
	if err != nil {
		return nil, err
	}
	return differences(walks, linux, cell), nil
}

// lastLines is the end of an output, for a message.
func lastLines(text string) string {
	return text[max(0, len(text)-300):]
}

func differences(walks []Walk, linux, cell Result) []StepDifference {
	want, got := strings.Split(linux.Stdout, "\n"), strings.Split(cell.Stdout, "\n")
	end := fmt.Sprintf("(the program ended with status %d) %s", cell.Status, cell.Stderr)
	line := func(lines []string, i int) string {
		if i >= len(lines)-1 { // behind the last newline is no line
			return end
		}
		return lines[i]
	}
	var list []StepDifference
	at := 0
	for _, w := range walks {
		found := false
		for i := range len(w.Steps) + 1 { // the first is the walk's start
			if l, c := line(want, at), line(got, at); !found && l != c {
				list = append(list, StepDifference{w, i - 1, l, c})
				found = true
			}
			at++
		}
		if found && at >= len(got) {
			break // the program ended in this walk
		}
	}
	if len(list) == 0 && (cell.Status != 0 || cell.Stderr != "" || len(want) != len(got)) {
		last := walks[len(walks)-1]
		list = append(list, StepDifference{last, len(last.Steps), "(ended)", end})
	}
	return list
}

// Shrink takes steps away from a walk as long as it still shows a difference,
// and gives what is left. It gives the difference back as it is if the walk
// alone shows none.
func (r StepRunner) Shrink(ctx context.Context, d StepDifference) (StepDifference, error) {
	best := d
	w := d.Walk
	w.Steps = w.Steps[:min(d.Step+1, len(w.Steps))]
	again, err := r.Run(ctx, "shrink", []Walk{w})
	if err != nil || len(again) == 0 {
		return best, err
	}
	best = again[0]
	for size := max(1, len(w.Steps)/2); ; {
		smaller, err := r.smaller(ctx, best, size)
		if err != nil {
			return best, err
		}
		switch {
		case smaller != nil:
			best = *smaller
			size = min(size, max(1, len(best.Walk.Steps)/2))
		case size == 1:
			return best, nil
		default:
			size = (size + 1) / 2
		}
	}
}

// shrinkBatch is how many walks one run of Shrink tries.
const shrinkBatch = 24

// smaller looks for a walk that lacks size steps of a difference's and still
// shows one; nil if there is none. The last step stays, since it showed it.
func (r StepRunner) smaller(ctx context.Context, d StepDifference, size int) (*StepDifference, error) {
	steps := d.Walk.Steps[:min(d.Step+1, len(d.Walk.Steps))]
	var tries []Walk
	// From the end: what stands before the last step is needed least often.
	for end := len(steps) - 1; end > 0; end -= size {
		w := d.Walk
		w.Number = len(tries)
		w.Steps = append(append([]Step{}, steps[:max(0, end-size)]...), steps[end:]...)
		tries = append(tries, w)
	}
	for len(tries) > 0 {
		n := min(len(tries), shrinkBatch)
		for i := range tries[:n] {
			tries[i].Number = i
		}
		found, err := r.Run(ctx, "shrink", tries[:n])
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if f.Step < len(f.Walk.Steps) {
				return &f, nil
			}
		}
		tries = tries[n:]
	}
	return nil, nil
}
