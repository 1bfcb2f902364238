package main

import (
	"strings"
	"testing"
)

// TestPagesHoldNoOrdersForTerminals: what a stranger's manifest says is shown,
// not obeyed.
func TestPagesHoldNoOrdersForTerminals(t *testing.T) {
	var out strings.Builder
	w := newPage(&out)
	w.field("description", "a\u009b2Jb")
	w.row("environment", "A=\u202e")
	printChange(w, '~', "", "c\x7f", "plain")
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	want := "description    \"a\\u009b2Jb\"\n  environment  \"A=\\u202e\"\n  ~ \"c\\x7f -> plain\"\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
