package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Cell runs a case by "spaceos run".
type Cell struct {
	// Spaceos is the path of the spaceos executable.
	Spaceos string
	// Options stand before the program's path, such as --memory 128MiB; the
	// folders and the environment are added.
	Options []string
}

// Run runs the case in a cell.
func (r Cell) Run(ctx context.Context, bench *Bench, c Case) (Result, error) {
	program, err := bench.Executable(c.Program)
	if err != nil {
		return Result{}, err
	}
	dir, err := bench.stage(c)
	defer os.RemoveAll(dir)
	if err != nil {
		return Result{}, err
	}
	args := []string{"run"}
	for _, name := range []string{"in", "out", "app", "data"} {
		args = append(args, "--"+name, filepath.Join(dir, name))
	}
	args = append(args, r.Options...)
	for _, kv := range c.Env {
		args = append(args, "--env", kv)
	}
	args = append(args, program)
	cmd := exec.CommandContext(ctx, r.Spaceos, append(args, c.Args...)...)
	result, err := finish(cmd, c, dir)
	if result.Status > 128 {
		result.Stderr = withoutNotice(result.Stderr, syscall.Signal(result.Status-128))
	} else {
		result.Stderr = withoutHint(result.Stderr, result.Status)
	}
	return result, err
}

// withoutNotice takes from the standard error of a program that died the one
// line that spaceos adds to it, as a shell would. A line that is missing or
// names another signal is put into the text, so that the comparison fails.
func withoutNotice(stderr string, died syscall.Signal) string {
	notice := "spaceos: the program died by "
	if name := unix.SignalName(died); name != "" {
		notice += name
	}
	body, ended := strings.CutSuffix(stderr, "\n")
	start := strings.LastIndex(body, "\n") + 1
	if ended && strings.HasPrefix(body[start:], notice) {
		return body[:start]
	}
	return stderr + "(no line that begins: " + notice + ")\n"
}

// withoutHint takes off the line that spaceos adds for a program that failed
// after it had asked for a thread or process.
func withoutHint(stderr string, status int) string {
	body, ended := strings.CutSuffix(stderr, "\n")
	start := strings.LastIndex(body, "\n") + 1
	if ended && strings.HasPrefix(body[start:], fmt.Sprintf("spaceos: the program failed (exit status %d) and had called ", status)) {
		return body[:start]
	}
	return stderr
}
