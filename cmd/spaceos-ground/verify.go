package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"spaceos/image"
	"spaceos/internal/cli"
)

func newVerify(s cli.Streams) *cobra.Command {
	var j judge
	var repo string
	cmd := &cobra.Command{
		Use: "verify IMAGE",
		Long: `Check that a sealed image is whole: every document in its one form, every blob
there with its size and its digest, nothing there that nothing names. (spaceos run
checks the same of what the image names, and leaves alone what else lies there.)

With --trust, check as a spacecraft would that its tenant signed it, beginning
with the root document that you trust; with --spacecraft, too, that it may run
there: its plan lists it, and manifest <= lease <= ceiling.`,
		Example: `  spaceos verify hello.oci
  spaceos verify hello.oci --trust fleet --root root.json --spacecraft sat-7`,
		Args: cli.ExactArgs("IMAGE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if (repo == "") != (j.root == "") || repo == "" && j.spacecraft != "" {
				return cli.Usagef("--trust REPO and --root FILE go together, and --spacecraft ID with both; see spaceos verify --help")
			}
			img, err := verified(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.Out, "%s of %s is whole: %s, %s\n%v\n", img.Name(), img.Manifest.Tenant, count(len(img.Files), "file"), img.Bytes().Approx(), img.Digest)
			if err != nil || repo == "" {
				return err
			}
			v, err := j.rehearse(repo)
			if err != nil {
				return err
			}
			sentence, err := j.admits(v, img)
			if err == nil {
				fmt.Fprintln(s.Out, sentence)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&repo, "trust", "", "judge by the repository in this `DIR`")
	_ = cmd.MarkFlagDirname("trust")
	j.flags(cmd)
	return cmd
}

// verified reads and checks all of an image.
func verified(path string) (_ *image.Image, err error) {
	l, err := image.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return l.Verify()
}
