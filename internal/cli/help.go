package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newHelp shows the help of a command, as --help does.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say how a command is used",
		RunE: func(cmd *cobra.Command, args []string) error {
			return helpAbout(cmd.Root(), args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, c := range cmd.Root().Commands() {
				if len(args) == 0 && c.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// helpAbout shows the help of the command that names lead to, from one above.
func helpAbout(about *cobra.Command, names []string) error {
	for i, name := range names {
		at := slices.IndexFunc(about.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
		if at < 0 {
			return unknownName(about, "help about", name)
		}
		about = about.Commands()[at]
		if about.DisableFlagParsing { // its help is elsewhere
			return HandOver(slices.Concat([]string{"help"}, names[i:]))
		}
	}
	about.InitDefaultHelpFlag()
	about.InitDefaultVersionFlag()
	return about.Help()
}

// plainUsage takes the marks of a value's name (pflag.UnquoteUsage) out of what
// a shell shows of flags.
func plainUsage(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	for _, c := range cmd.Commands() {
		plainUsage(c)
	}
}

// NewCompletion prints the script by which a shell completes our commands.
func NewCompletion(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script by which a shell completes commands",
		Long: `Print the script by which a shell completes commands, flags and their values.
bash needs the package bash-completion for it.`,
		Example: `  source <(spaceos completion bash)
  spaceos completion bash > /etc/bash_completion.d/spaceos
  spaceos completion fish > ~/.config/fish/completions/spaceos.fish`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return Usagef("completion needs one shell: name one of bash, zsh, fish, powershell; see spaceos completion --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(s.Out, true)
			case "zsh":
				return root.GenZshCompletion(s.Out)
			case "fish":
				return root.GenFishCompletion(s.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(s.Out)
			}
			return Usagef("there is no completion for %q: name one of bash, zsh, fish, powershell; see spaceos completion --help", args[0])
		},
	}
}
