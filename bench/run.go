package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// sampleLimit ends a run that hangs.
const sampleLimit = 5 * time.Minute

// outcome is what one run left.
type outcome struct {
	wall           time.Duration // from before the spawn to after the wait
	status         int           // as a shell reports it: 128+N for a death by signal N
	stdout, stderr string
}

// started is a process under way, with its streams in files: a pipe would need
// a reader, and the reader would compete with what is measured.
type started struct {
	process        *os.Process
	begin          time.Time
	stdout, stderr *os.File
	argv           []string
}

// start runs argv with an empty standard input and its output in files named
// after tag. The clock starts just before the spawn (Go spawns as posix_spawn
// does: clone with CLONE_VM and CLONE_VFORK, then exec).
func (h *harness) start(tag string, argv []string) (*started, error) {
	path, err := findProgram(argv[0])
	if err != nil {
		return nil, err
	}
	s := &started{argv: argv}
	if s.stdout, err = os.Create(filepath.Join(h.runDir, tag+".stdout")); err != nil {
		return nil, err
	}
	if s.stderr, err = os.Create(filepath.Join(h.runDir, tag+".stderr")); err != nil {
		s.stdout.Close()
		return nil, err
	}
	attr := &os.ProcAttr{Files: []*os.File{h.null, s.stdout, s.stderr}, Env: payloadEnvironment()}
	s.begin = time.Now()
	s.process, err = os.StartProcess(path, argv, attr)
	if err != nil {
		s.stdout.Close()
		s.stderr.Close()
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return s, nil
}

// output returns what has been written to standard output so far.
func (s *started) output() string {
	data, err := os.ReadFile(s.stdout.Name())
	if err != nil {
		return ""
	}
	return string(data)
}

// wait waits for the end, no longer than sampleLimit, and closes the files.
func (s *started) wait(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.process.Kill() })
	defer stop()
	state, err := s.process.Wait()
	wall := time.Since(s.begin)
	defer s.stdout.Close()
	defer s.stderr.Close()
	if err != nil {
		return outcome{}, fmt.Errorf("wait for %s: %w", s.argv[0], err)
	}
	if err := ctx.Err(); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return outcome{}, fmt.Errorf("%s did not end within %v and was killed", s.argv[0], sampleLimit)
		}
		return outcome{}, err
	}
	o := outcome{wall: wall, status: exitStatus(state), stdout: s.output()}
	if data, err := os.ReadFile(s.stderr.Name()); err == nil {
		o.stderr = string(data)
	}
	return o, nil
}

func exitStatus(state *os.ProcessState) int {
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return state.ExitCode()
}

// once runs argv to its end.
func (h *harness) once(ctx context.Context, argv []string) (outcome, error) {
	s, err := h.start("sample", argv)
	if err != nil {
		return outcome{}, err
	}
	return s.wait(ctx)
}

// expect returns an error unless the run ended with the status given and its
// output passes check (nil: any output). A run that failed is never a sample.
func (o outcome) expect(status int, check func(stdout string) error) error {
	if o.status != status {
		return fmt.Errorf("exit status %d, want %d; standard error: %s", o.status, status, lastLine(o.stderr))
	}
	if check == nil {
		return nil
	}
	return check(o.stdout)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return "(empty)"
	}
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// payloadEnvironment is the environment of every runtime: what they need to
// find their helpers, and nothing that differs between machines.
func payloadEnvironment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
}
