package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/cell"
	"spaceos/internal/cli"
)

// runFlags are the flags of run as they are written.
type runFlags struct {
	spec                           cell.Spec
	memory, outLimit, dataLimit    string
	seed, clock, report, hugePages string
	target                         string // the program or the image, as named
	envs                           []string
	quiet                          bool
	given, known                   func(flag string) bool
}

func newRun(s cli.Streams) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run [flags] PROGRAM|IMAGE [ARG...]",
		Short: "Run a static Linux program or a sealed image in a cell",
		Long: `Run a static Linux program in a cell, as docker run --rm would in a container.
A sealed image (a folder, or a tar) runs with its own limits, arguments and
environment, with the calls that it asks for and no others; flags can only lower
its limits. What it asked for and used is printed afterwards, on standard error,
unless --quiet is given. Its products-per-day and log-rate, which are over all runs
of a day, are shown and not held. Only what the image names is read, and checked
for damage, not for signatures: spaceos verify --trust checks those, and finds what
else lies in its folder.

The program sees itself as /app/NAME, the folders given below, an empty /tmp,
and the standard streams; it inherits nothing else. What it may write (--out,
--data) must not be, hold or lie in another folder given. The exit status is the
program's; 128+N if signal N killed it; 127: no such program; 126: it cannot
run; 125: wrong use or our own failure; 124: --timeout; 152: --cpu-time;
137: out of memory. The first SIGINT or SIGTERM goes to the program, the
second kills it.`,
		Example: `  spaceos run bin/payloads/cloudmask/cloudmask --help
  spaceos run --in frames --out results --app bin/payloads/cloudmask/app bin/payloads/cloudmask/cloudmask
  spaceos run --memory 16MiB --cpu-time 10s --report report.json ./program
  spaceos run --in frames --out results cloudmask.oci
  spaceos run --seed 7 --clock 2026-01-01T00:00:00Z,frozen --trace ./program`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("run needs a program: spaceos run [flags] PROGRAM [ARG...]; see spaceos run --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.spec.Program, f.spec.Args, f.target = args[0], args[1:], args[0]
			if err := f.complete(); err != nil {
				return &cli.UsageError{Err: err}
			}
			image, err := isImage(args[0])
			if err != nil {
				return err
			}
			if image {
				return f.runImage(cmd.Context(), s, args[0])
			}
			return f.run(cmd.Context(), s, nil)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // files
		},
	}
	f.register(cmd)
	return cmd
}

func (f *runFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.given, f.known = flags.Changed, func(flag string) bool { return flags.Lookup(flag) != nil }
	flags.SetInterspersed(false) // flags behind the program are the program's
	flags.SortFlags = false
	flags.StringVar(&f.spec.In, "in", "", "folder that the program reads as /in")
	flags.StringVar(&f.spec.Out, "out", "", "empty folder that it fills as /out; without it, what it writes there is gone")
	flags.StringVar(&f.spec.App, "app", "", "folder of the program's own files, read-only as /app")
	flags.StringVar(&f.spec.Data, "data", "", "folder that it keeps as /data; without it, what it writes there is gone")
	flags.StringVar(&f.memory, "memory", cell.DefaultMemory.String(), "limit of memory, page tables and /tmp included")
	flags.DurationVar(&f.spec.CPUTime, "cpu-time", 0, "limit of processor time, as 10s (default none)")
	flags.DurationVar(&f.spec.Timeout, "timeout", 0, "limit of time, as 30s (default none)")
	flags.StringArrayVar(&f.envs, "env", nil, "environment variable K=V, repeatable; nothing is inherited")
	flags.StringVar(&f.seed, "seed", "", "number that all randomness comes from (default the host's)")
	flags.StringVar(&f.clock, "clock", "", "time at start, RFC 3339; with ,frozen it moves in sleeps, not in loops (default the host's)")
	flags.StringVar(&f.report, "report", "", "file for the report, JSON (- is standard error)")
	flags.BoolVar(&f.quiet, "quiet", false, "do not print what an image asked for and used")
	flags.BoolVar(&f.spec.Trace, "trace", false, "print each call on standard error, as strace does")
	flags.StringVar(&f.hugePages, "huge-pages", "auto", "auto: for anonymous memory of 4MiB and more; never")
	flags.StringVar(&f.outLimit, "out-limit", "", "quota of /out in bytes, as 100MiB (default 16GiB; without --out, --memory)")
	flags.StringVar(&f.dataLimit, "data-limit", "", "quota of /data in bytes (default 16GiB; without --data, --memory)")
	flags.IntVar(&f.spec.Files, "files-limit", 0, "quota of files and folders in each of /out, /data and /tmp (default 65536; 4096 in memory)")
	for _, name := range []string{"in", "out", "app", "data"} {
		_ = cmd.MarkFlagDirname(name) // the flag exists: it was made above
	}
	_ = cmd.RegisterFlagCompletionFunc("huge-pages", cobra.FixedCompletions([]string{"auto", "never"}, cobra.ShellCompDirectiveNoFileComp))
}

