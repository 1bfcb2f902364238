package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

// The memory of a run is that of its processes: each child must be found, with
// memory of its own, and be gone from the list when it has ended.
func TestDescendants(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	found, err := descendants()
	if err != nil {
		t.Fatal(err)
	}
	if p := found[pid]; p.parent != os.Getpid() {
		t.Errorf("descendants are %v, want process %d with parent %d among them", found, pid, os.Getpid())
	}
	if _, self := found[os.Getpid()]; self {
		t.Error("the bench counts itself as its descendant")
	}
	if bytes, err := pss(pid); err != nil || bytes <= 0 {
		t.Errorf("pss(%d) = %v, %v, want more than 0 bytes", pid, bytes, err)
	}

	child.Process.Kill()
	child.Wait()
	if found, err = descendants(); err != nil || found[pid].pid != 0 {
		t.Errorf("descendants after its end are %v, %v, want none with id %d", found, err, pid)
	}
}

func TestOverhead(t *testing.T) {
	got, err := overhead([]float64{130, 140}, []float64{80, 80}, 10)
	if want := []float64{5, 6}; err != nil || !slices.Equal(got, want) {
		t.Errorf("overhead of ten payloads of 130 and 140 beyond 80 is %v, %v, want %v", got, err, want)
	}
	if _, err := overhead([]float64{1}, nil, 10); err == nil {
		t.Error("an overhead without native samples gave no error")
	}
}
