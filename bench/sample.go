package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// workload is a static program and how it is run, the same for every runtime.
type workload struct {
	name    string
	program string   // path on the host
	args    []string // for every runtime
	memory  string   // limit given to the cell, "" for its default

	// Folders on the host that the payload sees as /in, /out and /app; ""
	// where there is none. A native process sees host paths, so it is told.
	in, out, app string

	status int                       // the exit status that proves that it ran
	check  func(stdout string) error // proves the result; nil: status says all
	before func() error              // makes each sample start alike; may be nil
}

// part is one value of a sample by name: "wall" is seconds from start to exit,
// others are printed by the program.
const wall = "wall"

// results holds the samples of one measure. All runtimes in it have the same
// number of samples, taken in turns: the i-th of each belong together.
type results struct {
	order  []string                        // runtimes, as run
	values map[string]map[string][]float64 // runtime, part
	failed map[string]error
}

func newResults() *results {
	return &results{values: map[string]map[string][]float64{}, failed: map[string]error{}}
}

func (r *results) add(runtime string, parts map[string]float64) {
	if r.values[runtime] == nil {
		r.values[runtime] = map[string][]float64{}
	}
	for name, v := range parts {
		r.values[runtime][name] = append(r.values[runtime][name], v)
	}
}

// fail takes a runtime out: a series with failing runs is no measurement.
func (r *results) fail(runtime string, err error) {
	r.failed[runtime] = err
	delete(r.values, runtime)
}

func (r *results) series(runtime, part string) []float64 {
	return r.values[runtime][part]
}

// contender is one column of a measure: something that can be run again and
// again and yields parts.
type contender struct {
	name string
	once func(ctx context.Context) (map[string]float64, error)
}

// alternate runs the contenders A B C A B C ..., first rounds to warm up, which
// are checked and not counted, then rounds that count.
func (h *harness) alternate(ctx context.Context, contenders []contender, warmups, rounds int) (*results, error) {
	r := newResults()
	for _, c := range contenders {
		r.order = append(r.order, c.name)
	}
	for round := -warmups; round < rounds; round++ {
		for _, c := range contenders {
			if r.failed[c.name] != nil {
				continue
			}
			parts, err := c.once(ctx)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			h.reapOrphans()
			if err != nil {
				h.logf("  %s failed: %v", c.name, err)
				r.fail(c.name, err)
				continue
			}
			if round >= 0 {
				r.add(c.name, parts)
			}
		}
	}
	return r, nil
}

// contenders prepares w for each runtime. What can't be prepared fails here,
// by name, and the others go on.
func (h *harness) contenders(ctx context.Context, w workload, runtimes []*runtime) []contender {
	var list []contender
	for _, rt := range runtimes {
		launch, err := rt.prepare(ctx, w)
		if err == nil {
			h.recordCommand(w, rt, launch())
		}
		list = append(list, contender{rt.name, func(ctx context.Context) (map[string]float64, error) {
			if err != nil {
				return nil, err
			}
			return h.sample(ctx, w, launch())
		}})
	}
	return list
}

// sample runs argv once and returns its parts, or why it does not count.
func (h *harness) sample(ctx context.Context, w workload, argv []string) (map[string]float64, error) {
	if w.before != nil {
		if err := w.before(); err != nil {
			return nil, err
		}
	}
	o, err := h.once(ctx, argv)
	if err != nil {
		return nil, err
	}
	if err := o.expect(w.status, w.check); err != nil {
		return nil, err
	}
	parts := numbers(o.stdout)
	parts[wall] = o.wall.Seconds()
	return parts, nil
}

// inPairs makes each turn of a contender two runs in a row. The second is the
// sample; the first is the part "first".
//
// What a container leaves to the kernel (a network namespace, cgroups, grace
// periods of RCU) is taken down after its runtime has ended and slows the next
// start down: crun takes twice as long after another runtime or a pause as
// after itself. As the second of two, each pays for its own leftovers alone and
// is as fast as it gets.
func inPairs(contenders []contender) []contender {
	var list []contender
	for _, c := range contenders {
		list = append(list, contender{c.name, func(ctx context.Context) (map[string]float64, error) {
			first, err := c.once(ctx)
			if err != nil {
				return nil, err
			}
			parts, err := c.once(ctx)
			if err == nil {
				parts["first"] = first[wall]
			}
			return parts, err
		}})
	}
	return list
}

// measure is contenders and alternate together.
func (h *harness) measure(ctx context.Context, w workload, runtimes []*runtime, rounds int) (*results, error) {
	h.logf("%s: %d rounds under %s", w.name, rounds, strings.Join(names(runtimes), ", "))
	begin := time.Now()
	r, err := h.alternate(ctx, withSpeed(h.contenders(ctx, w, runtimes)), 1, rounds)
	h.logf("  %.0f s", time.Since(begin).Seconds())
	return r, err
}

// numbers reads the lines "NAME NUMBER" of a bench program's output.
func numbers(output string) map[string]float64 {
	parts := map[string]float64{}
	for line := range strings.Lines(output) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || name == "checksum" {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			parts[name] = v
		}
	}
	return parts
}

// sameChecksum returns a check for programs that print "checksum": the line
// must be there and be the same in every run under every runtime.
func sameChecksum() func(stdout string) error {
	var first string
	return func(stdout string) error {
		for line := range strings.Lines(stdout) {
			sum, ok := strings.CutPrefix(strings.TrimSpace(line), "checksum ")
			if !ok {
				continue
			}
			if first == "" {
				first = sum
			}
			if sum != first {
				return fmt.Errorf("checksum %s, the first run had %s", sum, first)
			}
			return nil
		}
		return fmt.Errorf("no line \"checksum\" in the output %q", stdout)
	}
}
