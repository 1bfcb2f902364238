package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/image"
	"spaceos/image/delta"
	"spaceos/internal/cli"
)

func newDelta(s cli.Streams) *cobra.Command {
	return cli.NewGroup("delta", "", `Make, apply and show the difference between two sealed images: what an update
sends to a spacecraft that holds the old one.`,
		newDeltaMake(s), newDeltaApply(s), newDeltaShow(s))
}

func newDeltaMake(s cli.Streams) *cobra.Command {
	var output string
	var force bool
	cmd := &cobra.Command{
		Use:   "make [flags] OLD NEW",
		Short: "Make the delta that turns one image into another",
		Long: `Make the delta that turns the sealed image OLD into NEW. Each file travels in the
way that is shortest: not at all, as pieces of the old file with corrections, or
compressed. The same two images give the same delta, to the byte.`,
		Example: "  spaceos delta make hello-1.0.0.oci hello-1.1.0.oci",
		Args:    cli.ExactArgs("OLD", "NEW"),
		RunE: func(_ *cobra.Command, args []string) error {
			return makeDelta(s, args[0], args[1], output, force)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "where the delta is written (default NAME-OLD-NEW.delta, with the versions)")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there already")
	return cmd
}

func makeDelta(s cli.Streams, before, after, output string, force bool) (err error) {
	old, oldImage, err := openImage(before)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	new, newImage, err := openImage(after)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, new.Close()) }()
	if output == "" {
		output = fmt.Sprintf("%s-%s-%s.delta", newImage.Manifest.Name, oldImage.Manifest.Version, newImage.Manifest.Version)
	}
	if _, err := os.Lstat(output); err == nil && !force {
		return fmt.Errorf("%s: this is there already: take another name, or replace it with --force", output)
	}
	var report *delta.Report
	if err := writeWhole(output, func(w io.Writer) error {
		report, err = delta.Make(w, old, new)
		return err
	}); err != nil {
		return err
	}
	return printDelta(s.Out, report, newImage, output)
}

// writeWhole writes a file that has its name when all of it is on the disk.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // its name is gone if all went well
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush(), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func newDeltaApply(s cli.Streams) *cobra.Command {
	var output, digest string
	var size int64
	cmd := &cobra.Command{
		Use:   "apply [flags] OLD DELTA",
		Short: "Make the new image out of the old one and a delta",
		Long: `Make the new sealed image out of OLD and a delta. It has its name when it is whole
and its digest is right. If this is interrupted, the same command goes on where
it was.

Give --image and --size as the tenant's signed metadata name them. Without them
the delta itself is asked what it leads to, which nobody has signed: check the
new image with spaceos verify before you trust it.`,
		Example: "  spaceos delta apply hello-1.0.0.oci hello-1.0.0-1.1.0.delta\n  spaceos delta apply --image sha256:... --size 1234 --output new.oci old.oci new.delta",
		Args:    cli.ExactArgs("OLD", "DELTA"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.HasSuffix(output, ".tar") {
				return cli.Usagef("--output: %s: a delta makes an image as a folder, in which it goes on when it is interrupted: take a name without .tar; see %s --help", output, cmd.CommandPath())
			}
			if cmd.Flags().Changed("size") && size <= 0 {
				return cli.Usagef("--size: %d is no length: write the number of bytes that the signed metadata name; see %s --help", size, cmd.CommandPath())
			}
			if (digest == "") != (size == 0) {
				return cli.Usagef("--image and --size belong together: give both or none; see %s --help", cmd.CommandPath())
			}
			want := delta.Blob{Size: size}
			if digest != "" {
				var err error
				if want.Digest, err = spaceos.ParseDigest(digest); err != nil {
					return cli.Usagef("--image: %w; see %s --help", err, cmd.CommandPath())
				}
			}
			return applyDelta(s, args[0], args[1], output, want)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "where the new image is written, a folder (default NAME-VERSION.oci)")
	cmd.Flags().StringVar(&digest, "image", "", "digest of the new image, as signed")
	cmd.Flags().Int64Var(&size, "size", 0, "length of the new image's OCI manifest in bytes, as signed")
	return cmd
}

func applyDelta(s cli.Streams, before, patch, output string, want delta.Blob) (err error) {
	return withDelta(before, patch, func(old *image.Layout, f io.ReaderAt, size int64) error {
		signed := want.Size > 0
		made, err := delta.Unsigned(old, f, size)
		switch {
		case err != nil && !signed:
			return err
		case err == nil && signed && made.Digest != want.Digest:
			return fmt.Errorf("%s leads to another image than --image says, to %v: fetch the delta for the image that is signed", patch, made.Digest)
		case err == nil && signed && made.Size != want.Size:
			return fmt.Errorf("%s leads to a manifest of %d bytes, and --size says %d: give both as the signed metadata name them", patch, made.Size, want.Size)
		case !signed:
			want = made
		}
		if output == "" {
			_, img, err := delta.Show(old, f, size)
			if err != nil {
				return err
			}
			output = img.Manifest.Name + "-" + img.Manifest.Version + ".oci"
		}
		img, err := delta.ApplyTo(output, old, f, size, want)
		if err != nil {
			return goesOn(err, output)
		}
		w := newPage(s.Out)
		w.line("made %s of %s as %s", img.Name(), img.Manifest.Tenant, output)
		w.line("\n  digest\t%v", img.Digest)
		if !signed {
			w.line("  signed\tnot looked at: spaceos verify does")
		}
		return w.flush()
	})
}

// goesOn says what an error leaves behind that the next try uses.
func goesOn(err error, output string) error {
	output = filepath.Clean(output)
	staging := filepath.Join(filepath.Dir(output), "."+filepath.Base(output)+".part")
	if _, gone := os.Lstat(staging); gone != nil {
		return err
	}
	return fmt.Errorf("%w; what was made so far is kept in %s, and the same command goes on with it", err, staging)
}

func newDeltaShow(s cli.Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show OLD DELTA",
		Short: "Say what in a delta costs how much",
		Long: `Say which files a delta sends in which way, and what each of them costs in bytes.
A file that is held is not sent, since the old image has it; matched: sent as
pieces of an old file with corrections; prefixed: compressed as what goes on behind
an old file; plain: compressed by itself. (image) and (manifest), which come first,
are the documents of the image itself.`,
		Example: "  spaceos delta show hello-1.0.0.oci hello-1.0.0-1.1.0.delta\n  spaceos delta show --json hello-1.0.0.oci hello-1.0.0-1.1.0.delta",
		Args:    cli.ExactArgs("OLD", "DELTA"),
		RunE: func(_ *cobra.Command, args []string) error {
			return withDelta(args[0], args[1], func(old *image.Layout, f io.ReaderAt, size int64) error {
				report, img, err := delta.Show(old, f, size)
				if err != nil {
					return err
				}
				if asJSON {
					return cli.PrintJSON(s.Out, viewDelta(report, img))
				}
				return printDelta(s.Out, report, img, args[1])
			})
		},
	}
	cli.JSONFlag(cmd, &asJSON)
	return cmd
}

