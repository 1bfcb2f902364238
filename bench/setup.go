package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tools are the commands that the bench needs and the Debian packages that have
// them.
var tools = []struct {
	command, debian string
	runtime         string // the runtime that needs it; "" for every run
}{
	{"musl-gcc", "musl-tools", ""},
	{"make", "make", ""},
	{"hyperfine", "hyperfine", ""},
	{"zstd", "zstd", ""},
	{"debootstrap", "debootstrap", ""},
	{"runc", "runc", "crun runc runsc docker"},
	{"crun", "crun", "crun"},
	{"dockerd", "docker.io", "docker"},
	{"docker", "docker.io", "docker"},
}

// installTools installs by apt-get what is missing for the runtimes chosen, or,
// where it can't, says the one command that does.
func (h *harness) installTools(ctx context.Context, runtimes []string) error {
	var packages []string
	for _, t := range tools {
		needed := t.runtime == "" || slices.ContainsFunc(strings.Fields(t.runtime), func(name string) bool {
			return slices.Contains(runtimes, name)
		})
		if _, err := exec.LookPath(t.command); err != nil && needed && !slices.Contains(packages, t.debian) {
			packages = append(packages, t.debian)
		}
	}
	if len(packages) == 0 {
		return nil
	}
	list := strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("missing here: %s; install with: sudo apt-get install -y %s", list, list)
	}
	h.logf("installing %s", list)
	script := "apt-get install -y --no-install-recommends " + list +
		" || { apt-get update && apt-get install -y --no-install-recommends " + list + "; }"
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get install -y %s: %w: %s", list, err, lastLine(string(out)))
	}
	return nil
}

// buildPrograms compiles each bench program that is newer than its binary, as
// any C payload is: statically with musl.
func (h *harness) buildPrograms(ctx context.Context) error {
	sources, err := filepath.Glob(filepath.Join(h.root, "bench", "programs", "*.c"))
	if err != nil || len(sources) == 0 {
		return fmt.Errorf("no C programs in bench/programs (%v)", err)
	}
	if err := os.MkdirAll(filepath.Join(h.dir, "programs"), 0o755); err != nil {
		return err
	}
	for _, source := range sources {
		binary := h.program(strings.TrimSuffix(filepath.Base(source), ".c"))
		if upToDate(binary, source) {
			continue
		}
		if _, err := h.textOf(ctx, "musl-gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s",
			"-o", binary, source, "-lm"); err != nil {
			return err
		}
	}
	return nil
}

func upToDate(made, from string) bool {
	m, err1 := os.Stat(made)
	f, err2 := os.Stat(from)
	return err1 == nil && err2 == nil && m.ModTime().After(f.ModTime())
}
