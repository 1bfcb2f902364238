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

// stopped acts upon a stop of the runner. Without a terminal, and for other
// signals than a terminal's, it is somebody's wish: who stopped the runner
// continues it, or its limits end it. Our own process group, which others are
// in, is stopped only for the two reasons that a terminal has.
func (o *owner) stopped() {
	sig := stopOf(o.pid)
	switch fg := foreground(); {
	case sig == unix.SIGTSTP && fg == o.pid: // Ctrl-Z: the shell shall see its job stop
		o.takeTerminal()
		suspend()
		o.giveTerminal()
	case sig == unix.SIGTTIN || sig == unix.SIGTTOU:
		if fg != 0 && fg != o.pid && fg != unix.Getpgrp() {
			suspend() // a job in the background waits for the shell's fg
		}
		o.giveTerminal() // or the runner stops again, and comes here again
	default:
		return
	}
	o.signalRunner(unix.SIGCONT)
}

// suspend stops our process group until somebody continues it, by the one
// signal for that which nobody here catches. The kernel ignores it where nobody
// could continue us (POSIX.1-2024, XSH 2.4.3: an orphaned group); then the
// wait keeps the caller's loop slow.
func suspend() {
	_ = unix.Kill(0, unix.SIGTTIN)
	time.Sleep(50 * time.Millisecond) // the signal may reach another thread first
}

// hearStops asks for word of children, and gives one at once, in case that the
// runner has stopped already. Without a terminal nobody would act on it.
func (o *owner) hearStops() chan os.Signal {
	stops := make(chan os.Signal, 1)
	if o.terminal {
		signal.Notify(stops, unix.SIGCHLD)
		stops <- unix.SIGCHLD
	}
	return stops
}

// hearCtrlZ asks for the SIGTSTP of a terminal that is ours.
func (o *owner) hearCtrlZ() {
	o.ctrlZ = make(chan os.Signal, 1)
	if o.terminal && !signal.Ignored(unix.SIGTSTP) {
		signal.Notify(o.ctrlZ, unix.SIGTSTP)
	}
}

// pause stops the runner with us, and lets it go on with us.
func (o *owner) pause() {
	o.signalRunner(unix.SIGSTOP)
	suspend()
	o.signalRunner(unix.SIGCONT)
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

// giveTerminal hands the terminal to the runner if we have it.
func (o *owner) giveTerminal() {
	if foreground() == unix.Getpgrp() {
		_ = unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, o.pid)
	}
}

// takeTerminal takes the terminal back from the runner if it has it. The
// caller ignores SIGTTOU, or it would stop.
func (o *owner) takeTerminal() {
	if o.terminal && o.pid != 0 && foreground() == o.pid {
		_ = unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, unix.Getpgrp())
	}
}

// hearTerminal passes the terminal's signals on to the payload, from now on.
func (r *runner) hearTerminal() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	go func() {
		for s := range signals {
			if n, ok := s.(syscall.Signal); ok {
				r.signal(int(n))
			}
		}
	}()
}
