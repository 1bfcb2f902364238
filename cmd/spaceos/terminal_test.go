package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is the far end of a terminal in which a shell runs.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	lines  chan string // what is shown, as it comes
	seen   string      // and what of it expect has not passed yet
	all    string
}

// newTerminal runs bash in a terminal of its own, with spaceos in its path and
// the guests' folder in $G.
func newTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, master: master, lines: make(chan string, 100)}
	x.cmd = isolate(t, exec.Command("bash", append([]string{"--norc", "--noprofile"}, args...)...))
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.SysProcAttr.Setctty = true
	x.cmd.Env = append(x.cmd.Env, "G="+public, "PS1=$ ", "TERM=dumb")
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	go x.read()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		_ = x.cmd.Wait()
		master.Close()
	})
	return x
}

func (x *terminal) read() {
	defer close(x.lines)
	for {
		buf := make([]byte, 4096)
		n, err := x.master.Read(buf)
		if err != nil {
			return
		}
		x.lines <- string(buf[:n])
	}
}

// expect waits for a text to be shown.
func (x *terminal) expect(text string) {
	x.t.Helper()
	timeout := time.After(patience)
	for {
		if _, after, found := strings.Cut(x.seen, text); found {
			x.seen = after
			return
		}
		select {
		case s, ok := <-x.lines:
			if !ok {
				x.t.Fatalf("the terminal closed before %q; it showed:\n%s", text, x.all)
			}
			s = strings.ReplaceAll(s, "\r", "")
			x.seen, x.all = x.seen+s, x.all+s
		case <-timeout:
			x.t.Fatalf("%q did not come; the terminal showed:\n%s", text, x.all)
		}
	}
}

func (x *terminal) type_(text string) {
	x.t.Helper()
	if _, err := x.master.Write([]byte(text)); err != nil {
		x.t.Fatal(err)
	}
}

const (
	ctrlC     = "\x03"
	ctrlD     = "\x04"
	ctrlZ     = "\x1a"
	ctrlSlash = "\x1c"
)

func TestTerminalIsReadByThePayload(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-c", `stty -echo; spaceos run $G/streams cat; echo status $?; read line; echo "the shell reads $line"`)
	for _, word := range []string{"first", "second"} {
		x.type_(word + "\n")
		x.expect(word + "\n")
	}
	x.type_(ctrlD)
	x.expect("status 0")
	// The shell could not read if it were not in the foreground again.
	x.type_("again\n")
	x.expect("the shell reads again")
}

func TestCtrlCReachesThePayload(t *testing.T) {
	for _, c := range []struct {
		name, how, key, end string
	}{
		{"Ctrl-C while it sleeps", "sleep", ctrlC, "the program died by SIGINT\nstatus 130"},
		{"Ctrl-C while it spins", "spin", ctrlC, "the program died by SIGINT\nstatus 130"},
		{"Ctrl-C while it reads", "read", ctrlC, "the program died by SIGINT\nstatus 130"},
		{"Ctrl-\\ while it reads", "read", ctrlSlash, "the program died by SIGQUIT\nstatus 131"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := newTerminal(t, "-c", `trap '' QUIT; trap : INT; spaceos run $G/ends `+c.how+`; echo status $?; read line; echo "the shell reads $line"`)
			x.expect("ready")
			if c.how == "read" {
				x.type_("to be read\n")
				x.awaitRunner()
			}
			x.type_(c.key)
			x.expect(c.end)
			x.type_("again\n")
			x.expect("the shell reads again")
		})
	}
}

// awaitRunner waits until the terminal belongs to a runner: its library OS
// waits for input first, so that is when it reads.
func (x *terminal) awaitRunner() {
	x.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		pgrp, err := unix.IoctlGetInt(int(x.master.Fd()), unix.TIOCGPGRP)
		if err != nil {
			x.t.Fatal(err)
		}
		for _, p := range processes(x.t) {
			if p.pid == pgrp && p.parent != x.cmd.Process.Pid && pgrp != x.cmd.Process.Pid {
				return
			}
		}
	}
	x.t.Fatal("the terminal did not change hands")
}

