package cell

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The runner's process group is not ours, so a terminal on standard input
// would stop it when the payload reads (SIGTTIN). The owner acts as a shell
// does for its jobs: it hands the terminal over at the first read, and not
// before, since others in our own group may read from the terminal too
// (spaceos run ... | less). From then on what is typed goes to the runner,
// the signals of Ctrl-C and Ctrl-\ among it.

// stopped acts upon a runner that was stopped by the terminal; any other stop
// is somebody's wish.
func (o *owner) stopped(sig unix.Signal) {
	if sig != unix.SIGTTIN && sig != unix.SIGTTOU && sig != unix.SIGTSTP {
		return
	}
	o.takeTerminal()
	if sig == unix.SIGTSTP {
		suspend(sig) // Ctrl-Z: the shell shall see its job stop
	}
	for sig != unix.SIGTSTP && foreground() != 0 && foreground() != unix.Getpgrp() {
		suspend(sig) // a job in the background waits for the shell's fg
	}
	if foreground() == unix.Getpgrp() {
		_ = unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, o.pid)
	}
	_ = unix.Kill(-o.pid, unix.SIGCONT) // not reaped yet: the group is the runner's
}

// suspend stops our process group until somebody continues it. The kernel
// ignores it where nobody could (POSIX.1-2024, XBD 11.1.4: an orphaned group);
// then the wait keeps the caller's loop slow.
func suspend(sig unix.Signal) {
	_ = unix.Kill(0, sig)
	time.Sleep(50 * time.Millisecond) // the signal may reach another thread first
}

// foreground is the process group that the terminal on standard input belongs
// to, 0 if there is none.
func foreground() int {
	pgrp, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return pgrp
}

// takeTerminal takes the terminal back from the runner if it has it. The
// caller ignores SIGTTOU, or it would stop.
func (o *owner) takeTerminal() {
	if o.pid != 0 && foreground() == o.pid {
		_ = unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, unix.Getpgrp())
	}
}

// hearTerminal passes the terminal's signals on to the payload.
func (r *runner) hearTerminal() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	for s := range signals {
		if n, ok := s.(syscall.Signal); ok {
			r.signal(int(n))
		}
	}
}
