package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/cell"
)

// patience is how long anything may take that is waited for.
const patience = 20 * time.Second

// running is a run whose payload has said that it is ready.
type running struct {
	cmd    *exec.Cmd
	report string
	stderr *bufio.Reader
	runner int
	t      *testing.T
}

// start starts a payload and waits until it is ready. Its standard output is
// a pipe that nobody reads.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{t: t, report: filepath.Join(t.TempDir(), "report.json")}
	r.cmd = command(t, slices.Concat([]string{"run", "--report", r.report}, args)...)
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
	})
	r.stderr = bufio.NewReader(stderr)
	if line, err := r.stderr.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the payload said %q (%v) instead of ready", line, err)
	}
	r.runner = runnerOf(t, r.cmd.Process.Pid)
	return r
}

// runnerOf finds the runner of a spaceos process.
func runnerOf(t *testing.T, owner int) int {
	t.Helper()
	for _, p := range processes(t) {
		if p.parent == owner {
			return p.pid
		}
	}
	t.Fatalf("process %d has no runner", owner)
	return 0
}

func (r *running) send(sig syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for the end.
func (r *running) end() outcome {
	r.t.Helper()
	timer := time.AfterFunc(patience, func() { _ = r.cmd.Process.Kill() })
	defer timer.Stop()
	rest, _ := io.ReadAll(r.stderr)
	_ = r.cmd.Wait() // the status says it
	return outcome{status: status(r.cmd), stderr: string(rest)}
}

func TestFirstSignalGoesToThePayload(t *testing.T) {
	for _, c := range []struct {
		name   string
		sig    syscall.Signal
		how    string
		status int
		stderr string
	}{
		{"SIGTERM, asleep", syscall.SIGTERM, "sleep", 143, "spaceos: the program died by SIGTERM\n"},
		{"SIGTERM, spinning", syscall.SIGTERM, "spin", 143, "spaceos: the program died by SIGTERM\n"},
		{"SIGTERM, blocked in a write", syscall.SIGTERM, "write", 143, "spaceos: the program died by SIGTERM\n"},
		{"SIGTERM, blocked in a read", syscall.SIGTERM, "read", 143, "spaceos: the program died by SIGTERM\n"},
		{"SIGINT, asleep", syscall.SIGINT, "sleep", 130, "spaceos: the program died by SIGINT\n"},
		{"SIGINT, spinning", syscall.SIGINT, "spin", 130, "spaceos: the program died by SIGINT\n"},
		{"SIGHUP, asleep", syscall.SIGHUP, "sleep", 129, "spaceos: the program died by SIGHUP\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, guest("ends"), c.how)
			r.send(c.sig)
			if o := r.end(); o.status != c.status || o.stderr != c.stderr {
				t.Errorf("%v\nwant status %d and %q", o, c.status, c.stderr)
			}
			if rep := report(t, r.report); rep.Ended.Cause != "signal" || rep.Ended.Signal != int(c.sig) {
				t.Errorf("the report says %+v", rep.Ended)
			}
		})
	}
}

func TestFirstSignalReachesAHandler(t *testing.T) {
	for _, how := range []string{"sleep", "spin", "write", "read"} {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(how+" "+unix.SignalName(sig), func(t *testing.T) {
				t.Parallel()
				r := start(t, guest("ends"), "tidy", how)
				r.send(sig)
				want := fmt.Sprintf("tidied up after %02d\n", int(sig))
				if o := r.end(); o.status != 7 || o.stderr != want {
					t.Errorf("%v\nwant status 7 and %q", o, want)
				}
				if rep := report(t, r.report); rep.Ended.Cause != "exited" || rep.Ended.Status != 7 {
					t.Errorf("the report says %+v", rep.Ended)
				}
			})
		}
	}
}

