package main

import (
	"os/exec"
	"testing"
)

// shell is a script in which spaceos is the program under test.
func shell(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	return isolate(t, exec.Command("bash", append([]string{"-c", script, "bash"}, args...)...))
}
