package programs

import (
	"errors"
	"os/exec"
	"regexp"
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
	status, stdout, stderr := finish(ts, args[2:])
	if want := "spaceos: " + args[1] + "\n"; status != args[0] || stderr != want || stdout != "" {
		ts.Fatalf("%s: status %s, stdout %q, stderr %q; want status %s and %q", strings.Join(args[2:], " "), status, stdout, stderr, args[0], want)
	}
}

// Refused is a command of test scripts. It wants spaceos to say of a file in
// one line what is wrong with it, in words that a pattern describes:
// refused STATUS FILE PATTERN VERB [ARG...].
func Refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: refused STATUS FILE PATTERN VERB [ARG...]")
	}
	want, err := regexp.Compile("^spaceos: " + regexp.QuoteMeta(args[1]) + ": " + args[2] + "\n$")
	if err != nil {
		ts.Fatalf("%v", err)
	}
	status, stdout, stderr := finish(ts, append([]string{"spaceos"}, args[3:]...))
	if status != args[0] || stdout != "" || !want.MatchString(stderr) {
		ts.Fatalf("spaceos %s: status %s, stdout %q, stderr %q; want status %s and %v", strings.Join(args[3:], " "), status, stdout, stderr, args[0], want)
	}
}

// finish runs a command to its end, however it ends.
func finish(ts *testscript.TestScript, args []string) (status, stdout, stderr string) {
	status = "0"
	if err := ts.Exec(args[0], args[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		status = strconv.Itoa(exit.ExitCode())
	}
	return status, ts.ReadFile("stdout"), ts.ReadFile("stderr")
}
