package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"spaceos/internal/cli"
	"spaceos/trust/repository"
)

// maxPassphrase bounds what is read of a passphrase, in bytes.
const maxPassphrase = 1 << 10

// A keyring opens the key files of one command. Passphrases come from a
// terminal, a file or a descriptor: arguments and the environment are for
// everyone on the machine to read.
type keyring struct {
	file       string // --passphrase-file
	fd         int    // --passphrase-fd; -1 for none
	protection repository.Protection
	last       []byte // what opened the last key
}

// flags gives a verb the flags of a keyring.
func (k *keyring) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "passphrase-file", "", "read the keys' passphrase from this `FILE` instead of the terminal")
	cmd.Flags().IntVar(&k.fd, "passphrase-fd", -1, "read the keys' passphrase from this open file descriptor `N`")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if k.file != "" && k.fd >= 0 {
			return cli.Usagef("--passphrase-file and --passphrase-fd both say where the passphrase is; give one of them; see %s --help", cmd.CommandPath())
		}
		return nil
	}
	_ = cmd.MarkFlagFilename("passphrase-file")
}

// open opens key files. On a terminal it asks for each that the last
// passphrase does not open.
func (k *keyring) open(files []string) (keys []*repository.Key, err error) {
	for _, file := range files {
		key, err := k.openOne(file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (k *keyring) openOne(file string) (*repository.Key, error) {
	// What is wrong with the file should be said before anyone is asked.
	key, err := repository.LoadKey(file, k.last)
	if err == nil || !errors.Is(err, repository.ErrPassphrase) || k.last != nil && !k.asks() {
		return key, err
	}
	passphrase, err := k.read("Passphrase of "+file+": ", false)
	if err != nil {
		return nil, err
	}
	if key, err = repository.LoadKey(file, passphrase); err == nil {
		k.last = passphrase
	}
	return key, err
}

// fresh is the passphrase of new keys.
func (k *keyring) fresh(what string) ([]byte, error) {
	passphrase, err := k.read(fmt.Sprintf("New passphrase of %s (%d bytes or more): ", what, repository.MinPassphrase), true)
	if err == nil && len(passphrase) < repository.MinPassphrase {
		err = fmt.Errorf("the passphrase has %d bytes, and a key needs one of %d or more", len(passphrase), repository.MinPassphrase)
	}
	k.last = passphrase
	return passphrase, err
}

func (k *keyring) asks() bool { return k.file == "" && k.fd < 0 }

func (k *keyring) read(prompt string, twice bool) ([]byte, error) {
	switch {
	case k.file != "":
		return passphraseFile(k.file)
	case k.fd >= 0:
		if k.last != nil {
			return k.last, nil
		}
		return firstLine(os.NewFile(uintptr(k.fd), "descriptor"), fmt.Sprintf("descriptor %d", k.fd))
	}
	first, err := ask(prompt)
	if err != nil || !twice {
		return first, err
	}
	again, err := ask("Once more: ")
	if err == nil && !bytes.Equal(first, again) {
		err = errors.New("the two passphrases differ; nothing was made")
	}
	return first, err
}

// passphraseFile reads a file that only its owner can read, or a pipe.
func passphraseFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the passphrase file cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the passphrase file cannot be read: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others than its owner can read the passphrase file %s, of mode %04o; take that away with chmod 600", path, info.Mode().Perm())
	}
	return firstLine(f, path)
}

// firstLine reads a passphrase, without the end of its line.
func firstLine(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPassphrase+1))
	if err != nil {
		return nil, fmt.Errorf("no passphrase can be read from %s: %w", name, err)
	}
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(line) > maxPassphrase || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s should hold one passphrase, in one line of 1 to %d bytes", name, maxPassphrase)
	}
	return line, nil
}

// ask reads a line from the terminal, which does not show it.
func ask(prompt string) (line []byte, err error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("a passphrase is needed, and there is no terminal to ask at; give --passphrase-file or --passphrase-fd")
	}
	defer tty.Close()
	fd := int(tty.Fd())
	shown, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("the terminal does not say how it is set: %w", err)
	}
	hidden := *shown
	hidden.Lflag = hidden.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	restore := func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, shown) }
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, unix.SIGTERM)
	defer signal.Stop(interrupted)
	done := make(chan struct{})
	defer close(done)
	go func() { // an interrupted terminal should show again what is typed
		select {
		case <-interrupted:
			restore()
			fmt.Fprintln(tty)
			os.Exit(128 + int(unix.SIGINT))
		case <-done:
		}
	}()
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return nil, fmt.Errorf("the terminal cannot be kept from showing the passphrase: %w", err)
	}
	defer restore()
	fmt.Fprint(tty, prompt)
	line, err = terminalLine(tty)
	fmt.Fprintln(tty)
	return line, err
}

// terminalLine reads to the end of the line and no further.
func terminalLine(r io.Reader) ([]byte, error) {
	var line []byte
	for one := make([]byte, 1); len(line) <= maxPassphrase; line = append(line, one[0]) {
		if n, err := r.Read(one); n == 0 || one[0] == '\n' {
			if len(line) == 0 && (err != nil || n == 0) {
				return nil, fmt.Errorf("no passphrase was typed")
			}
			return line, nil
		}
	}
	return nil, fmt.Errorf("a passphrase has at most %d bytes", maxPassphrase)
}
