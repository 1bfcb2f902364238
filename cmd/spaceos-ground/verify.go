package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"spaceos/image"
	"spaceos/internal/cli"
)

func newVerify(s cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use: "verify IMAGE",
		Long: `Check that a sealed image is whole: every document in its one form, every blob
there with its size and its digest, nothing there that nothing names.`,
		Example: "  spaceos verify hello.oci",
		Args:    cli.ExactArgs("IMAGE"),
		RunE: func(_ *cobra.Command, args []string) error {
			img, err := verified(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.Out, "%s of %s is whole: %s, %s\n%v\n", img.Name(), img.Manifest.Tenant, count(len(img.Files), "file"), img.Bytes().Approx(), img.Digest)
			return err
		},
	}
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
