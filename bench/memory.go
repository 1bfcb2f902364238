package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// settle is how long everything has been asleep when memory is measured.
const settle = 500 * time.Millisecond

// footprint measures what n payloads cost that touched mebibytes of memory and
// sleep: the sum of PSS over every process that exists because of them, the
// number of those processes, and by how much MemAvailable fell.
//
// A payload sleeps for 5 s. If starting n of them takes so long that the first
// may be awake when the last is ready, all of it is done again with twice the
// time.
func (h *harness) footprint(ctx context.Context, rt *runtime, n, mebibytes int) (map[string]float64, error) {
	for seconds := 5; seconds <= 80; seconds *= 2 {
		parts, err := h.footprintOnce(ctx, rt, n, mebibytes, seconds)
		if !errors.Is(err, errTooSlow) {
			return parts, err
		}
	}
	return nil, fmt.Errorf("starting %d payloads took longer than 80 s", n)
}

var errTooSlow = errors.New("the first payload may have ended before the last was ready")

func (h *harness) footprintOnce(ctx context.Context, rt *runtime, n, mebibytes, seconds int) (map[string]float64, error) {
	w := workload{
		name:    "idle",
		program: h.program("idle"),
		args:    []string{strconv.Itoa(mebibytes), strconv.Itoa(seconds)},
	}
	h.reapOrphans()
	before, err := descendants()
	if err != nil {
		return nil, err
	}
	available, err := availableMemory()
	if err != nil {
		return nil, err
	}
	start := h.foreground
	if rt.name == "docker" || rt.name == dockerAttached {
		// The daemon runs for the payloads, so it counts: it starts after
		// the reading of what was there before.
		if err := h.docker.start(ctx); err != nil {
			return nil, err
		}
		defer h.docker.stop()
	}
	if rt.name == "docker" {
		start = h.docker.detached
	}
	launch, err := rt.prepare(ctx, w)
	if err != nil {
		return nil, err
	}

	begin := time.Now()
	var payloads []payload
	for i := range n {
		p, err := start(ctx, w, launch, i)
		if err != nil {
			return nil, errors.Join(err, endAll(ctx, payloads))
		}
		payloads = append(payloads, p)
	}
	parts, err := h.weighWhenReady(ctx, payloads, before, available)
	if err == nil && time.Since(begin) > time.Duration(seconds)*time.Second {
		err = errTooSlow
	}
	return parts, errors.Join(err, endAll(ctx, payloads))
}

// dockerAttached is Docker with a client that stays, as `docker run` does
// without --detach, and as the other runtimes do here.
const dockerAttached = "docker and clients"

// payload is one idle program under way.
type payload struct {
	ready func() bool // it has said so
	// end waits for the end and returns an error unless it was a good one.
	end func(ctx context.Context) error
}

func endAll(ctx context.Context, payloads []payload) error {
	var all []error
	for _, p := range payloads {
		all = append(all, p.end(ctx))
	}
	return errors.Join(all...)
}

// foreground starts a payload whose runtime stays with it until it ends.
func (h *harness) foreground(ctx context.Context, w workload, launch func() []string, i int) (payload, error) {
	s, err := h.start("idle-"+strconv.Itoa(i), launch())
	if err != nil {
		return payload{}, err
	}
	return payload{
		ready: func() bool { return s.output() == "ready\n" },
		end: func(ctx context.Context) error {
			o, err := s.wait(ctx)
			if err != nil {
				return err
			}
			return o.expect(0, saysReady)
		},
	}, nil
}

// detached starts a container and lets the client go, so that Docker is not
// charged for clients that a user may do without.
func (d *docker) detached(ctx context.Context, w workload, launch func() []string, i int) (payload, error) {
	image, err := d.image(ctx, w)
	if err != nil {
		return payload{}, err
	}
	id, err := d.h.textOf(ctx, d.client(d.runArguments(w, image, "--detach", "--name", d.h.nextID("docker"))...)...)
	if err != nil {
		return payload{}, err
	}
	logs := func() string {
		text, err := d.h.textOf(ctx, d.client("logs", id)...)
		if err != nil {
			return ""
		}
		return text
	}
	return payload{
		ready: func() bool { return logs() == "ready" },
		end: func(ctx context.Context) error {
			status, err := d.h.textOf(ctx, d.client("wait", id)...)
			if err == nil && (status != "0" || logs() != "ready") {
				err = fmt.Errorf("container ended with status %q and said %q, want 0 and \"ready\"", status, logs())
			}
			_, gone := d.h.textOf(ctx, d.client("rm", "--force", id)...)
			return errors.Join(err, gone)
		},
	}, nil
}

func saysReady(stdout string) error {
	if stdout != "ready\n" {
		return fmt.Errorf("the payload said %q, want \"ready\"", stdout)
	}
	return nil
}

// pssOf and countOf begin the parts of a sample that belong to all processes of
// one name.
const (
	pssOf   = "pss of "
	countOf = "count of "
)

// weighWhenReady waits until all payloads are asleep and adds up.
func (h *harness) weighWhenReady(ctx context.Context, payloads []payload, before map[int]process, available float64) (map[string]float64, error) {
	for _, p := range payloads {
		for deadline := time.Now().Add(30 * time.Second); !p.ready(); {
			if time.Now().After(deadline) {
				return nil, fmt.Errorf("a payload was not ready after 30 s")
			}
			if err := sleep(ctx, 20*time.Millisecond); err != nil {
				return nil, err
			}
		}
	}
	if err := sleep(ctx, settle); err != nil {
		return nil, err
	}
	h.reapOrphans()
	after, err := descendants()
	if err != nil {
		return nil, err
	}
	parts := map[string]float64{}
	for pid, p := range after {
		if _, old := before[pid]; old {
			continue
		}
		bytes, err := pss(pid)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it ended in between
		}
		if err != nil {
			return nil, err
		}
		label := p.name
		if after[p.parent].name == p.name {
			label += ", child" // such as the runner of a cell
		}
		parts["pss"] += bytes
		parts["processes"]++
		parts[pssOf+label] += bytes
		parts[countOf+label]++
	}
	now, err := availableMemory()
	parts["available"] = available - now
	return parts, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// measureMemory is the memory of running payloads.
