package cli

import (
	"github.com/spf13/cobra"
)

// newHelp shows the help of a command, as --help does.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say how a command is used",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 && !about.DisableFlagParsing {
				return unknownName(cmd.Root(), "help about", args[0])
			}
			if about.DisableFlagParsing { // its help is elsewhere
				return about.RunE(about, append(rest, "--help"))
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
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
