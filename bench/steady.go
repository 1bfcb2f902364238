package main

import (
	"context"
	"fmt"
	"time"
)

// On a virtual machine whose processors are halves of cores, a neighbour on the
// other half takes a third of the speed, for seconds at a time. That is ten
// times what some budgets are about, and no number of rounds takes it out of a
// median. So each sample waits for such a spell to end, the speed is noted before
// and behind it, by a loop that knows nothing of who is measured, and a pair
// counts when it has not changed.
const (
	speedBefore = "loop before"
	speedBehind = "loop behind"

	steadyWithin = 1.04 // slowest loop of a pair against the fastest
	steadyWait   = 3 * time.Second
	steadyLeast  = 15 // pairs; fewer are no measurement, and all count
)

// withSpeed notes the speed around each sample, which begins when the machine is
// as fast as it was at best, or after steadyWait.
func withSpeed(list []contender) []contender {
	var with []contender
	best := speedLoop()
	for _, c := range list {
		with = append(with, contender{c.name, func(ctx context.Context) (map[string]float64, error) {
			before := awaitSpeed(ctx, best, speedLoop)
			best = min(best, before)
			parts, err := c.once(ctx)
			if err == nil {
				parts[speedBefore], parts[speedBehind] = before, speedLoop()
			}
			return parts, err
		}})
	}
	return with
}

// awaitSpeed runs the loop until it is about as fast as it was at best, for
// steadyWait at most, and gives how long it took at last.
func awaitSpeed(ctx context.Context, best float64, loop func() float64) float64 {
	end := time.Now().Add(steadyWait)
	took := loop()
	for took > steadyWithin*best && time.Now().Before(end) && ctx.Err() == nil {
		took = loop()
	}
	return took
}

// speedLoop is how long a loop takes, in seconds: the shortest of a few, since
// what interrupts one for a moment is not the machine's speed.
func speedLoop() float64 {
	best := oneLoop()
	for range 4 {
		best = min(best, oneLoop())
	}
	return best.Seconds()
}

// oneLoop takes some four milliseconds: four chains of arithmetic, which need
// all of a core.
func oneLoop() time.Duration {
	begin := time.Now()
	a, b, c, d := uint64(1), uint64(2), uint64(3), uint64(4)
	for range 2_000_000 {
		a = a*6364136223846793005 + 1
		b ^= b<<13 ^ a
		c = c*2862933555777941757 + 3
		d ^= d>>7 ^ c
	}
	took := time.Since(begin)
	if a+b+c+d == 0 { // never; without a use the compiler leaves the loop out
		return 0
	}
	return took
}

// budgetSteady holds the median of the ratios of the pairs that count against a
// limit, and says how many these were.
func (h *harness) budgetSteady(what string, r *results, above, below, part string, d direction, limit float64) (note string) {
	a, b := r.series(above, part), r.series(below, part)
	pairs, err := ratios(a, b)
	if len(a) == 0 || len(b) == 0 || err != nil {
		h.budgetRatio(what, r, above, below, part, d, limit)
		return ""
	}
	var steady []float64
	for i, ratio := range pairs {
		low, high := r.speeds(i, above, below)
		if high <= steadyWithin*low {
			steady = append(steady, ratio)
		}
	}
	if len(steady) < steadyLeast {
		h.budgetPairs(what, a, b, d, limit)
		return fmt.Sprintf("For the budget all %d pairs count: during %d alone the machine's speed did not change.", len(pairs), len(steady))
	}
	h.budgetValue(what, summarize(steady), d, limit)
	all := summarize(pairs)
	return fmt.Sprintf("For the budget those %d of %d pairs count during which the machine's speed did not change by more than %.0f %%; of all, the ratio is %.3f (%.3f..%.3f).",
		len(steady), len(pairs), 100*(steadyWithin-1), all.Median, all.Low, all.High)
}

// speeds are the fastest and the slowest loop around the i-th samples of some
// runtimes.
func (r *results) speeds(i int, runtimes ...string) (low, high float64) {
	for _, name := range runtimes {
		for _, part := range []string{speedBefore, speedBehind} {
			v := r.series(name, part)[i]
			if low == 0 || v < low {
				low = v
			}
			high = max(high, v)
		}
	}
	return low, high
}
