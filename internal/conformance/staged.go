package conformance

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Staged is a case that is ready to run on this host.
type Staged struct {
	// Program is the executable's path.
	Program string
	// Args follow the program's name; Env is the whole environment.
	Args, Env []string
	// In, Out, App and Data are folders.
	In, Out, App, Data string
	// Stdin, Stdout and Stderr are pipes.
	Stdin, Stdout, Stderr *os.File
}

// Func runs a staged case in the way of its own and gives the exit status,
// 128+N for a death by signal N. It is a [Runner].
type Func func(ctx context.Context, s *Staged) (status int, err error)

// Run runs the case by the function.
func (f Func) Run(ctx context.Context, bench *Bench, c Case) (r Result, err error) {
	s := &Staged{Args: c.Args, Env: c.Env}
	if s.Program, err = bench.Executable(c.Program); err != nil {
		return Result{}, err
	}
	dir, err := bench.stage(c)
	defer os.RemoveAll(dir)
	if err != nil {
		return Result{}, err
	}
	s.In, s.Out, s.App, s.Data = filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "app"), filepath.Join(dir, "data")
	collect, err := s.pipes(c.Stdin)
	if err != nil {
		return Result{}, err
	}
	r.Status, err = f(ctx, s)
	r.Stdout, r.Stderr = collect()
	if err != nil {
		return Result{}, err
	}
	if r.Out, err = readTree(s.Out); err != nil {
		return Result{}, err
	}
	r.Data, err = readTree(s.Data)
	return r, err
}

// pipes makes the streams and serves their other ends. The function that it
// returns closes them and gives what was written.
func (s *Staged) pipes(stdin string) (collect func() (stdout, stderr string), err error) {
	var ends []*os.File
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
			ends = append(ends, r, w)
		}
		return r, w
	}
	var in, out, diag *os.File
	s.Stdin, in = pipe()
	out, s.Stdout = pipe()
	diag, s.Stderr = pipe()
	if err != nil {
		for _, f := range ends {
			f.Close() // nil for the one that was not made
		}
		return nil, err
	}
	for _, f := range []*os.File{s.Stdout, s.Stderr} {
		// Room for all that a program says: poll(2) finds a full pipe not
		// writable, and how full it is depends on who reads it when.
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, 1<<20)
	}
	var texts [2]strings.Builder
	var served sync.WaitGroup
	served.Go(func() {
		_, _ = io.WriteString(in, stdin) // a program need not read it
		in.Close()
	})
	for i, f := range []*os.File{out, diag} {
		served.Go(func() {
			_, _ = io.Copy(&texts[i], f) // what comes until then is what was written
			f.Close()
		})
	}
	return func() (string, string) {
		for _, f := range []*os.File{s.Stdin, s.Stdout, s.Stderr} {
			f.Close()
		}
		served.Wait()
		return texts[0].String(), texts[1].String()
	}, nil
}
