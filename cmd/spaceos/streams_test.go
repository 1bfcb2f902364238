package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStreamsPassThrough(t *testing.T) {
	t.Parallel()
	cmd := command(t, "run", guest("streams"), "both")
	if o := finish(t, cmd); o != (outcome{0, "to stdout\n", "to stderr\n"}) {
		t.Errorf("%v\nwant each line on its stream, and nothing else", o)
	}
}

func TestStandardInputPassesThrough(t *testing.T) {
	data := make([]byte, 300_000)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(data)
	file := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		open func() (io.Reader, error)
		want []byte
	}{
		{"through a pipe", func() (io.Reader, error) { return bytes.NewReader(data), nil }, data},
		{"from a file", func() (io.Reader, error) { return os.Open(file) }, data},
		{"empty", func() (io.Reader, error) { return os.Open(os.DevNull) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in, err := c.open()
			if err != nil {
				t.Fatal(err)
			}
			cmd := command(t, "run", guest("streams"), "cat")
			cmd.Stdin = in
			o := finish(t, cmd)
			if o.status != 0 || o.stdout != string(c.want) {
				t.Errorf("status %d, %d bytes of %d came back (equal: %v), stderr %q", o.status, len(o.stdout), len(c.want), o.stdout == string(c.want), o.stderr)
			}
		})
	}
}

// A file as standard output is appended to where the shell opened it so.
func TestStandardOutputIsTheUsersFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := command(t, "run", guest("streams"), "both")
	cmd.Stdout = f
	if o := finish(t, cmd); o.status != 0 {
		t.Fatal(o)
	}
	if got, _ := os.ReadFile(path); string(got) != "before\nto stdout\n" {
		t.Errorf("the file holds %q", got)
	}
}

// A reader that goes away gives the payload SIGPIPE and EPIPE, and the report
// is there all the same.
func TestClosedStandardOutput(t *testing.T) {
	for _, c := range []struct {
		how, stderr string
		status      int
	}{
		{"flood", "spaceos: the program died by SIGPIPE\n", 141},
		{"stubborn", "write: Broken pipe\n", 3},
	} {
		t.Run(c.how, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "report.json")
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd := command(t, "run", "--report", path, guest("streams"), c.how)
			var stderr strings.Builder
			cmd.Stdout, cmd.Stderr = w, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if _, err := io.ReadFull(r, make([]byte, 10_000)); err != nil {
				t.Fatal(err)
			}
			r.Close()
			_ = cmd.Wait() // its status is looked at below
			if status(cmd) != c.status || stderr.String() != c.stderr {
				t.Errorf("status %d, stderr %q; want %d, %q", status(cmd), stderr.String(), c.status, c.stderr)
			}
			if rep := report(t, path); rep.Ended.Status != c.status || rep.Bytes.Written["stdout"] < 10_000 {
				t.Errorf("the report says %+v, %v written; want status %d and 10000 bytes or more to stdout", rep.Ended, rep.Bytes.Written, c.status)
			}
		})
	}
}

// A standard stream that is not open at all is the payload's to notice.
func TestStreamsThatAreNotOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "report.json")
	cmd := shell(t, `exec spaceos run --report "$1" "$2" both <&- >&- 2>&-`, path, guest("streams"))
	if o := finish(t, cmd); o.status != 0 {
		t.Errorf("%v\nwant status 0", o)
	}
	if r := report(t, path); r.Ended.Status != 0 {
		t.Errorf("the report says %+v", r.Ended)
	}
}

// A file that is standard input can be mapped, as under Linux.
func TestStandardInputIsMapped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(path, []byte("from a map\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := command(t, "run", guest("known"), "map")
	cmd.Stdin = f
	if o := finish(t, cmd); o.status != 0 || o.stdout != "from a map\n" {
		t.Errorf("%v, want the file", o)
	}
}

// A report takes the place of no product.
func TestReportSparesProducts(t *testing.T) {
	t.Parallel()
	out, in := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(in, "a"), []byte("input"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := finish(t, command(t, "run", "--in", in, "--out", out, "--report", filepath.Join(out, "copy"), guest("known"), "files"))
	got, err := os.ReadFile(filepath.Join(out, "copy"))
	if err != nil || string(got) != "input" || o.status != 125 || !strings.Contains(o.stderr, "which came to be during the run") {
		t.Errorf("%v\nthe product is %q (%v)", o, got, err)
	}
	o = finish(t, command(t, "run", "--in", in, "--out", t.TempDir(), "--report", filepath.Join(in, "report"), guest("known"), "files"))
	if o.status != 0 {
		t.Errorf("beside the input: %v", o)
	}
}
