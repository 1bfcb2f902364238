package cli

import (
	"bytes"
	"errors"
	"testing"

	"github.com/spf13/cobra"
)

// TestErrorsHoldNoOrdersForTerminals: an error may quote a stranger's file.
func TestErrorsHoldNoOrdersForTerminals(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"an escape":              {errors.New("a\x1b[31mb"), "spaceos: a?[31mb\n"},
		"a C1 control, DEL":      {errors.New("a\u009b31m\x7fb"), "spaceos: a?31m?b\n"},
		"letters turned around":  {errors.New("a\u202eb"), "spaceos: a?b\n"},
		"bytes that are no text": {errors.New("a\xffb"), "spaceos: a\ufffdb\n"},
		"several lines":          {errors.New("a\n\tb\r\nc"), "spaceos: a b c\n"},
		"what is fit to print":   {errors.New("größer als 3 µs"), "spaceos: größer als 3 µs\n"},
		"a status of its own":    {&ExitError{Status: 1, Text: "a\x1bb"}, "spaceos: a?b\n"},
	} {
		var out bytes.Buffer
		root := NewRoot(Streams{Out: &out, Err: &out}, "")
		root.AddCommand(&cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return c.err }})
		if status := Execute(root, []string{"x"}, Streams{Out: &out, Err: &out}, StatusOf); status != 1 || out.String() != c.want {
			t.Errorf("%s: status %d, got %q, want %q", name, status, out.String(), c.want)
		}
	}
}
