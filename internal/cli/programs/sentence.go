package programs

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// Sentence is a command of test scripts. It wants a command to say one line on
// standard error and no more: sentence STATUS TEXT COMMAND [ARG...].
func Sentence(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: sentence STATUS TEXT COMMAND [ARG...]")
	}
	status := 0
	if err := ts.Exec(args[2], args[3:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		status = exit.ExitCode()
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if want := "spaceos: " + args[1] + "\n"; strconv.Itoa(status) != args[0] || stderr != want || stdout != "" {
		ts.Fatalf("%s: status %d, stdout %q, stderr %q; want status %s and %q", strings.Join(args[2:], " "), status, stdout, stderr, args[0], want)
	}
}