// complete turns what was written into the Spec.
func (f *runFlags) complete() error {
	var err error
	for _, folder := range []struct{ flag, path string }{
		{"in", f.spec.In}, {"out", f.spec.Out}, {"app", f.spec.App}, {"data", f.spec.Data}, {"report", f.report},
	} {
		if folder.path == "" && f.given(folder.flag) {
			return fmt.Errorf("--%s: the path is empty: name one, or leave the flag out", folder.flag)
		}
	}
	for _, q := range []struct {
		flag, text string
		into       *spaceos.Bytes
	}{{"memory", f.memory, &f.spec.Memory}, {"out-limit", f.outLimit, &f.spec.OutBytes}, {"data-limit", f.dataLimit, &f.spec.DataBytes}} {
		if q.text == "" && !f.given(q.flag) {
			continue
		}
		if q.text == "" {
			return fmt.Errorf("--%s: nothing is no limit: give a size like 64MiB", q.flag)
		}
		if *q.into, err = spaceos.ParseBytes(q.text); err != nil {
			return fmt.Errorf("--%s: %w", q.flag, err)
		}
		if *q.into == 0 || *q.into > 1<<62 {
			return fmt.Errorf("--%s: %s is no limit that can be held: give a size like 64MiB", q.flag, q.text)
		}
	}
	if f.given("files-limit") && f.spec.Files <= 0 {
		return fmt.Errorf("--files-limit: %d is no limit that can be held: give a positive number", f.spec.Files)
	}
	for _, flag := range []struct {
		name string
		d    time.Duration
	}{{"cpu-time", f.spec.CPUTime}, {"timeout", f.spec.Timeout}} {
		if f.given(flag.name) && flag.d <= 0 {
			return fmt.Errorf("--%s: %v is no limit that can be held: give a time like 10s, or leave the flag out for none", flag.name, flag.d)
		}
	}
	switch f.hugePages {
	case "auto":
	case "never":
		f.spec.NoHugePages = true
	default:
		return fmt.Errorf("--huge-pages: %q is neither auto nor never: write one of them", f.hugePages)
	}
	if f.spec.Env, err = environment(f.envs); err != nil {
		return err
	}
	if f.seed != "" || f.given("seed") {
		seed, err := strconv.ParseUint(f.seed, 0, 64)
		if err != nil {
			return fmt.Errorf("--seed: %q is not a number of 64 bits: write one, as 7 or 0xbeef", f.seed)
		}
		f.spec.Seed = &seed
	}
	return f.parseClock()
}

// lastYear is the last one whose times fit into 64 bits of nanoseconds.
const lastYear = 2261

func (f *runFlags) parseClock() error {
	if f.clock == "" && !f.given("clock") {
		return nil
	}
	text, mode, found := strings.Cut(f.clock, ",")
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || found && mode != "frozen" || t.Unix() < 0 || t.Year() > lastYear {
		return fmt.Errorf("--clock: %q is not a time from 1970 to 2261: write one as 2026-01-01T00:00:00Z, alone or with ,frozen", f.clock)
	}
	f.spec.Clock, f.spec.Frozen = t, found
	return nil
}

// environment checks the variables; the last of a name counts.
func environment(pairs []string) ([]string, error) {
	var env []string
	place := map[string]int{}
	for _, kv := range pairs {
		k, _, ok := strings.Cut(kv, "=")
		if !ok || k == "" || strings.ContainsRune(kv, 0) {
			return nil, fmt.Errorf("--env: %q is not of the form K=V: write the value too, since nothing is inherited", kv)
		}
		if i, again := place[k]; again {
			env[i] = kv
			continue
		}
		place[k] = len(env)
		env = append(env, kv)
	}
	return env, nil
}