func TestSecondSignalKills(t *testing.T) {
	for _, how := range []string{"sleep", "spin", "write", "read"} {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(how+" "+unix.SignalName(sig), func(t *testing.T) {
				t.Parallel()
				r := start(t, guest("ends"), "ignore", how)
				r.send(sig)
				// It goes on: nothing can be waited for but time.
				time.Sleep(100 * time.Millisecond)
				if exited(t, r.runner, 0) {
					t.Fatalf("a payload that ignores %v died by the first", sig)
				}
				// Signals of a kind that come close together may be one: say it again
				// until it is heard.
				for !exited(t, r.runner, 200*time.Millisecond) {
					_ = r.cmd.Process.Signal(sig)
				}
				if o := r.end(); o.status != 137 || o.stderr != "spaceos: the program was killed by the second signal\n" {
					t.Errorf("%v\nwant status 137 and a sentence", o)
				}
				if rep := report(t, r.report); rep.Ended.Cause != "killed" || rep.Ended.Status != 137 {
					t.Errorf("the report says %+v", rep.Ended)
				}
			})
		}
	}
}

// exited says whether a process ends within a time.
func exited(t *testing.T, pid int, within time.Duration) bool {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	deadline := time.Now().Add(within)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(0, time.Until(deadline)).Milliseconds()))
		if err != unix.EINTR {
			return n > 0
		}
	}
}

func TestRunnerShowsItsName(t *testing.T) {
	t.Parallel()
	r := start(t, guest("ends"), "sleep")
	for _, p := range processes(t) {
		if p.pid == r.runner && p.name != cell.RunnerName {
			t.Errorf("the runner %d shows as %q, want %q", p.pid, p.name, cell.RunnerName)
		}
	}
	r.send(syscall.SIGTERM)
	r.end()
}

func TestRunnerHasAProcessGroupOfItsOwn(t *testing.T) {
	t.Parallel()
	r := start(t, guest("ends"), "sleep")
	for _, p := range processes(t) {
		if p.pid == r.runner && p.group != p.pid {
			t.Errorf("the runner %d is in process group %d", p.pid, p.group)
		}
	}
	r.send(syscall.SIGTERM)
	r.end()
}

// The runner is dead within 100 ms of the owner's death, whatever it does. One
// of three tries must hold that: others use this machine too.
func TestRunnerDiesWithItsOwner(t *testing.T) {
	for _, how := range []string{"sleep", "spin", "write", "read", "stopped", "deaf"} {
		t.Run(how, func(t *testing.T) {
			const tries = 3
			for try := range tries {
				r := start(t, guest("ends"), how)
				if how == "deaf" { // even one that is not told
					holdSockets(t, r.cmd.Process.Pid)
				}
				if how == "stopped" { // even one that cannot act
					if err := unix.Kill(r.runner, unix.SIGSTOP); err != nil {
						t.Fatal(err)
					}
				}
				r.send(syscall.SIGKILL)
				prompt := exited(t, r.runner, 100*time.Millisecond)
				if !prompt && !exited(t, r.runner, patience) {
					t.Fatalf("the runner outlives its owner")
				}
				r.end()
				if names := listing(t, filepath.Dir(r.report)); len(names) != 0 {
					t.Errorf("left where the report would be: %v", names)
				}
				if prompt {
					return
				}
				t.Logf("try %d: the runner took more than 100 ms", try)
			}
			t.Errorf("the runner took more than 100 ms in each of %d tries", tries)
		})
	}
}

