package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"spaceos/internal/hwkvm"
)

// run runs one job and says how it ended; its output is sent as it comes.
func run(s *sender, number int, j hwkvm.Job) hwkvm.Message {
	started := time.Now()
	status, err := execute(s, number, j)
	m := hwkvm.Message{Job: number, Ended: true, Status: status, Time: time.Since(started)}
	if err != nil {
		m.Error = err.Error()
	}
	return m
}

func execute(s *sender, number int, j hwkvm.Job) (status int, err error) {
	if len(j.Args) == 0 {
		return 127, errors.New("no program")
	}
	if j.Limit == 0 {
		j.Limit = time.Minute
	}
	if j.Dir == "" {
		j.Dir = "/tmp"
	}
	if err := os.MkdirAll(j.Dir, 0o755); err != nil {
		return 127, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), j.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, j.Args[0], j.Args[1:]...)
	cmd.Dir = j.Dir
	cmd.Env = append([]string{"PATH=/bin:/usr/bin:/usr/sbin", "HOME=/root", "TMPDIR=/tmp"}, j.Env...)
	w := &output{sender: s, job: number}
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second // what it left behind may hold its output open
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return 127, err
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("ended after its limit of %v", j.Limit)
	} else if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = nil // that is the status
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), err
	}
	return cmd.ProcessState.ExitCode(), err
}

// output sends what a job prints, up to the limit.
type output struct {
	sender *sender
	job    int
	sent   int
}

func (o *output) Write(p []byte) (int, error) {
	all := len(p)
	if o.sent >= hwkvm.MaxOutput {
		return all, nil
	}
	if p = p[:min(all, hwkvm.MaxOutput-o.sent)]; len(p) < all || o.sent+len(p) == hwkvm.MaxOutput {
		p = append(p[:len(p):len(p)], "\n(more output is not shown)\n"...)
	}
	o.sent += all
	for len(p) > 0 {
		n := min(len(p), hwkvm.Chunk)
		o.sender.send(hwkvm.Message{Job: o.job, Output: p[:n]})
		p = p[n:]
	}
	return all, nil
}
