package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"spaceos/cell"
)

// streams are the standard streams, which tests replace.
type streams struct {
	in       *os.File
	out, err io.Writer
}

// Exit statuses of every command but run.
const (
	statusFailed = 1
	statusUsage  = 2
)

// exitError ends the program with a status; text is printed unless empty.
type exitError struct {
	status int
	text   string
}

func (e *exitError) Error() string { return e.text }

// usageError is wrong use of a command.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// execute runs one command line and gives the exit status.
func execute(args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	cmd, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	var exit *exitError
	if errors.As(err, &exit) {
		if exit.text != "" {
			fmt.Fprintln(s.err, "spaceos: "+exit.text)
		}
		return exit.status
	}
	fmt.Fprintf(s.err, "spaceos: %v\n", oneLine(err))
	return statusOf(cmd, err)
}

// oneLine keeps an error to a single line: cobra's suggestions come on several.
func oneLine(err error) string {
	words := strings.Fields(strings.ReplaceAll(err.Error(), "\n\t", " "))
	return strings.Join(words, " ")
}

// statusOf follows docker for run and the usual 1 and 2 for the rest.
func statusOf(cmd *cobra.Command, err error) int {
	if cmd.Name() == "run" {
		return cell.Status(err)
	}
	var usage *usageError
	if errors.As(err, &usage) || cmd.Name() == "spaceos" {
		return statusUsage
	}
	return statusFailed
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "spaceos",
		Short: "Run payloads in hardware-isolated cells",
		Long: `SpaceOS runs small programs of several tenants on one computer, each in a cell:
a virtual machine without a guest kernel. A program sees /app, /in, /out, /data
and /tmp, and nothing else.`,
		Example: `  spaceos doctor
  spaceos run --in frames --out results ./program`,
		Version:                    version(),
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return &usageError{unknownName(cmd, "command", args[0])}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("spaceos {{.Version}}\n")
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w; see %s --help", explainFlag(cmd, err), cmd.CommandPath())}
	})
	root.AddCommand(newRun(s), newDoctor(s), newCompletion(s))
	root.SetHelpCommand(newHelp())
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// version is what the build recorded of the source.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	rev, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			rev = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if rev == "" {
		return "development"
	}
	return rev + dirty
}
