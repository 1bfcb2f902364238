package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// A build is what a program knows of how it was built, as version --json prints
// it.
type build struct {
	Version  string `json:"version"`            // the word of --version
	Commit   string `json:"commit,omitempty"`   // absent if it was not built in a repository
	Modified bool   `json:"modified,omitempty"` // the source was not that commit's
	Go       string `json:"go_version"`
	OS       string `json:"os"` // this and Arch as Go names them (GOOS, GOARCH)
	Arch     string `json:"arch"`
}

// readBuild is what the build recorded of the source.
func readBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return buildOf(info.Settings)
}

func buildOf(settings []debug.BuildSetting) build {
	b := build{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	switch {
	case len(b.Commit) < 12:
		b.Version = "development"
	case b.Modified:
		b.Version = b.Commit[:12] + "+changes"
	default:
		b.Version = b.Commit[:12]
	}
	return b
}

// versionLine is what --version and the verb print.
func versionLine(version string) string { return fmt.Sprintf("spaceos %s\n", version) }

// NewVersion says which SpaceOS this is.
func NewVersion(s Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which SpaceOS this is",
		Long: `Say which SpaceOS this is: the commit it was built of, as --version does. With
--json also the version of Go, and the system that it is for.`,
		Example: "  spaceos version\n  spaceos version --json",
		Args:    ExactArgs(),
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			if asJSON {
				return PrintJSON(s.Out, b)
			}
			_, err := fmt.Fprint(s.Out, versionLine(b.Version))
			return err
		},
	}
	JSONFlag(cmd, &asJSON)
	return cmd
}
