package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"spaceos/cell"
)

// TestMain makes the test binary the spaceos program under its name, as it is
// the runner under the runner's.
func TestMain(m *testing.M) {
	if os.Args[0] == cell.RunnerName {
		os.Exit(cell.RunnerMain())
	}
	testscript.Main(suite{m}, map[string]func(){"spaceos": main})
}

// public is a folder that every user can read: bin/spaceos, and the guests.
var public string

// suite builds the guests before the tests run.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	var err error
	if public, err = os.MkdirTemp("", "spaceos-test-"); err == nil {
		defer os.RemoveAll(public)
		err = errors.Join(os.Chmod(public, 0o755), buildGuests(), copyProgram())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return s.m.Run()
}

func buildGuests() error {
	sources, err := filepath.Glob("testdata/guests/*.c")
	if err != nil {
		return err
	}
	for _, source := range sources {
		cmd := exec.Command("musl-gcc", "-static", "-O1", "-w", "-o", guest(strings.TrimSuffix(filepath.Base(source), ".c")), source)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s (install musl-tools): %w\n%s", source, err, out)
		}
	}
	return nil
}

func copyProgram() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := os.Open(self)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(guest("spaceos"), os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// guest is the path of a guest program.
func guest(name string) string { return filepath.Join(public, name) }

// outcome is what a user sees of a command.
type outcome struct {
	status         int
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("status %d\nstdout %q\nstderr %q", o.status, o.stdout, o.stderr)
}

// command is a command line of ours in a session of its own, by which
// leftovers can be found, and with a folder of its own for temporary files.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return isolate(t, exec.Command(guest("spaceos"), args...))
}

func isolate(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	tmp := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "PATH="+public+":"+os.Getenv("PATH"), "USER=tester")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	t.Cleanup(func() {
		if cmd.Process != nil {
			checkNothingLeft(t, cmd.Process.Pid)
		}
		if names := listing(t, tmp); len(names) > 0 {
			t.Errorf("temporary files are left behind: %v", names)
		}
	})
	return cmd
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, err bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &err
	}
	if e := cmd.Run(); e != nil && cmd.ProcessState == nil {
		t.Fatal(e)
	}
	return outcome{status(cmd), out.String(), err.String()}
}

// status is the exit status, or 1000 and the signal for a death by signal.
func status(cmd *exec.Cmd) int {
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 1000 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// checkNothingLeft looks for processes of a session.
func checkNothingLeft(t *testing.T, session int) {
	t.Helper()
	// A shell of the test's own may still be on its way out; ours may not.
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until) && len(left(t, session, "bash")) > 0; {
		time.Sleep(5 * time.Millisecond)
	}
	for _, p := range left(t, session, "") {
		t.Errorf("process %d (%s) is left behind", p.pid, p.name)
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
}

// left is what runs in a session: all, or what has a name.
func left(t *testing.T, session int, name string) (list []process) {
	t.Helper()
	for _, p := range processes(t) {
		if p.session == session && p.state != "Z" && (name == "" || p.name == name) {
			list = append(list, p)
		}
	}
	return list
}

type process struct {
	pid, parent, group, session int
	state, name                 string
}

// processes lists all processes (proc_pid_stat(5)).
func processes(t *testing.T) []process {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var list []process
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		var p process
		before, after, _ := strings.Cut(string(text), " (")
		end := strings.LastIndex(after, ") ")
		p.name = after[:end]
		fmt.Sscan(before, &p.pid)
		fmt.Sscan(after[end+2:], &p.state, &p.parent, &p.group, &p.session)
		list = append(list, p)
	}
	return list
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// report reads a report and holds it against the published schema.
func report(t *testing.T, path string) *cell.Report {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("there is no report: %v", err)
	}
	if err := validate(text); err != nil {
		t.Errorf("the report is not as its schema says: %v\n%s", err, text)
	}
	var r cell.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return &r
}

func validate(text []byte) error {
	schema, err := jsonschema.NewCompiler().Compile("../../cell/report.schema.json")
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// runReported runs a payload and gives its report too.
func runReported(t *testing.T, args ...string) (outcome, *cell.Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	o := finish(t, command(t, slices.Concat([]string{"run", "--report", path}, args)...))
	return o, report(t, path)
}
