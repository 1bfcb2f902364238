package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"spaceos/internal/cli"
)

// examples is a command of test scripts: examples STATE VERB... runs each
// example of a verb's help in a copy of the folder STATE, and wants it to
// succeed. Where a verb needs a passphrase, it comes from the file pw.
func examples(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: examples STATE VERB...")
	}
	verb, rest, err := newRoot(cli.Standard()).Find(args[1:])
	if err != nil || len(rest) > 0 {
		ts.Fatalf("there is no verb %q: %v", args[1:], err)
	}
	lines := slices.Collect(strings.Lines(verb.Example))
	if len(lines) == 0 {
		ts.Fatalf("%s has no example", verb.CommandPath())
	}
	for i, line := range lines {
		runExample(ts, verb, args[0], strings.TrimSpace(line), i)
	}
}

func runExample(ts *testscript.TestScript, verb *cobra.Command, state, line string, i int) {
	dir := ts.MkAbs(strings.ReplaceAll(verb.CommandPath(), " ", "-") + string(rune('0'+i)))
	ts.Check(ts.Exec("cp", "-a", ts.MkAbs(state), dir))
	if verb.Flags().Lookup("passphrase-file") != nil && !strings.Contains(line, "--passphrase-file") {
		line += " --passphrase-file pw"
	}
	if err := ts.Exec("sh", "-c", `cd "$1" && `+line, "sh", dir); err != nil {
		ts.Fatalf("the example %q: %v", line, err)
	}
}

// TestEveryTrustVerbsExamplesAreTried: the script names each verb.
func TestEveryTrustVerbsExamplesAreTried(t *testing.T) {
	script, err := os.ReadFile("testdata/script/trust_examples.txtar")
	if err != nil {
		t.Fatal(err)
	}
	group, _, err := newRoot(cli.Standard()).Find([]string{"trust"})
	if err != nil || len(group.Commands()) == 0 {
		t.Fatalf("trust has no verbs (%v)", err)
	}
	for _, c := range group.Commands() {
		if !strings.Contains(string(script), " trust "+c.Name()+"\n") {
			t.Errorf("trust_examples.txtar does not try the examples of trust %s", c.Name())
		}
	}
}