func TestSecondCtrlCKills(t *testing.T) {
	for _, how := range []string{"sleep", "read"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			x := newTerminal(t, "-c", `trap : INT; spaceos run $G/ends ignore `+how+`; echo status $?`)
			x.expect("ready")
			if how == "read" {
				x.type_("to be read\n")
				x.awaitRunner()
			}
			x.type_(ctrlC)
			x.expect("^C")
			time.Sleep(100 * time.Millisecond) // it goes on: nothing can be waited for but time
			x.type_(ctrlC)
			x.expect("status 137")
		})
	}
}

// A payload that does not read leaves the terminal to the rest of its
// pipeline.
func TestTerminalStaysWithThePipeline(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-c", `stty -echo; trap : INT; spaceos run $G/ends sleep 2>&1 | { read ready; read line </dev/tty; echo "the pager reads $line"; }; echo over`)
	x.type_("a key\n")
	x.expect("the pager reads a key")
	x.type_(ctrlC)
	x.expect("over")
}

// Job control: a run in the background reads when fg gives it the terminal,
// stops with Ctrl-Z, and goes on with fg.
func TestJobControl(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.expect("$ ")
	x.type_("stty -echo; spaceos run $G/streams cat &\n")
	x.expect("[1]")
	x.type_("fg\n")
	x.expect("spaceos run")
	x.type_("\n")
	x.awaitRunner()
	x.type_("hello\n")
	x.expect("hello\n")
	x.type_(ctrlZ)
	x.expect("Stopped")
	x.type_("echo the shell reads on\n")
	x.expect("the shell reads on")
	x.type_("fg\n")
	x.expect("spaceos run")
	x.type_("world\n")
	x.expect("world\n")
	x.type_(ctrlD)
	x.expect("$ ")
	x.type_("echo status $?; exit\n")
	x.expect("status 0")
}

// Ctrl-Z stops a payload that never reads, too.
func TestCtrlZStopsThePayload(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.expect("$ ")
	x.type_("stty -echo; spaceos run $G/ends spin\n")
	x.expect("ready")
	x.type_(ctrlZ)
	x.expect("Stopped")
	for _, p := range processes(t) {
		if p.session == x.cmd.Process.Pid && p.pid == p.group && p.parent != x.cmd.Process.Pid && p.pid != x.cmd.Process.Pid && p.state != "T" {
			t.Errorf("the shell's job is stopped, but process %d (%s) is in state %s", p.pid, p.name, p.state)
		}
	}
	x.type_("fg\n")
	x.expect("spaceos run")
	x.awaitRunning()
	x.type_(ctrlC)
	x.expect("the program died by SIGINT")
	x.type_("echo status $?; exit\n")
	x.expect("status 130")
}

// awaitRunning waits until no process of the session is stopped.
func (x *terminal) awaitRunning() {
	x.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		stopped := false
		for _, p := range processes(x.t) {
			stopped = stopped || p.session == x.cmd.Process.Pid && p.state == "T"
		}
		if !stopped {
			return
		}
	}
	x.t.Fatalf("a process is still stopped; the terminal showed:\n%s", x.all)
}

// A run in the background that ends does not take the terminal.
func TestBackgroundRunLeavesTheTerminalAlone(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.expect("$ ")
	x.type_("stty -echo; spaceos run $G/ends exit 3 & wait $!; echo status $?; read line; echo \"read $line\"\n")
	x.expect("status 3")
	x.type_("word\n")
	x.expect("read word")
	x.type_("exit\n")
}

// With a terminal, too, a signal to the runner alone is not the terminal's
// Ctrl-Z.
func TestStopOfTheRunnerInTheBackground(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.expect("$ ")
	x.type_("stty -echo; spaceos run --timeout=2s $G/ends spin & wait -f $!; echo status $?\n")
	x.expect("ready")
	if err := unix.Kill(runnerIn(t, x.cmd.Process.Pid), unix.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	x.expect("status 124")
	x.type_("exit\n")
}

// A job in the background that nobody can continue reads in vain, until its
// limit: the kernel does not stop it (POSIX.1-2024, XSH 2.4.3).
func TestTimeoutOfAnOrphanThatReads(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.expect("$ ")
	x.type_("stty -echo; ( { spaceos run --timeout=1s $G/streams cat <&3; echo status $?; } & ) 3<&0\n")
	x.expect("status 124")
	x.type_("exit\n")
}
