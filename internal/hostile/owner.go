package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/cell"
)

// An Order is one run for an owner: what [cell.Spec] has of it.
type Order struct {
	Program            string
	Args, Env          []string
	In, Out, App, Data string
	Limits             Limits
}

func (o *Order) spec() cell.Spec {
	return cell.Spec{
		Program: o.Program, Args: o.Args, Env: o.Env,
		In: o.In, Out: o.Out, App: o.App, Data: o.Data,
		Memory: o.Limits.Memory, OutBytes: o.Limits.OutBytes, DataBytes: o.Limits.DataBytes, Files: o.Limits.Files,
		Timeout: o.Limits.Timeout, CPUTime: o.Limits.CPUTime, Trace: o.Limits.Trace,
	}
}

// An Answer is what came of it.
type Answer struct {
	Report         *cell.Report
	Err            string // of cell.Run
	Stdout, Stderr Stream
	Left           Left
}

// A Stream is what a guest wrote: its start, and how much it was.
type Stream struct {
	Start string // at most maxStart bytes
	Bytes int64
}

const maxStart = 64 << 10

// Left is what an owner holds between two runs.
type Left struct {
	Descriptors, Goroutines int
	Children                []string // process ids
	Heap                    uint64   // bytes in use after a collection
}

// Exceeds says what there is more of than before; "" is nothing. The heap may
// grow by what Go's own runtime keeps for later.
func (l Left) Exceeds(before Left) string {
	const growth = 16 << 20
	switch {
	case l.Descriptors > before.Descriptors:
		return fmt.Sprintf("%d descriptors, %d before", l.Descriptors, before.Descriptors)
	case l.Goroutines > before.Goroutines:
		return fmt.Sprintf("%d goroutines, %d before", l.Goroutines, before.Goroutines)
	case len(l.Children) > 0:
		return fmt.Sprintf("processes %v", l.Children)
	case l.Heap > before.Heap+growth:
		return fmt.Sprintf("%d bytes of memory, %d before", l.Heap, before.Heap)
	}
	return ""
}

// ownerVariable tells a process that it is an owner.
const ownerVariable = "SPACEOS_HOSTILE_OWNER"

// Descriptors of an owner's orders and answers.
const (
	fdOrders = 3 + iota
	fdAnswers
)

// Enter is for the first line of TestMain: in a process that [StartOwner] or an
// owner started it does what that is for and does not return.
func Enter() {
	if os.Args[0] == cell.RunnerName {
		os.Exit(cell.RunnerMain())
	}
	if os.Getenv(ownerVariable) == "" {
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "hostile: owner:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve carries out orders, one at a time, until there are none.
func serve() error {
	runtime.LockOSThread() // a runner dies with the thread that started it
	for fd := fdOrders; fd <= fdAnswers; fd++ {
		unix.CloseOnExec(fd)
	}
	orders := json.NewDecoder(os.NewFile(fdOrders, "orders"))
	answers := json.NewEncoder(os.NewFile(fdAnswers, "answers"))
	for {
		var o Order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := carryOut(o)
		if err != nil {
			return err
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

// carryOut runs a guest whose standard streams are this process's.
func carryOut(o Order) (a Answer, err error) {
	before := runtime.NumGoroutine()
	var streams [2]chan Stream
	for i := range streams {
		if streams[i], err = capture(1 + i); err != nil {
			return a, err
		}
	}
	report, err := cell.Run(context.Background(), o.spec())
	if err != nil {
		a.Err = err.Error()
	}
	a.Report = report
	for i := range streams {
		if err := discard(1 + i); err != nil {
			return a, err
		}
	}
	a.Stdout, a.Stderr = <-streams[0], <-streams[1]
	// What served the guest ends on its own time.
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if a.Left = left(); a.Left.Goroutines <= before && len(a.Left.Children) == 0 || time.Now().After(deadline) {
			return a, nil
		}
	}
}

// patience is for what must come soon and may be kept waiting by others.
const patience = 20 * time.Second

// capture makes a descriptor a pipe and gives what comes out of it when nobody
// holds it any more.
func capture(fd int) (chan Stream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := unix.Dup3(int(w.Fd()), fd, 0); err != nil {
		return nil, err
	}
	all := make(chan Stream, 1)
	go func() {
		defer r.Close()
		var s Stream
		var start strings.Builder
		s.Bytes, _ = io.Copy(&start, io.LimitReader(r, maxStart)) // the end of a pipe is no error
		rest, _ := io.Copy(io.Discard, r)
		s.Start, s.Bytes = start.String(), s.Bytes+rest
		all <- s
	}()
	return all, nil
}

// discard takes a descriptor from the pipe, which ends it.
func discard(fd int) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	return unix.Dup3(int(null.Fd()), fd, 0)
}

// left counts what this process holds.
func left() (l Left) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.Heap, l.Goroutines = m.HeapAlloc, runtime.NumGoroutine()
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		l.Descriptors = len(entries)
	}
	tasks, _ := os.ReadDir("/proc/self/task") // no tasks, no children: a machine without /proc runs no cell
	for _, t := range tasks {
		text, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children") // a thread that is gone has none
		l.Children = append(l.Children, strings.Fields(string(text))...)
	}
	return l
}

// An Owner is another process that runs guests.
type Owner struct {
	cmd     *exec.Cmd
	orders  *json.Encoder
	answers *json.Decoder
	ends    []*os.File
}

// StartOwner starts this program again as an owner. Its TestMain must call
// [Enter] first.
func StartOwner() (*Owner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	theirs, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	answers, out, err := os.Pipe()
	if err != nil {
		orders.Close()
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), ownerVariable+"=1")
	cmd.Stderr = os.Stderr // until its first run
	cmd.ExtraFiles = []*os.File{theirs, out}
	if err := cmd.Start(); err != nil {
		orders.Close()
		answers.Close()
		return nil, err
	}
	return &Owner{cmd, json.NewEncoder(orders), json.NewDecoder(answers), []*os.File{orders, answers}}, nil
}

// Run carries out one order. An error means that the owner itself is gone.
func (o *Owner) Run(order Order) (a Answer, err error) {
	if err := o.orders.Encode(order); err != nil {
		return a, fmt.Errorf("hostile: the owner takes no order: %w", err)
	}
	if err := o.answers.Decode(&a); err != nil {
		return a, fmt.Errorf("hostile: the owner gives no answer: %w", err)
	}
	return a, nil
}

// PID is the owner's process.
func (o *Owner) PID() int { return o.cmd.Process.Pid }

// Close ends the owner.
func (o *Owner) Close() error {
	for _, f := range o.ends {
		f.Close()
	}
	timer := time.AfterFunc(time.Minute, func() { _ = o.cmd.Process.Kill() })
	defer timer.Stop()
	return o.cmd.Wait()
}
