package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
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
	return finish(cmd, c, dir)
}
