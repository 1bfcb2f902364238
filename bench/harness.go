package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// harness is one run of the bench.
type harness struct {
	root   string   // of the project
	dir    string   // build/bench: all that outlives this run
	runDir string   // in /run: state and sockets of this run
	null   *os.File // every payload's standard input
	lock   *os.File // held as long as the bench runs
	docker *docker
	keep   map[int]bool // children that are waited for elsewhere
	serial int
	quick  bool
	report report
}

// newHarness finds the project above the working folder and makes the folders
// of the bench.
func newHarness(quick bool) (*harness, error) {
	root, err := projectRoot()
	if err != nil {
		return nil, err
	}
	h := &harness{root: root, dir: filepath.Join(root, "build", "bench"), keep: map[int]bool{}, quick: quick}
	h.docker = &docker{h: h}
	h.report.Raw = map[string]rawTable{}
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return nil, err
	}
	// Two at once would spoil each other's figures, and share Docker's data.
	if h.lock, err = os.Create(filepath.Join(h.dir, "lock")); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(h.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another bench runs in this project; wait for its end: %w", err)
	}
	if h.null, err = os.Open(os.DevNull); err != nil {
		return nil, err
	}
	// In memory, so that no runtime pays for a disk; with a short path, since
	// the path of a socket has 107 bytes at most (unix(7)).
	parent := "/run"
	if os.Geteuid() != 0 {
		parent = os.TempDir()
	}
	h.runDir, err = os.MkdirTemp(parent, "spaceos-bench-")
	return h, err
}

// close stops what runs and removes what is of no use to the next run.
func (h *harness) close() error {
	h.docker.stop()
	h.killLeftovers()
	h.reapOrphans()
	h.null.Close()
	h.lock.Close()
	return errors.Join(unmountBelow(h.runDir), os.RemoveAll(h.runDir))
}

func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module spaceos\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the bench runs inside the project: no go.mod of module spaceos here or above; change to the project's folder")
		}
	}
}

// rounds is the number of samples of a measure.
func (h *harness) rounds(full, quick int) int {
	if h.quick {
		return quick
	}
	return full
}

// program is the path of a static bench program.
func (h *harness) program(name string) string {
	return filepath.Join(h.dir, "programs", name)
}

// textOf runs a command for its standard output, without the last newline.
func (h *harness) textOf(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, lastLine(stderr.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// findProgram finds a command in PATH; a path is itself.
func findProgram(name string) (string, error) {
	if strings.ContainsRune(name, '/') {
		return name, nil
	}
	return exec.LookPath(name)
}

// logf tells the reader at the terminal how far the bench is.
func (h *harness) logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
