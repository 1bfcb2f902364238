// Command guest is the first process of the machine that package hwkvm boots:
// it mounts the kernel's file systems, loads the modules, runs the jobs of the
// plan one after another, sends what they print, and switches the machine off.
//
// It is nothing to start elsewhere: as any other process it refuses.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/internal/hwkvm"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is the first process of a test machine (package hwkvm); it does nothing elsewhere")
		os.Exit(2)
	}
	err := work()
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
	}
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintln(os.Stderr, "guest: power off:", err)
	}
	os.Exit(1) // the kernel panics, and the emulator ends
}

func work() error {
	if err := mount(); err != nil {
		return err
	}
	plan, err := read()
	if err != nil {
		return err
	}
	for _, m := range plan.Modules {
		if err := load(m); err != nil {
			return err
		}
	}
	port, err := open(hwkvm.DataPort)
	if err != nil {
		return err
	}
	s := &sender{port: port}
	for i, j := range plan.Jobs {
		s.send(run(s, i, j))
	}
	s.send(hwkvm.Message{Job: hwkvm.OfMachine, Ended: true})
	// The other side ends the machine when it has that; this is for one that
	// is gone.
	time.Sleep(10 * time.Second)
	return s.err
}

func read() (plan hwkvm.Plan, err error) {
	text, err := os.ReadFile(hwkvm.PlanPath)
	if err != nil {
		return plan, err
	}
	if err := json.Unmarshal(text, &plan); err != nil {
		return plan, fmt.Errorf("%s: %w", hwkvm.PlanPath, err)
	}
	return plan, nil
}

// mount mounts what the kernel shows. The root is a tmpfs already, with the
// programs in it (Linux: Documentation/filesystems/ramfs-rootfs-initramfs.rst).
func mount() error {
	for _, m := range []struct{ kind, to string }{
		{"devtmpfs", "/dev"},
		{"proc", "/proc"},
		{"sysfs", "/sys"},
	} {
		if err := unix.Mount(m.kind, m.to, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.to, err)
		}
	}
	return nil
}

func load(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
		return fmt.Errorf("load %s: %w", path, err)
	}
	return nil
}

// open opens a serial port that passes bytes as they are.
func open(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err == nil {
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
		err = unix.IoctlSetTermios(fd, unix.TCSETS, t)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// A sender writes messages. It is for several goroutines.
type sender struct {
	mu   sync.Mutex
	port io.Writer
	err  error // the first failure
}

func (s *sender) send(m hwkvm.Message) {
	text, err := json.Marshal(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		_, err = s.port.Write(append(text, '\n'))
	}
	if s.err == nil {
		s.err = err
	}
}
