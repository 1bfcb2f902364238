package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// measure is one subject of the bench.
type measure struct {
	name string
	run  func(ctx context.Context, runtimes []*runtime) error
}

// measures is the table of all subjects, in the order of the report.
func (h *harness) measures() []measure {
	return []measure{
		{"noop", h.measureNoop},
		{"cloudmask", h.measureCloudmask},
		{"compute", h.measureCompute},
		{"membound", h.measureMemoryBound},
		{"call", h.measureCall},
		{"memory", h.measureMemory},
		{"sizes", h.measureSizes},
	}
}

// measureNoop is start to exit of a program that does nothing.
func (h *harness) measureNoop(ctx context.Context, runtimes []*runtime) error {
	w := workload{name: "noop", program: h.program("noop"), status: 42}
	rounds := h.rounds(41, 5)
	h.logf("noop: %d rounds of pairs", rounds)
	r, err := h.alternate(ctx, inPairs(h.contenders(ctx, w, runtimes)), 1, rounds)
	if err != nil {
		return err
	}
	h.timeTable("noop", "No-op, start to exit",
		"Wall clock of the harness from before the spawn to after the wait, milliseconds. For the cell that holds both its processes. "+
			"Each turn is two runs in a row; the second is the sample that counts, as the kernel is still busy with what the runtime before left when the first starts.",
		"runc", r, column{"second of two, ms", wall, 1e-3, 2}, column{"first, ms", "first", 1e-3, 2})
	h.budgetRatio("no-op start to exit: cell / runc", r, "cell", "runc", wall, atMost, 0.3)
	h.budgetRatio("no-op start to exit: cell / crun", r, "cell", "crun", wall, atMost, 1)
	h.budgetRatio("no-op start to exit: cell / runsc", r, "cell", "runsc", wall, atMost, 0.1)
	return h.crossCheck(ctx, runtimes)
}

// measureCompute is arithmetic in caches, by integers and by floating point.
func (h *harness) measureCompute(ctx context.Context, runtimes []*runtime) error {
	for _, kernel := range []string{"integer", "float"} {
		w := workload{name: kernel, program: h.program(kernel), check: sameChecksum()}
		r, err := h.measure(ctx, w, runtimes, h.rounds(31, 3))
		if err != nil {
			return err
		}
		note := h.budgetSteady(kernel+" kernel, speed: native / cell", r, "native", "cell", "ns", atLeast, 0.97)
		h.budgetSteady(kernel+" kernel, whole run, speed: native / cell", r, "native", "cell", wall, atLeast, 0.97)
		h.timeTable(kernel, "Compute: "+kernel+" kernel",
			"Milliseconds, of the kernel by its own clock and of the whole run. "+note,
			"native", r, column{"kernel", "ns", 1e6, 1}, column{"whole run", wall, 1e-3, 1})
	}
	return nil
}

// measureMemoryBound is the cost of memory itself: getting it, sweeping it,
// reading it at random.
func (h *harness) measureMemoryBound(ctx context.Context, runtimes []*runtime) error {
	if len(only(runtimes, "cell")) > 0 {
		runtimes = append(runtimes[:len(runtimes):len(runtimes)], h.cellVariant("cell-4k", "--huge-pages=never"))
	}
	w := workload{name: "memory", program: h.program("memory"), memory: "256MiB", check: sameChecksum(), before: warmHost}
	r, err := h.measure(ctx, w, runtimes, h.rounds(31, 3))
	if err != nil {
		return err
	}
	note := h.budgetMemoryBound(r)
	h.timeTable("memory", "Memory-bound: 192 MiB, first touch, 5 sweeps, 5 M random reads",
		"Milliseconds by the program's own clock. cell-4k is the cell without huge pages. The host's setting for transparent huge pages is "+
			h.report.Machine.HugePages+". Before each sample the harness touches and frees as much memory, which the host of a virtual machine does not take back meanwhile. "+note,
		"native", r, column{"first touch", "touch", 1e6, 1}, column{"sweeps", "sweep", 1e6, 1},
		column{"random reads", "random", 1e6, 1}, column{"sum", "ns", 1e6, 1})
	return nil
}

func (h *harness) budgetMemoryBound(r *results) (note string) {
	const huge = "memory-bound kernel in sum, speed: native / cell"
	if h.report.Machine.HugePages == "madvise" {
		h.budgetSteady(huge, r, "native", "cell", "ns", atLeast, 1.2)
	} else {
		h.budgetAbsent(huge, atLeast, 1.2, "holds where the host's huge pages are by madvise")
	}
	return h.budgetSteady("the same without huge pages, on memory already touched", r, "native", "cell-4k", "warm", atLeast, 0.97)
}

// warmHost touches and frees as much memory as the memory-bound kernel uses, in
// small pages and in huge ones. On a virtual machine whose host takes freed
// memory back, the next touch then finds memory that the host still backs,
// whichever kind it asks for.
func warmHost() error {
	const size = 224 << 20
	for _, advice := range []int{unix.MADV_NOHUGEPAGE, unix.MADV_HUGEPAGE} {
		memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return fmt.Errorf("map %d MiB to warm up the host: %w", size>>20, err)
		}
		// EINVAL: a kernel without huge pages, which has one kind to warm.
		if err := unix.Madvise(memory, advice); err != nil && err != unix.EINVAL {
			return fmt.Errorf("advise about huge pages: %w", err)
		}
		for i := 0; i < size; i += os.Getpagesize() {
			memory[i] = 1
		}
		if err := unix.Munmap(memory); err != nil {
			return err
		}
	}
	return nil
}
