package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// measureCall is the price of one system call. For the cell it is held against
// the floor: SYSCALL, the stub and KVM_RUN with nothing read or written, as
// the benchmark in package vmm has it.
func (h *harness) measureCall(ctx context.Context, runtimes []*runtime) error {
	w := workload{name: "call", program: h.program("call")}
	rounds := h.rounds(9, 3)
	h.logf("call: %d rounds", rounds)
	list := h.contenders(ctx, w, only(runtimes, "native", "cell", "runsc", "docker"))
	floor, reason := h.floor(ctx)
	if reason == nil {
		list = append(list, contender{"floor", floor})
	}
	r, err := h.alternate(ctx, list, 1, rounds)
	if err != nil {
		return err
	}
	h.timeTable("call", "One system call (getppid)",
		"Nanoseconds a call. The floor is SYSCALL + stub + KVM_RUN with nothing read or written (`go test -run xxx -bench Floor ./vmm`).",
		"native", r, column{"mean", "call", 1, 0}, column{"fastest batch", "best", 1, 0})
	const what = "one call: cell / (SYSCALL + stub + KVM_RUN)"
	if reason != nil {
		h.skip("the floor of one call: %v", reason)
		h.budgetAbsent(what, atMost, 1.1, "no floor")
		return nil
	}
	h.budgetRatio(what, r, "cell", "floor", "call", atMost, 1.1)
	return nil
}

// floor builds package vmm's benchmarks once and returns a contender that runs
// the one with "Floor" in its name.
func (h *harness) floor(ctx context.Context) (func(context.Context) (map[string]float64, error), error) {
	sources, err := filepath.Glob(filepath.Join(h.root, "vmm", "*_test.go"))
	if err != nil {
		return nil, err
	}
	if !anyContains(sources, "func BenchmarkFloor", "func BenchmarkSyscallFloor") {
		return nil, errors.New("package vmm has no benchmark BenchmarkFloor or BenchmarkSyscallFloor")
	}
	binary := filepath.Join(h.dir, "vmm.test")
	if _, err := h.textOf(ctx, "go", "test", "-c", "-o", binary, filepath.Join(h.root, "vmm")); err != nil {
		return nil, err
	}
	argv := []string{binary, "-test.run=xxx", "-test.bench=Floor", "-test.benchtime=300ms"}
	return func(ctx context.Context) (map[string]float64, error) {
		o, err := h.once(ctx, argv)
		if err != nil {
			return nil, err
		}
		if err := o.expect(0, nil); err != nil {
			return nil, err
		}
		ns, err := benchmarkTime(o.stdout)
		return map[string]float64{"call": ns}, err
	}, nil
}

func anyContains(files []string, texts ...string) bool {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, text := range texts {
			if strings.Contains(string(data), text+"(") {
				return true
			}
		}
	}
	return false
}

// benchmarkTime finds the ns/op of the one benchmark in go test's output
// (https://go.dev/design/14313-benchmark-format).
func benchmarkTime(output string) (float64, error) {
	var found []float64
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		for i := 3; i < len(fields); i += 2 {
			if fields[i] != "ns/op" {
				continue
			}
			ns, err := strconv.ParseFloat(fields[i-1], 64)
			if err != nil {
				return 0, fmt.Errorf("go test printed %q: %w", line, err)
			}
			found = append(found, ns)
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("want one benchmark with ns/op, found %d in %q", len(found), output)
	}
	return found[0], nil
}
