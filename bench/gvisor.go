package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// gvisorVersion is the gVisor that runs are compared with.
const gvisorVersion = "v0.0.0-20260905035102-160fafc42237"

func (h *harness) runscPath() string {
	return filepath.Join(h.dir, "runsc-"+gvisorVersion)
}

// gvisorReady builds runsc if it has not been built. `go install` with a
// version builds in no module at all, so gVisor and what it needs never reach
// the project's go.mod.
func (h *harness) gvisorReady(ctx context.Context) (string, error) {
	if err := needRoot(); err != nil {
		return "", err
	}
	version := "gVisor " + gvisorVersion + ", systrap"
	if _, err := os.Stat(h.runscPath()); err == nil {
		return version, nil
	}
	h.logf("building runsc %s (once, some minutes)", gvisorVersion)
	bin := filepath.Join(h.dir, "gobin")
	cmd := exec.CommandContext(ctx, "nice", "go", "install", "-ldflags=-s -w", "gvisor.dev/gvisor/runsc@"+gvisorVersion)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "GOBIN="+bin, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build runsc with %v: %w: %s", cmd.Args, err, lastLine(string(out)))
	}
	return version, os.Rename(filepath.Join(bin, "runsc"), h.runscPath())
}