// holdSockets keeps the sockets of a process open until the test ends: whoever
// is at their other ends does not learn that the process has died.
func holdSockets(t *testing.T, pid int) {
	t.Helper()
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(process)
	dir, held := fmt.Sprintf("/proc/%d/fd", pid), 0
	for _, name := range listing(t, dir) {
		if to, err := os.Readlink(filepath.Join(dir, name)); err != nil || !strings.HasPrefix(to, "socket:") {
			continue
		}
		number, err := strconv.Atoi(name)
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdGetfd(process, number, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		held++
	}
	if held < 2 {
		t.Fatalf("process %d has %d sockets, want two or more: the runner's orders and the world", pid, held)
	}
}

func TestOwnerSurvivesItsRunner(t *testing.T) {
	for _, c := range []struct {
		name, how string
		sig       syscall.Signal
		stderr    string
	}{
		{"killed while it sleeps", "sleep", syscall.SIGKILL, "killed by SIGKILL"},
		{"killed while it spins", "spin", syscall.SIGKILL, "killed by SIGKILL"},
		{"killed in a call", "write", syscall.SIGKILL, "killed by SIGKILL"},
		{"a crash", "sleep", syscall.SIGSEGV, "exit status 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			r := start(t, "--out", out, guest("ends"), c.how)
			if err := unix.Kill(r.runner, c.sig); err != nil {
				t.Fatal(err)
			}
			o := r.end()
			lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
			want := "spaceos: the cell's runner died (" + c.stderr + "): the payload's results are incomplete; please report this"
			if o.status != 125 || lines[len(lines)-1] != want {
				t.Errorf("%v\nwant status 125 and %q", o, want)
			}
			rep := report(t, r.report)
			if rep.Ended.Cause != "runner-died" || rep.Ended.Status != 125 || rep.Time.Wall == 0 || rep.Program != "/app/ends" || rep.Digest == "" {
				t.Errorf("the report says %+v", rep)
			}
			if names := listing(t, filepath.Dir(r.report)); len(names) != 1 {
				t.Errorf("left beside the report: %v", names)
			}
			if names := listing(t, out); len(names) != 0 {
				t.Errorf("left in the output folder: %v", names)
			}
		})
	}
}

// A runner that does not even obey is killed at its time limit.
func TestTimeoutOfAStoppedRunner(t *testing.T) {
	for _, how := range []string{"sleep", "spin"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := start(t, "--timeout=1s", guest("ends"), how)
			if err := unix.Kill(r.runner, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			if o := r.end(); o.status != cell.StatusTimeout {
				t.Errorf("%v\nwant status 124", o)
			}
			if rep := report(t, r.report); rep.Ended.Cause != "timeout" {
				t.Errorf("the report says %+v", rep.Ended)
			}
		})
	}
}

// A signal to the runner stops nobody else: not the owner, not the shell.
func TestStopOfTheRunnerIsItsOwn(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGSTOP} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			// With job control, since a shell could then continue its job.
			cmd := shell(t, `set -m; { spaceos run --timeout=1s "$1" sleep; echo "status $?"; } </dev/null 2>&1 & wait -f $!`, guest("ends"))
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(patience, func() { killSession(t, cmd.Process.Pid) })
			defer timer.Stop()
			said := bufio.NewReader(stdout)
			if line, err := said.ReadString('\n'); line != "ready\n" {
				t.Fatalf("the payload said %q (%v) instead of ready", line, err)
			}
			if err := unix.Kill(runnerIn(t, cmd.Process.Pid), sig); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(said)
			_ = cmd.Wait() // what was said tells it
			if !strings.HasSuffix(string(rest), "\nstatus 124\n") {
				t.Errorf("said %q, want status 124 at the end", rest)
			}
		})
	}
}

// runnerIn finds the runner in a session that has one.
func runnerIn(t *testing.T, session int) int {
	t.Helper()
	list := processes(t)
	for _, p := range list {
		for _, parent := range list {
			if p.session == session && p.pid == p.group && p.parent == parent.pid && parent.name == "spaceos" {
				return p.pid
			}
		}
	}
	t.Fatalf("session %d has no runner", session)
	return 0
}

func killSession(t *testing.T, session int) {
	for _, p := range processes(t) {
		if p.session == session {
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
	}
}

// A stop is no end: who is continued goes on.
func TestStopAndContinue(t *testing.T) {
	t.Parallel()
	r := start(t, guest("ends"), "sleep")
	for _, sig := range []unix.Signal{unix.SIGSTOP, unix.SIGCONT} {
		if err := unix.Kill(r.runner, sig); err != nil {
			t.Fatal(err)
		}
	}
	r.send(syscall.SIGTERM)
	if o := r.end(); o.status != 143 {
		t.Errorf("%v\nwant status 143", o)
	}
}
