package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"spaceos/image"
	"spaceos/image/registry"
	"spaceos/internal/cli"
)

func newPull(s cli.Streams) *cobra.Command {
	var output string
	var plain, force bool
	cmd := &cobra.Command{
		Use: "pull [flags] REFERENCE",
		Long: `Fetch a sealed image from an OCI registry. REFERENCE is HOST[:PORT]/NAME:TAG, or
HOST[:PORT]/NAME@sha256:... for exactly one image. Each byte is checked against the
image's digest; who made the image is checked by spaceos verify. The image is a
folder, or a tar if its name ends in .tar.`,
		Example: "  spaceos pull registry.example/acme/hello:1.0.0\n  spaceos pull --output hello.tar localhost:5000/hello:1.0.0",
		Args:    cli.ExactArgs("REFERENCE"),
		RunE: func(_ *cobra.Command, args []string) error {
			return pullImage(s, args[0], output, plain, force)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "where the image is written (default NAME-VERSION.oci)")
	cmd.Flags().BoolVar(&force, "force", false, "replace an image that is there already")
	addPlainHTTP(cmd, &plain)
	return cmd
}

func pullImage(s cli.Streams, reference, output string, plain, force bool) error {
	p := newProgress(s.Err)
	r, err := registry.Open(reference, registry.Options{PlainHTTP: plain, Progress: p.show})
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	img, err := r.Pull(ctx, func(img *image.Image) (*image.Writer, error) {
		output = cmp.Or(output, img.Manifest.Name+"-"+img.Manifest.Version+".oci")
		return image.Create(output, force)
	})
	p.end()
	if err != nil {
		return err
	}
	w := newPage(s.Out)
	w.line("pulled %s of %s as %s", img.Name(), img.Manifest.Tenant, output)
	w.line("\n  digest\t%v", img.Digest)
	return w.flush()
}
