package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spaceos/cell"
	"spaceos/internal/cli"
)

func newDoctor(s cli.Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this computer can do",
		Long: `Say what this computer can do: whether KVM is there and may be used, how system
calls reach the library OS, who gets huge pages, what is missing and how to get
it. The exit status is 1 if cells cannot run.`,
		Example: "  spaceos doctor\n  spaceos doctor --json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("doctor takes no arguments, not %q; see spaceos doctor --help", args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			d := cell.Examine()
			if err := printDiagnosis(s, d, asJSON); err != nil {
				return err
			}
			if !d.OK {
				return &cli.ExitError{Status: cli.StatusFailed}
			}
			return nil
		},
	}
	cli.JSONFlag(cmd, &asJSON)
	return cmd
}

func printDiagnosis(s cli.Streams, d cell.Diagnosis, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(s.Out, d)
	}
	for _, f := range d.Findings {
		mark := "ok     "
		if !f.OK {
			mark = "MISSING"
		} else if f.Note != "" {
			mark = "note   "
		}
		fmt.Fprintf(s.Out, "%s  %-14s %s\n", mark, f.Subject, f.Fact)
		for _, more := range []string{f.Note, f.Help} {
			if more != "" {
				fmt.Fprintf(s.Out, "%25s%s\n", "", more)
			}
		}
	}
	if d.OK {
		fmt.Fprintln(s.Out, "Cells can run here.")
	} else {
		fmt.Fprintln(s.Out, "Cells cannot run here yet: see what is MISSING.")
	}
	return nil
}
