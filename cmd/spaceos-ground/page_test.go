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

// TestAttachedDocumentsAreHeldToJSON: anybody who may push there can attach one.
func TestAttachedDocumentsAreHeldToJSON(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		printed  bool
	}{
		"an SBOM":             {"{\n\t\"a\": \"\u00e9\u00a0!\"\r\n}\n", true},
		"no JSON":             {"<html>", false},
		"an escape":           {"{\"a\":\"\x1b[31m\"}", false},
		"an escape around it": {"\x1b[31m{}", false},
		"DEL":                 {"{\"a\":\"\x7f\"}", false},
		"a C1 control":        {"{\"a\":\"\u009b31m\"}", false},
		"no UTF-8":            {"{\"a\":\"\x9b31m\"}", false},
	} {
		var out strings.Builder
		err := printSBOM(&out, "registry.example/hello:1", []byte(c.document))
		if (err == nil) != c.printed || out.Len() > 0 != c.printed {
			t.Errorf("%s: %q: prints %q, %v; want it printed: %v", name, c.document, out.String(), err, c.printed)
		}
	}
}
