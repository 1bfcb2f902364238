package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process is one line of the process table.
type process struct {
	pid, parent int
	name        string
	zombie      bool
}

// processes reads the process table (proc(5), /proc/PID/stat).
func processes() ([]process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var list []process
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it ended in between
		}
		// The name is in parentheses and may hold anything.
		text := string(data)
		open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
		if open < 0 || end < open {
			continue
		}
		fields := strings.Fields(text[end+1:])
		if len(fields) < 2 {
			continue
		}
		pid, err1 := strconv.Atoi(strings.TrimSpace(text[:open]))
		parent, err2 := strconv.Atoi(fields[1])
		if err1 != nil || err2 != nil {
			continue
		}
		list = append(list, process{pid, parent, text[open+1 : end], fields[0] == "Z"})
	}
	return list, nil
}

// descendants returns the living descendants of the bench: since it reaps
// orphans (see isolate), these are all processes that exist because of it.
func descendants() (map[int]process, error) {
	list, err := processes()
	if err != nil {
		return nil, err
	}
	children := map[int][]process{}
	for _, p := range list {
		children[p.parent] = append(children[p.parent], p)
	}
	found := map[int]process{}
	var visit func(pid int)
	visit = func(pid int) {
		for _, p := range children[pid] {
			if !p.zombie {
				found[p.pid] = p
			}
			visit(p.pid)
		}
	}
	visit(os.Getpid())
	return found, nil
}

// reapOrphans waits for dead children that nobody in the bench waits for.
func (h *harness) reapOrphans() {
	list, err := processes()
	if err != nil {
		return
	}
	for _, p := range list {
		if p.zombie && p.parent == os.Getpid() && !h.keep[p.pid] {
			syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
		}
	}
}

// killLeftovers ends what the bench started and did not see end: containers of
// a run that was interrupted. It touches descendants alone.
func (h *harness) killLeftovers() {
	left, err := descendants()
	if err != nil {
		return
	}
	for pid := range left {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// pss returns the proportional set size in bytes of a process: its own pages
// and its share of those that it has in common with others (proc(5),
// /proc/PID/smaps_rollup, "Pss").
func pss(pid int) (float64, error) {
	return kibibytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
}

// availableMemory returns the kernel's estimate of free memory in bytes.
func availableMemory() (float64, error) {
	return kibibytes("/proc/meminfo", "MemAvailable:")
}

// kibibytes finds the line "KEY  N kB" in a file of /proc and returns bytes.
func kibibytes(path, key string) (float64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(line, key)
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) != 2 || fields[1] != "kB" {
			break
		}
		n, err := strconv.ParseFloat(fields[0], 64)
		return n * 1024, err
	}
	return 0, fmt.Errorf("%s: no line %q with kB", path, key)
}
