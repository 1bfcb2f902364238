package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/internal/cli"
	"spaceos/trust/repository"
)

// A terminal is what a person has who types at the program.
type terminal struct {
	t             *testing.T
	master, slave *os.File
	shown         chan string // all that is shown, in pieces
	seen          string
}

func newTerminal(t *testing.T) *terminal {
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
	x := &terminal{t: t, master: master, slave: slave, shown: make(chan string, 1000)}
	go func() {
		defer close(x.shown)
		for buf := make([]byte, 1024); ; {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			x.shown <- string(buf[:n])
		}
	}()
	t.Cleanup(func() { slave.Close(); master.Close() })
	return x
}

// start runs the program in the terminal, in a folder.
func (x *terminal) start(dir string, args ...string) *exec.Cmd {
	x.t.Helper()
	cmd := exec.Command(cli.GroundProgram, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, x.slave, x.slave, x.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// expect waits until a text is shown.
func (x *terminal) expect(text string) {
	x.t.Helper()
	deadline := time.After(time.Minute)
	for !strings.Contains(x.seen, text) {
		select {
		case piece := <-x.shown:
			x.seen += piece
		case <-deadline:
			x.t.Fatalf("the terminal shows %q; want %q", x.seen, text)
		}
	}
}

func (x *terminal) answer(prompt, text string) {
	x.t.Helper()
	x.expect(prompt)
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) echoes() bool {
	x.t.Helper()
	set, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return set.Lflag&unix.ECHO != 0
}

// TestPassphraseIsTypedUnseen makes a key at a terminal and signs with it.
func TestPassphraseIsTypedUnseen(t *testing.T) {
	dir := t.TempDir()
	x := newTerminal(t)
	cmd := x.start(dir, "trust", "key", "acme")
	x.answer("New passphrase of acme.key (8 bytes or more): ", "correct horse\n")
	x.answer("Once more: ", "correct horse\n")
	x.expect("made key ")
	if err := cmd.Wait(); err != nil || strings.Contains(x.seen, "horse") || !x.echoes() {
		t.Fatalf("%v; the terminal shows %q, echo %v; want success, no passphrase, and echo again", err, x.seen, x.echoes())
	}
	x = newTerminal(t)
	cmd = x.start(dir, "trust", "key", "other")
	x.answer("New passphrase", "correct horse\n")
	x.answer("Once more: ", "correct house\n")
	x.expect("the two passphrases differ; nothing was made")
	if err := cmd.Wait(); err == nil {
		t.Error("two passphrases that differ make a key")
	}
	if made, _ := filepath.Glob(filepath.Join(dir, "other*")); len(made) > 0 {
		t.Errorf("%v was made", made)
	}
}

// TestInterruptedPassphraseRestoresTheTerminal types ^C at the question.
func TestInterruptedPassphraseRestoresTheTerminal(t *testing.T) {
	x := newTerminal(t)
	cmd := x.start(t.TempDir(), "trust", "key", "acme")
	x.expect("New passphrase")
	if x.echoes() {
		t.Fatal("the terminal shows what is typed")
	}
	x.answer("", "secr\x03")
	err := cmd.Wait()
	if cmd.ProcessState.ExitCode() != 130 || !x.echoes() {
		t.Fatalf("interrupted: %v, echo %v; want status 130 and echo again", err, x.echoes())
	}
}

// TestEachKeyIsAskedFor publishes with two keys that have two passphrases, and
// then types a wrong one.
func TestEachKeyIsAskedFor(t *testing.T) {
	dir := t.TempDir()
	roles := repository.Roles{}
	var keys []*repository.Key
	for _, name := range repository.TopRoles() {
		key, err := repository.NewKey()
		if err == nil {
			err = key.Save(filepath.Join(dir, name+".key"), []byte("passphrase of "+name), repository.Protection{WorkFactor: 4})
		}
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		roles[name] = repository.RoleKeys{Keys: []repository.PublicKey{key.Public()}, Threshold: 1}
	}
	if _, _, err := repository.Init(filepath.Join(dir, "fleet"), roles, repository.Options{}, keys[:2]...); err != nil {
		t.Fatal(err)
	}
	publish := []string{"trust", "publish", "--repo", "fleet", "--key", "snapshot.key,timestamp.key"}
	x := newTerminal(t)
	cmd := x.start(dir, publish...)
	x.answer("Passphrase of snapshot.key: ", "passphrase of snapshot\n")
	x.answer("Passphrase of timestamp.key: ", "passphrase of timestamp\n")
	x.expect("timestamp version 1 (1 of 1)")
	if err := cmd.Wait(); err != nil || strings.Contains(x.seen, "passphrase of") {
		t.Fatalf("%v; the terminal shows %q", err, x.seen)
	}
	x = newTerminal(t)
	cmd = x.start(dir, publish...)
	x.answer("Passphrase of snapshot.key: ", "passphrase of timestamp\n")
	x.expect("spaceos: no usable key: the passphrase is wrong for snapshot.key")
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("a wrong passphrase: %v; want status 1", err)
	}
}