// runImage runs a sealed image.
func (f *runFlags) runImage(ctx context.Context, s cli.Streams, path string) error {
	img, err := openSealed(path)
	if err != nil {
		return &cell.Failure{Status: cell.StatusNotRunnable, Err: err}
	}
	defer img.close()
	if err := f.seal(img); err != nil {
		return cli.Usagef("%w; see spaceos run --help", err)
	}
	return f.run(ctx, s, img)
}

// run runs what the Spec says; img is nil for a plain program.
func (f *runFlags) run(ctx context.Context, s cli.Streams, img *sealed) error {
	report, err := newReportFile(f.report, s)
	if err == nil {
		err = report.spares(f.target, f.spec.In, f.spec.App, f.spec.Data)
	}
	if err != nil {
		return &cell.Failure{Status: cell.StatusFailure, Err: err}
	}
	signals := make(chan os.Signal, 8)
	f.spec.Signals = signals
	f.spec.Ready = func() { listen(signals) }
	if ctx == nil {
		ctx = context.Background()
	}
	r, runErr := cell.Run(ctx, f.spec)
	if img != nil {
		r.Image = img.asked()
	}
	if img != nil && runErr == nil && !f.quiet {
		if err := img.print(s.Err, r); err != nil {
			return &cell.Failure{Status: cell.StatusFailure, Err: err}
		}
	}
	if err := report.write(r); err != nil && runErr == nil {
		return &cell.Failure{Status: cell.StatusFailure, Err: err}
	}
	if runErr != nil {
		return runErr
	}
	if status := r.Ended.Status; status != 0 {
		return &cli.ExitError{Status: status, Text: explain(r, &f.spec, img)}
	}
	return nil
}

// listen takes the signals that are for the payload, until the process ends.
// It runs while the runner wakes up: a signal that comes earlier ends both.
func listen(signals chan<- os.Signal) {
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) { // as by nohup, or a shell for a job in the background
			signal.Notify(signals, s)
		}
	}
	signal.Ignore(syscall.SIGTTOU) // to take the terminal back from the cell
}

// explain is what the user sees of an end that is not the program's own exit.
func explain(r *cell.Report, spec *cell.Spec, img *sealed) string {
	e := r.Ended
	switch {
	case e.Cause == "exited" && img != nil && img.switchedOff(r) != "":
		return img.switchedOff(r)
	case e.Cause == "exited":
		return missing(r)
	case e.Cause == "killed":
		return "the program was killed by the second signal"
	case e.Fault != nil:
		return fmt.Sprintf("the program died by %s (si_code %d, address %s) at RIP %s", signalName(e), e.Fault.Code, e.Fault.Address, e.Fault.RIP) + note(e.Message)
	case e.Cause == "signal":
		return "the program died by " + signalName(e) + note(e.Message)
	case e.Cause == "timeout" && spec.Frozen:
		return fmt.Sprintf("the program was stopped at its time limit of %v; its clock stands still while it computes, so a loop that waits for a time never ends", spec.Timeout)
	case e.Cause == "timeout":
		return fmt.Sprintf("the program was stopped at its time limit of %v; %s", spec.Timeout, img.more("timeout", "wall-time"))
	case e.Cause == "cpu-time":
		return fmt.Sprintf("the program was stopped at its limit of %v of processor time; %s", spec.CPUTime, img.more("cpu-time", "cpu-time"))
	case e.Cause == "out-of-memory":
		return fmt.Sprintf("out of memory: the program touched more than its limit of %v; %s", spaceos.Bytes(r.Memory.Limit), img.more("memory", "memory"))
	}
	return e.Message
}

// missing names what a program that failed may have failed for.
func missing(r *cell.Report) string {
	for _, call := range []string{"clone", "clone3", "fork", "vfork"} {
		if r.Ended.Status != 0 && r.Calls.Unsupported[call] > 0 {
			return fmt.Sprintf("the program failed (exit status %d) and had called %s: a cell has no threads and no further processes yet", r.Ended.Status, call)
		}
	}
	return ""
}

// signalName names a signal; those for real-time use have numbers alone.
func signalName(e cell.Ended) string {
	if e.SignalName == "" {
		return fmt.Sprintf("signal %d", e.Signal)
	}
	return e.SignalName
}

func note(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}
