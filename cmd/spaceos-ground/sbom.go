package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"spaceos/image"
	"spaceos/image/registry"
	"spaceos/image/sbom"
	"spaceos/internal/cli"
)

func newSBOM(s cli.Streams) *cobra.Command {
	var attach, from string
	var plain bool
	cmd := &cobra.Command{
		Use: "sbom [flags] [IMAGE]",
		Long: `List what a sealed image is made of, as CycloneDX 1.6 in JSON: its program with what
was linked into it as far as it says, and its assets with their licences. One image
gives one document, to the byte. It can be attached to the image in a registry,
which does not change the image.`,
		Example: "  spaceos sbom hello.oci\n  spaceos sbom --attach registry.example/acme/hello:1.0.0 hello.oci\n  spaceos sbom --from registry.example/acme/hello:1.0.0",
		Args: func(cmd *cobra.Command, args []string) error {
			if from != "" {
				if attach != "" {
					return cli.Usagef("--attach and --from do not go together; see spaceos sbom --help")
				}
				return cli.ExactArgs()(cmd, args)
			}
			return cli.ExactArgs("IMAGE")(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			options := registry.Options{PlainHTTP: plain}
			switch {
			case from != "":
				return attachedSBOM(s.Out, from, options)
			case attach != "":
				return attachSBOM(s.Out, args[0], attach, options)
			}
			document, _, err := sbomOf(args[0])
			if err == nil {
				_, err = s.Out.Write(document)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&attach, "attach", "", "attach it to the image at this `REFERENCE` in a registry")
	cmd.Flags().StringVar(&from, "from", "", "print the one attached to the image at this `REFERENCE`")
	addPlainHTTP(cmd, &plain)
	return cmd
}

func sbomOf(path string) (document []byte, img *image.Image, err error) {
	l, err := image.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return sbom.Of(l)
}

func attachSBOM(out io.Writer, path, reference string, o registry.Options) error {
	document, img, err := sbomOf(path)
	if err != nil {
		return err
	}
	r, err := registry.Open(reference, o)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	there, err := r.Look(ctx)
	if err != nil {
		return err
	}
	if there.Digest != img.Digest {
		return fmt.Errorf("%s is not the image at %s (%v there, %v here): push it first", path, r, there.Digest, img.Digest)
	}
	if err := r.Attach(ctx, img, sbom.MediaType, img.Manifest.Name+"-"+img.Manifest.Version+".cdx.json", document); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "attached an SBOM to %s\n", r)
	return err
}

func attachedSBOM(out io.Writer, reference string, o registry.Options) error {
	r, err := registry.Open(reference, o)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	img, err := r.Look(ctx)
	if err != nil {
		return err
	}
	documents, err := r.Attached(ctx, img, sbom.MediaType)
	if err != nil {
		return err
	}
	switch len(documents) {
	case 0:
		return fmt.Errorf("%s: no SBOM is attached to this image: spaceos sbom --attach does it", r)
	case 1:
		return printSBOM(out, r.String(), documents[0])
	}
	return fmt.Errorf("%s: %d SBOMs are attached to this image, and at most one can be right: pull the image and run spaceos sbom", r, len(documents))
}

// printSBOM prints what anybody may have attached who can push there.
func printSBOM(out io.Writer, from string, document []byte) error {
	order := func(r rune) bool { return r > ' ' && unicode.IsControl(r) } // JSON has no others below
	if !json.Valid(document) || !utf8.Valid(document) || bytes.ContainsFunc(document, order) {
		return fmt.Errorf("%s: what is attached as an SBOM is no JSON without control characters: pull the image and run spaceos sbom", from)
	}
	_, err := out.Write(document)
	return err
}
