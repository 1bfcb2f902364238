package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"spaceos/image"
	"spaceos/image/registry"
	"spaceos/internal/cli"
)

func newPush(s cli.Streams) *cobra.Command {
	var plain, force bool
	cmd := &cobra.Command{
		Use: "push [flags] IMAGE REFERENCE",
		Long: `Send a sealed image to an OCI registry. REFERENCE is HOST[:PORT]/NAME[:TAG]; without
a tag, the image's version is taken. Only what the registry does not have is sent,
and a tag that names another image is left alone. Name and password are those that
docker login keeps.`,
		Example: "  spaceos push hello.oci registry.example/acme/hello\n  spaceos push hello.oci localhost:5000/hello:1.0.0",
		Args:    cli.ExactArgs("IMAGE", "REFERENCE"),
		RunE: func(_ *cobra.Command, args []string) error {
			return pushImage(s, args[0], args[1], plain, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "move a tag that names another image")
	addPlainHTTP(cmd, &plain)
	return cmd
}

func addPlainHTTP(cmd *cobra.Command, plain *bool) {
	cmd.Flags().BoolVar(plain, "plain-http", false, "allow HTTP without TLS to a registry that is not on this computer")
}

func pushImage(s cli.Streams, path, reference string, plain, force bool) (err error) {
	l, err := image.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	p := newProgress(s.Err)
	r, err := registry.Open(reference, registry.Options{PlainHTTP: plain, Progress: p.show})
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	img, err := r.Push(ctx, l, force)
	p.end()
	if err != nil {
		return err
	}
	w := newPage(s.Out)
	w.line("pushed %s of %s to %s", img.Name(), img.Manifest.Tenant, r)
	w.line("\n  digest\t%v", img.Digest)
	return w.flush()
}

// interruptible ends what is under way in order when the user asks for it, so
// that nothing half-written stays behind.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}
