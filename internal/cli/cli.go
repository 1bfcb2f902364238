// Package cli is what the two programs of the people's tool have in common:
// `spaceos`, which runs cells and starts fast, and `spaceos-ground`, which does
// everything else and may take its time. To a user they are one command; so
// errors, help, suggestions and completion are made here. It knows the names of
// the verbs, and nothing of what they do.
//
//	root := cli.NewRoot(s, "Run payloads in cells")
//	root.AddCommand(newSeal(s))
//	os.Exit(cli.Execute(root, os.Args[1:], s, cli.StatusOf))
package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// Streams are the standard streams, which tests replace.
type Streams struct {
	In       *os.File
	Out, Err io.Writer
}

// Standard are the streams of the process.
func Standard() Streams { return Streams{os.Stdin, &output{w: os.Stdout}, os.Stderr} }

// output goes on when it cannot be written: what a verb does it does to the
// end, and Execute says once that nothing could be said of it.
type output struct {
	w   io.Writer
	err error // the first
}

func (o *output) Write(p []byte) (int, error) {
	if o.err == nil {
		_, o.err = o.w.Write(p)
	}
	return len(p), nil
}

// lost is the error of an output that could not be written.
func lost(w io.Writer) error {
	o, ok := w.(*output)
	if !ok || o.err == nil {
		return nil
	}
	reason := o.err
	var path *fs.PathError
	if errors.As(reason, &path) {
		reason = path.Err
	}
	return fmt.Errorf("standard output cannot be written (%w): the command did its work, and what it had to say is lost", reason)
}

// Exit statuses of every verb but run.
const (
	StatusFailed = 1
	StatusUsage  = 2
)

// ExitError ends the program with a status; Text is printed unless empty.
type ExitError struct {
	Status int
	Text   string
}

func (e *ExitError) Error() string { return e.Text }

// UsageError is wrong use of a verb.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

func (e *UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError. The sentence should end by naming the help, as in
// "; see spaceos seal --help".
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// ExactArgs is for cobra's Args, with sentences of our own for what is missing
// or too much; names are what the verb takes, none for nothing.
func ExactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		path := cmd.CommandPath()
		switch {
		case len(args) > len(names) && len(names) == 0:
			return Usagef("%s takes no arguments, not %q; see %s --help", cmd.Name(), args[0], path)
		case len(args) > len(names):
			return Usagef("%s takes %s alone, not %q too; see %s --help", cmd.Name(), strings.Join(names, " and "), args[len(names)], path)
		case len(args) < len(names):
			return Usagef("%s needs %s; see %s --help", cmd.Name(), strings.Join(names[len(args):], " and "), path)
		}
		return nil
	}
}

// NewRoot makes the command that all verbs hang under; to a user it is
// "spaceos" in both programs.
func NewRoot(s Streams, short string) *cobra.Command {
	root := &cobra.Command{
		Use:                        "spaceos",
		Short:                      short,
		Version:                    readBuild().Version,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownName(cmd, "command", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate(versionLine("{{.Version}}"))
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return Usagef("%w; see %s --help", ExplainFlag(cmd, err), cmd.CommandPath())
	})
	root.SetHelpCommand(newHelp())
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// NewGroup makes a verb that only holds others, as "spaceos trust".
func NewGroup(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:                        use,
		Short:                      short,
		Long:                       long,
		SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "help" {
				return nil
			}
			return unknownName(cmd, "command", args[0])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return helpAbout(cmd, args[min(1, len(args)):]) // behind "help"
		},
	}
	group.AddCommand(verbs...)
	return group
}

// Execute runs one command line and gives the exit status; statusOf says it
// for errors that are no ExitError.
func Execute(root *cobra.Command, args []string, s Streams, statusOf func(*cobra.Command, error) int) int {
	root.SetArgs(args)
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		plainUsage(root)
	}
	cmd, err := root.ExecuteC()
	if err == nil {
		if err := lost(s.Out); err != nil {
			fmt.Fprintln(s.Err, "spaceos: "+OneLine(err.Error()))
			return StatusFailed
		}
		return 0
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		if exit.Text != "" {
			fmt.Fprintln(s.Err, "spaceos: "+OneLine(exit.Text))
		}
		return exit.Status
	}
	fmt.Fprintln(s.Err, "spaceos: "+OneLine(err.Error()))
	return statusOf(cmd, err)
}

// OneLine keeps an error to a single line (cobra's suggestions come on several),
// and the names and words of strangers in it from being orders to a terminal.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.Join(strings.Fields(text), " "))
}

// StatusOf is 2 for wrong use and 1 for the rest.
func StatusOf(cmd *cobra.Command, err error) int {
	var usage *UsageError
	if errors.As(err, &usage) || !cmd.HasParent() {
		return StatusUsage
	}
	return StatusFailed
}
