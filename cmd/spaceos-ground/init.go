package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/internal/cli"
	"spaceos/manifest/author"
)

func newInit(s cli.Streams) *cobra.Command {
	var language, tenant string
	cmd := &cobra.Command{
		Use: "init [flags] NAME",
		Long: `Make a starter: a folder NAME with a small program, a Makefile, a spaceos.yaml that
says what the program asks for, and a schema by which editors complete that file.
It builds, runs and seals as it is. Nothing that is there already is touched.`,
		Example: "  spaceos init hello\n  spaceos init --lang c --tenant acme hello",
		Args:    cli.ExactArgs("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			folder := filepath.Clean(args[0])
			if err := spaceos.ValidName(filepath.Base(folder)); err != nil {
				return cli.Usagef("%w; see spaceos init --help", err)
			}
			if _, err := os.Stat(filepath.Dir(folder)); err != nil {
				return fmt.Errorf("%s cannot be made: there is no folder %s to make it in", folder, filepath.Dir(folder))
			}
			if err := spaceos.ValidName(tenant); err != nil {
				return cli.Usagef("--tenant: %w; see spaceos init --help", err)
			}
			if !slices.Contains(author.Languages(), language) {
				return cli.Usagef("--lang: there is no starter in %.40q, only in %s; see spaceos init --help", language, strings.Join(author.Languages(), ", "))
			}
			if err := author.WriteStarter(folder, language, tenant); err != nil {
				return err
			}
			_, err := fmt.Fprintf(s.Out, `%s is ready. Next:
  make -C %[1]s
  spaceos seal --output %[2]s.oci %[1]s
  spaceos run %[2]s.oci
`, folder, filepath.Base(folder))
			return err
		},
	}
	cmd.Flags().StringVar(&language, "lang", "c", "language: "+strings.Join(author.Languages(), ", "))
	cmd.Flags().StringVar(&tenant, "tenant", author.DefaultTenant, "whose payload it is")
	_ = cmd.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(author.Languages(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
