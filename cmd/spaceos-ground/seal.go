package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/image"
	"spaceos/internal/cli"
	"spaceos/libos"
	"spaceos/manifest"
	"spaceos/manifest/author"
)

func newSeal(s cli.Streams) *cobra.Command {
	var output string
	var force bool
	cmd := &cobra.Command{
		Use: "seal [flags] [FOLDER]",
		Long: `Make a sealed image of the payload in a folder: of the program and the assets that
its spaceos.yaml names. The same bytes give the same image and the same digest,
anywhere. The image is an OCI image layout: a folder, or a tar if its name ends
in .tar.`,
		Example: "  spaceos seal hello\n  spaceos seal --output hello.tar --force hello",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return cli.ExactArgs("FOLDER")(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			folder := "."
			if len(args) == 1 {
				folder = args[0]
			}
			return sealFolder(s, folder, output, force)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "where the image is written (default NAME-VERSION.oci)")
	cmd.Flags().BoolVar(&force, "force", false, "replace an image that is there already")
	return cmd
}

func sealFolder(s cli.Streams, folder, output string, force bool) (err error) {
	// A file in the folder will do as well: editors and shells complete it.
	if filepath.Base(folder) == author.FileName {
		folder = filepath.Dir(folder)
	}
	switch info, err := os.Stat(folder); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no folder %s: name the one with the payload's %s, or make a starter with spaceos init", folder, author.FileName)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a folder: name the one with the payload's %s, here %s", folder, author.FileName, filepath.Dir(folder))
	}
	m, err := author.Read(filepath.Join(folder, author.FileName))
	if err != nil {
		return didYouMean(err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := checkProgram(&m, root, folder); err != nil {
		return err
	}
	output = cmp.Or(output, m.Name+"-"+m.Version+".oci")
	w, err := image.Create(output, force)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	if _, err := image.Seal(m, root, w); err != nil {
		return err
	}
	return printSealed(s, output)
}

// didYouMean adds the key that a mistyped one may be.
func didYouMean(err error) error {
	var mistake *author.Error
	if errors.As(err, &mistake) && len(mistake.Key) < 100 {
		if best := cli.Nearest(mistake.Key, mistake.Keys); best != "" {
			return fmt.Errorf("%w (did you mean %s?)", err, best)
		}
	}
	return err
}

// checkProgram sees that the program is one that a cell can run, within the
// memory that is asked for.
func checkProgram(m *manifest.Manifest, root *os.Root, folder string) error {
	path := filepath.Join(folder, m.Program)
	info, err := root.Lstat(m.Program)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: there is no such file, and spaceos.yaml names it as the program: build it first", path)
	}
	if err != nil || !info.Mode().IsRegular() {
		return err // image.Seal says what it is instead
	}
	f, err := root.Open(m.Program)
	if err != nil {
		return err
	}
	defer f.Close()
	need, err := libos.CheckProgram(path, f, info.Size())
	if err != nil {
		return err
	}
	if need > uint64(m.Limits.Memory) {
		return fmt.Errorf("%s needs %s of memory for its segments alone, and limits.memory in spaceos.yaml is %v: ask for more", path, spaceos.Bytes(need).Approx(), m.Limits.Memory)
	}
	return nil
}

// printSealed reads back what was written and says what it came to.
func printSealed(s cli.Streams, path string) error {
	v, err := look(path)
	if err != nil {
		return err
	}
	w := newPage(s.Out)
	w.line("sealed %s of %s as %s", v.image.Name(), v.image.Manifest.Tenant, path)
	w.line("\n  digest\t%v", v.Digest)
	v.printFileRows(w)
	return w.flush()
}
