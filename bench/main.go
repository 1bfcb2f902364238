// Command bench measures SpaceOS side by side with containers, in one run on one
// machine, and writes BENCHMARKS.md.
//
// It is for the budgets of SPECIFICATION.md that concern one cell: start
// to exit, a real payload, compute, memory, one system call, resident memory,
// sizes. It is not a test: a budget that is missed is printed as missed, and
// the exit status is 0 unless a measurement failed.
//
// It installs what it lacks, builds what it needs under build/bench, starts and
// stops its own Docker daemon, and takes turns between the runtimes:
//
//	go run ./bench
//	go run ./bench -quick -only noop,compute -runtimes native,crun
//
// Its main types are the runtime (one way to run a workload), the workload (a
// static program with arguments and folders, the same for all), and results
// (the samples). How each runtime is started: bench/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	o := parseOptions()
	if err := isolate(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := bench(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	}
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		os.Exit(1)
	}
}

// errUsage marks a command line that can't be meant.
var errUsage = errors.New("wrong use, see -help")

// options are the command line.
type options struct {
	quick    bool
	only     []string
	runtimes []string
	out      string
	json     string
}

func parseOptions() options {
	var o options
	names := flag.String("only", "", "measures to take, such as noop,cloudmask (default: all)")
	runtimes := flag.String("runtimes", "native,cell,crun,runc,runsc,docker", "runtimes to compare")
	flag.BoolVar(&o.quick, "quick", false, "fewer samples: to see that it works, not to publish")
	flag.StringVar(&o.out, "out", "", "file to write the report to (default BENCHMARKS.md for a whole run, build/bench/report.md for less)")
	flag.StringVar(&o.json, "json", "", "file to write every sample to, as JSON")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "bench: unexpected argument %q; see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	o.only, o.runtimes = splitList(*names), splitList(*runtimes)
	if o.out == "" {
		o.out = "BENCHMARKS.md"
		if whole := *names == "" && *runtimes == flag.Lookup("runtimes").DefValue && !o.quick; !whole {
			o.out = "build/bench/report.md"
		}
	}
	return o
}

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func bench(ctx context.Context, o options) (err error) {
	h, err := newHarness(o.quick)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	restore, err := keepFreePages()
	if err != nil {
		return err
	}
	defer func() {
		if e := restore(); e != nil {
			err = errors.Join(err, fmt.Errorf("free pages are not given back to the host until a restart: %w", e))
		}
	}()
	chosen, err := chooseMeasures(h.measures(), o.only)
	if err != nil {
		return err
	}
	if err := h.installTools(ctx, o.runtimes); err != nil {
		return err
	}
	h.report.Machine = describeMachine(ctx, h)
	if err := h.buildPrograms(ctx); err != nil {
		return err
	}
	runtimes, err := h.selectRuntimes(ctx, o.runtimes)
	if err != nil {
		return err
	}
	for _, m := range chosen {
		err := m.run(ctx, runtimes)
		if ctx.Err() != nil {
			return errors.New("interrupted; nothing written")
		}
		if err != nil {
			h.fail("%s: %v", m.name, err) // the others are worth having
		}
	}
	h.report.write(os.Stdout, os.Args[1:])
	if err := h.save(o.out, o.json, os.Args[1:]); err != nil {
		return err
	}
	if n := len(h.report.Failures); n > 0 {
		return fmt.Errorf("%d measurements failed: %s", n, strings.Join(h.report.Failures, "; "))
	}
	return nil
}

func chooseMeasures(all []measure, wanted []string) ([]measure, error) {
	var known []string
	for _, m := range all {
		known = append(known, m.name)
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("no measure %q, choose from %s: %w", name, strings.Join(known, ","), errUsage)
		}
	}
	if len(wanted) == 0 {
		return all, nil
	}
	var chosen []measure
	for _, m := range all {
		if slices.Contains(wanted, m.name) {
			chosen = append(chosen, m)
		}
	}
	return chosen, nil
}
