package cell

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostileRunner does what the name of its program says, if that is a name of
// hostileProgram: a runner that a guest has taken over.
func hostileRunner() {
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fdProgram))
	if err != nil {
		return
	}
	switch filepath.Base(path) {
	case "talks-to-the-terminal":
		_ = writeMessage(blocking(fdControl, "control"), &result{Broken: strings.Repeat("\x1b[2J\n", 1000)})
		os.Exit(0)
	case "talks-without-end":
		_ = writeMessage(blocking(fdControl, "control"), &result{Broken: strings.Repeat("x", 1<<20)})
		os.Exit(0)
	case "leaves-a-child":
		leaveChild(path, &syscall.SysProcAttr{})
	case "leaves-a-child-elsewhere":
		leaveChild(path, &syscall.SysProcAttr{Setsid: true})
	}
}

// leaveChild dies, and leaves its sockets to a child.
func leaveChild(path string, how *syscall.SysProcAttr) {
	cmd := exec.Command("/bin/sleep", "60")
	cmd.ExtraFiles = []*os.File{os.NewFile(fdControl, "control"), os.NewFile(fdWorld, "world")}
	cmd.SysProcAttr = how
	err := cmd.Start()
	if err == nil {
		err = os.WriteFile(path+".child", fmt.Append(nil, cmd.Process.Pid), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

func hostileProgram(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("any"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// A runner that dies and leaves its sockets to another process keeps nobody
// waiting, and what is still in its process group dies with it.
func TestRunEndsWithItsRunner(t *testing.T) {
	for _, c := range []struct {
		name  string
		alive bool // whether the child escapes; keeping it is what the jail is for
	}{{"leaves-a-child", false}, {"leaves-a-child-elsewhere", true}} {
		t.Run(c.name, func(t *testing.T) {
			path := hostileProgram(t, c.name)
			done := make(chan *Report, 1)
			go func() {
				runtime.LockOSThread() // not unlocked: see run
				r, _ := Run(context.Background(), Spec{Program: path})
				done <- r
			}()
			var child int
			defer func() {
				if child > 0 {
					_ = unix.Kill(child, unix.SIGKILL)
				}
			}()
			var r *Report
			select {
			case r = <-done:
			case <-time.After(10 * time.Second):
			}
			text, err := os.ReadFile(path + ".child")
			if _, err2 := fmt.Sscan(string(text), &child); err != nil || err2 != nil {
				t.Fatalf("there was no child: %v, %v", err, err2)
			}
			if r == nil {
				t.Fatal("the owner still waits after its runner's death")
			}
			if r.Ended.Cause != causeRunnerDied || r.Digest == "" {
				t.Errorf("got %+v, want that the runner died", r)
			}
			checkReport(t, r)
			// SIGKILL was sent; dying takes its time on a busy machine.
			for until := time.Now().Add(10 * time.Second); !c.alive && running(child) && time.Now().Before(until); {
				time.Sleep(time.Millisecond)
			}
			if alive := running(child); alive != c.alive {
				t.Errorf("the child runs: %v, want %v", alive, c.alive)
			}
			stacks := make([]byte, 1<<20)
			if stacks = stacks[:runtime.Stack(stacks, true)]; strings.Contains(string(stacks), "world.(*Server).Serve") {
				t.Errorf("the world is still served on a descriptor that is closed:\n%s", stacks)
			}
		})
	}
}

// What a runner says comes to the caller as a short text that prints.
func TestRunSaysWhatItsRunnerSaid(t *testing.T) {
	for _, c := range []struct {
		name  string
		cause cause
	}{{"talks-to-the-terminal", causeBroken}, {"talks-without-end", causeRunnerDied}} {
		t.Run(c.name, func(t *testing.T) {
			r, err := run(t, context.Background(), Spec{Program: hostileProgram(t, c.name)})
			if Status(err) != StatusFailure || r.Ended.Cause != c.cause {
				t.Fatalf("got %v and %+v, want cause %s", err, r.Ended, c.cause)
			}
			if text := err.Error(); len(text) > 600 || strings.ContainsAny(text, "\x1b\n") || r.Ended.Message != text {
				t.Errorf("it says %q, and in the report %q", text, r.Ended.Message)
			}
		})
	}
}

// running says whether a process has not ended (proc_pid_stat(5)).
func running(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, found := strings.Cut(string(text), ") ")
	return err == nil && found && after[0] != 'Z' && after[0] != 'X'
}
