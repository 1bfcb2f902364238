package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// runtime is one way to run a workload.
type runtime struct {
	name string
	// ready checks, once, that the runtime can be used here, starts what it
	// needs, and returns its version. The error says what is missing.
	ready func(ctx context.Context) (version string, err error)
	// prepare makes what every run of w needs (a bundle, an image) and returns
	// a function that gives the command line of the next run.
	prepare func(ctx context.Context, w workload) (launch func() []string, err error)
}

// runtimes is the table of all runtimes, in the order in which they take turns.
func (h *harness) runtimes() []*runtime {
	return []*runtime{
		{"native", h.nativeReady, h.nativePrepare},
		{"cell", h.cellReady, h.cellPrepare()},
		h.oci("crun", h.crunReady, "crun", "--root", filepath.Join(h.runDir, "crun")),
		h.oci("runc", h.runcReady, "runc", "--root", filepath.Join(h.runDir, "runc")),
		// No network as for the others; no cgroups because runsc insists on
		// controllers that a machine of cgroups v1 mounts elsewhere.
		h.oci("runsc", h.gvisorReady, h.runscPath(), "--root", filepath.Join(h.runDir, "runsc"),
			"--platform=systrap", "--network=none", "--ignore-cgroups"),
		{"docker", h.docker.ready, h.docker.prepare},
	}
}

// selectRuntimes gives the runtimes named, in the order of the table, ready to
// be used. The error names all that are not.
func (h *harness) selectRuntimes(ctx context.Context, wanted []string) ([]*runtime, error) {
	all := h.runtimes()
	for _, name := range wanted {
		if !slices.Contains(names(all), name) {
			return nil, fmt.Errorf("no runtime %q, choose from %s: %w", name, strings.Join(names(all), ","), errUsage)
		}
	}
	var chosen []*runtime
	var missing []error
	for _, rt := range all {
		if !slices.Contains(wanted, rt.name) {
			continue
		}
		version, err := rt.ready(ctx)
		if err != nil {
			missing = append(missing, fmt.Errorf("%s: %w", rt.name, err))
			continue
		}
		h.report.Machine.Versions = append(h.report.Machine.Versions, [2]string{rt.name, version})
		chosen = append(chosen, rt)
	}
	return chosen, errors.Join(missing...)
}

func names(runtimes []*runtime) []string {
	var list []string
	for _, rt := range runtimes {
		list = append(list, rt.name)
	}
	return list
}

// only returns the runtimes among those named.
func only(runtimes []*runtime, wanted ...string) []*runtime {
	var list []*runtime
	for _, rt := range runtimes {
		if slices.Contains(wanted, rt.name) {
			list = append(list, rt)
		}
	}
	return list
}

func (h *harness) nativeReady(ctx context.Context) (string, error) {
	return "Linux process, " + h.report.Machine.Kernel, nil
}

// nativePrepare runs the program itself and tells it the host's folders where a
// container would mount them.
func (h *harness) nativePrepare(ctx context.Context, w workload) (func() []string, error) {
	argv := append([]string{w.program}, w.args...)
	for _, m := range w.mounts() {
		argv = append(argv, "--"+strings.TrimPrefix(m.guest, "/"), m.host)
	}
	return func() []string { return argv }, nil
}

func (h *harness) cellPath() string { return filepath.Join(h.root, "bin", "spaceos") }

func (h *harness) cellReady(ctx context.Context) (string, error) {
	binary, err := os.ReadFile(h.cellPath())
	if err != nil {
		return "", fmt.Errorf("bin/spaceos is not there; run \"make build\" first, or leave the cell out with -runtimes native,crun,runc,runsc,docker")
	}
	commit, err := h.textOf(ctx, "git", "-C", h.root, "describe", "--always", "--dirty", "--abbrev=12")
	if err != nil {
		commit = "unknown commit"
	}
	return fmt.Sprintf("spaceos %s, bin/spaceos has SHA-256 %.6x...", commit, sha256.Sum256(binary)), nil
}

// cellPrepare runs w by `spaceos run`; extra flags make a variant of the cell.
func (h *harness) cellPrepare(extra ...string) func(context.Context, workload) (func() []string, error) {
	return func(ctx context.Context, w workload) (func() []string, error) {
		argv := append([]string{h.cellPath(), "run"}, extra...)
		if w.memory != "" {
			argv = append(argv, "--memory", w.memory)
		}
		for _, m := range w.mounts() {
			argv = append(argv, "--"+strings.TrimPrefix(m.guest, "/"), m.host)
		}
		argv = append(append(argv, w.program), w.args...)
		return func() []string { return argv }, nil
	}
}

// cellVariant is the cell with further flags, as a runtime of its own.
func (h *harness) cellVariant(name string, extra ...string) *runtime {
	return &runtime{name, h.cellReady, h.cellPrepare(extra...)}
}

// oci is a runtime with runc's command line, started on a bundle.
func (h *harness) oci(name string, ready func(context.Context) (string, error), command ...string) *runtime {
	prepare := func(ctx context.Context, w workload) (func() []string, error) {
		bundle, err := h.bundle(ctx, w)
		if err != nil {
			return nil, err
		}
		return func() []string {
			return append(slices.Clone(command), "run", "--bundle", bundle, h.nextID(name))
		}, nil
	}
	return &runtime{name, ready, prepare}
}

func (h *harness) crunReady(ctx context.Context) (string, error) {
	return h.ociVersion(ctx, "crun")
}

func (h *harness) runcReady(ctx context.Context) (string, error) {
	return h.ociVersion(ctx, "runc")
}

func (h *harness) ociVersion(ctx context.Context, command string) (string, error) {
	if err := needRoot(); err != nil {
		return "", err
	}
	text, err := h.textOf(ctx, command, "--version")
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(text, "\n")
	return first + h.debianVersion(ctx, command), nil
}

func needRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("containers are started as root here; run the bench as root, or choose others with -runtimes native,cell")
	}
	return nil
}

// nextID is a container name that was never used in this run of the bench.
func (h *harness) nextID(name string) string {
	h.serial++
	return fmt.Sprintf("bench-%d-%s-%d", os.Getpid(), name, h.serial)
}