func (h *harness) measureMemory(ctx context.Context, runtimes []*runtime) error {
	// Docker's daemon runs for Docker's own samples alone.
	h.docker.stop()
	if len(only(runtimes, "docker")) > 0 {
		runtimes = append(runtimes[:len(runtimes):len(runtimes)], &runtime{dockerAttached, h.docker.ready, h.docker.prepare})
	}
	ten := map[int]*results{}
	for _, kind := range []struct{ n, mebibytes int }{{1, 8}, {10, 8}, {10, 0}} {
		h.logf("memory of %d payloads of %d MiB", kind.n, kind.mebibytes)
		var list []contender
		for _, rt := range runtimes {
			list = append(list, contender{rt.name, func(ctx context.Context) (map[string]float64, error) {
				return h.footprint(ctx, rt, kind.n, kind.mebibytes)
			}})
		}
		r, err := h.alternate(ctx, list, 0, h.rounds(3, 1))
		if err != nil {
			return err
		}
		h.memoryTable(r, kind.n, kind.mebibytes)
		if kind.mebibytes == 0 {
			h.processTable(r)
		}
		if kind.n == 10 {
			ten[kind.mebibytes] = r
		}
	}
	h.memoryBudgets(ten[8], ten[0])
	return nil
}

func (h *harness) memoryTable(r *results, n, mebibytes int) {
	t := h.table(fmt.Sprintf("memory-%d-%d", n, mebibytes),
		fmt.Sprintf("Memory of %s, each with %d MiB touched, asleep", plural(n, "running payload"), mebibytes), r)
	t.Note = "PSS of every process that was started for the run (docker: dockerd, containerd, shims; in its other row also the clients, which " +
		"stay unless a container is started detached), MiB. Overhead: what is more than under native, for one payload."
	t.Header = []string{"runtime", "processes", "PSS in all", "overhead per payload", "fall of MemAvailable"}
	native := r.series("native", "pss")
	for _, name := range r.order {
		if r.failed[name] != nil {
			continue
		}
		total := r.series(name, "pss")
		cells := []string{name, formatCount(summarize(r.series(name, "processes")).Median), formatMiB(summarize(total))}
		if more, err := overhead(total, native, n); err == nil {
			cells = append(cells, formatMiB(summarize(more)))
		} else {
			cells = append(cells, "-")
		}
		t.Rows = append(t.Rows, append(cells, formatMiB(summarize(r.series(name, "available")))))
	}
}

// processTable says which processes the memory of ten idle payloads is in.
func (h *harness) processTable(r *results) {
	t := &table{
		Title:  "Memory of 10 running payloads, each with 0 MiB touched, by process",
		Header: []string{"runtime", "process", "how many", "PSS of each, MiB"},
		Words:  true,
	}
	h.report.Tables = append(h.report.Tables, t)
	for _, runtime := range r.order {
		for _, part := range slices.Sorted(maps.Keys(r.values[runtime])) {
			process, ok := strings.CutPrefix(part, pssOf)
			count := summarize(r.series(runtime, countOf+process)).Median
			if !ok || count == 0 {
				continue
			}
			each := summarize(r.series(runtime, part)).Median / count / (1 << 20)
			t.Rows = append(t.Rows, []string{runtime, process, formatCount(count), fmt.Sprintf("%.2f", each)})
		}
	}
}

// overhead is what one of n payloads costs beyond the native process.
func overhead(total, native []float64, n int) ([]float64, error) {
	if len(total) != len(native) {
		return nil, fmt.Errorf("needs native samples beside these")
	}
	more := make([]float64, len(total))
	for i := range total {
		more[i] = (total[i] - native[i]) / float64(n)
	}
	return more, nil
}

func (h *harness) memoryBudgets(touched, idle *results) {
	// Each cell here has the command that waits for it, so Docker has too; what
	// is left without its clients stands beside.
	h.budgetRatio("memory of ten payloads in all: docker / cell", touched, dockerAttached, "cell", "pss", atLeast, 2.5)
	h.budgetRatio("the same without Docker's clients: docker / cell", touched, "docker", "cell", "pss", atLeast, 2.5)
	native := touched.series("native", "pss")
	cell, err1 := overhead(touched.series("cell", "pss"), native, 10)
	docker, err2 := overhead(touched.series("docker", "pss"), native, 10)
	const what = "memory overhead of one of ten payloads: docker / cell"
	if err1 != nil || err2 != nil || len(cell) == 0 || len(docker) == 0 {
		h.budgetMissing(what, atLeast, 4, touched, "docker", "cell", "native")
	} else {
		h.budgetPairs(what, docker, cell, atLeast, 4)
	}
	const each = "idle cell, ten running, PSS of each, MiB"
	if total := idle.series("cell", "pss"); len(total) > 0 {
		var one []float64
		for _, v := range total {
			one = append(one, v/10/(1<<20))
		}
		h.budgetValue(each, summarize(one), atMost, 2.5)
	} else {
		h.budgetMissing(each, atMost, 2.5, idle, "cell")
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + strings.TrimSuffix(noun, "s") + "s"
}