// withDelta opens an old image and a delta for it.
func withDelta(before, patch string, use func(*image.Layout, io.ReaderAt, int64) error) (err error) {
	if isDelta(before) {
		return cli.Usagef("%s is a delta, and the old image comes first: give OLD, then DELTA", before)
	}
	old, _, err := openImage(before)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	f, err := os.Open(patch)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: this is no plain file: name a delta, behind the old image (spaceos delta make makes one)", patch)
	}
	err = use(old, f, info.Size())
	if errors.Is(err, delta.ErrDamaged) || errors.Is(err, delta.ErrBase) {
		return fmt.Errorf("%s: %w", patch, err)
	}
	return err
}

// isDelta says whether a file begins as a delta does.
func isDelta(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(delta.Magic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == delta.Magic
}

// openImage opens an image and reads what it is; its files are checked when
// they are used.
func openImage(path string) (*image.Layout, *image.Image, error) {
	l, err := image.Open(path)
	if err != nil {
		return nil, nil, err
	}
	img, err := l.Image()
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return l, img, nil
}

// printDelta prints what a delta holds.
func printDelta(out io.Writer, r *delta.Report, img *image.Image, path string) error {
	w := newPage(out)
	w.line("%s leads to %s of %s", path, img.Name(), img.Manifest.Tenant)
	w.line("\n  from\t%v", r.Old)
	w.line("  to\t%v, a manifest of %d bytes", r.New, img.Size)
	w.line("  sends\t%s of %s, %.2f %%", spaceos.Bytes(r.Bytes()).Approx(), spaceos.Bytes(r.Size()).Approx(), percent(r.Bytes(), r.Size()))
	w.line("\n  bytes\tof\tfile\t")
	for _, c := range r.Costs {
		how := c.Method.String()
		if c.Base != "" && c.Base != c.Name {
			how += " to " + c.Base
		}
		w.line("  %d\t%d\t%s\t%s", c.Bytes, c.Size, c.Name, how)
	}
	w.line("  %d\t\t%s\t", r.Table, "(the delta's own table)")
	return w.flush()
}

func percent(part, whole int64) float64 {
	return 100 * float64(part) / float64(cmp.Or(whole, 1))
}
