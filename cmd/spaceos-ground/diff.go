package main

import (
	"cmp"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/image"
	"spaceos/internal/cli"
)

func newDiff(s cli.Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "diff OLD NEW",
		Long: `Say what differs between two sealed images: limits, needs, files, bytes, and the
calls of the library OS that can be reached. + is new, - is gone, ~ has changed.`,
		Example: "  spaceos diff hello-1.0.0.oci hello-1.1.0.oci\n  spaceos diff --json hello-1.0.0.oci hello-1.1.0.oci",
		Args:    cli.ExactArgs("OLD", "NEW"),
		RunE: func(_ *cobra.Command, args []string) error {
			before, err := look(args[0])
			if err != nil {
				return err
			}
			after, err := look(args[1])
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(s.Out, newDiffView(before, after))
			}
			return printDiff(s.Out, before, after)
		},
	}
	cli.JSONFlag(cmd, &asJSON)
	return cmd
}

func printDiff(out io.Writer, before, after *view) error {
	w := newPage(out)
	w.line("from\t%s of %s\t%v", before.image.Name(), before.image.Manifest.Tenant, before.Digest)
	w.line("to\t%s of %s\t%v", after.image.Name(), after.image.Manifest.Tenant, after.Digest)
	if before.Digest == after.Digest {
		w.line("\nnothing differs: it is the same image")
		return w.flush()
	}
	facts, files := image.Compare(before.image, after.image)
	group := ""
	for _, c := range facts {
		if c.Group != group {
			group = c.Group
			w.line("\n%s", group)
		}
		printChange(w, c.Kind, c.Name, c.Old, c.New)
	}
	w.line("\nfiles")
	for _, c := range files {
		path, sizes := cmp.Or(c.Old.Path, c.New.Path), [2]string{sizeOf(c.Old), sizeOf(c.New)}
		if c.Kind == image.Changed && sizes[0] == sizes[1] {
			sizes = [2]string{sizes[0], "other bytes"}
		}
		printChange(w, c.Kind, path, sizes[0], sizes[1])
	}
	if len(files) == 0 {
		w.line("  the same")
	}
	printSizes(w, before, after)
	printCalls(w, before.Calls.Reachable, after.Calls.Reachable, after.Calls.All)
	return w.flush()
}

func printChange(w *page, kind image.Kind, name, before, after string) {
	value := before + after
	if kind == image.Changed {
		value = before + " -> " + after
	}
	if name == "" { // the group has but one
		name, value = value, ""
	}
	w.line("  %c %s\t%s", kind, plain(name), plain(value))
}

func sizeOf(f image.File) string {
	switch {
	case f.Path == "":
		return ""
	case f.Executable:
		return spaceos.Bytes(f.Size).Approx() + " to execute"
	}
	return spaceos.Bytes(f.Size).Approx()
}

func printSizes(w *page, before, after *view) {
	w.line("\nbytes")
	w.line("  files\t%s -> %s\t%s", before.Bytes.Approx(), after.Bytes.Approx(), grown(before.Bytes, after.Bytes))
	w.line("  compressed\t%s -> %s\t%s", before.Compressed.Approx(), after.Compressed.Approx(), grown(before.Compressed, after.Compressed))
	w.line("  in new blobs\t%s", newBlobs(before.image, after.image).Approx())
}

// newBlobs is what an image has of blobs that another has not.
func newBlobs(before, after *image.Image) (sum spaceos.Bytes) {
	held := map[spaceos.Digest]bool{}
	for _, d := range before.Blobs() {
		held[d.Digest] = true
	}
	for _, d := range after.Blobs() {
		if !held[d.Digest] {
			sum += spaceos.Bytes(d.Size)
		}
	}
	return sum
}

// grown is a difference with its sign.
func grown(before, after spaceos.Bytes) string {
	switch {
	case after > before:
		return "+" + (after - before).Approx()
	case after < before:
		return "-" + (before - after).Approx()
	}
	return "the same"
}

func printCalls(w *page, before, after []string, all int) {
	w.line("\ncalls of the library OS that can be reached")
	w.line("  %d -> %d of %d", len(before), len(after), all)
	w.calls('+', without(after, before))
	w.calls('-', without(before, after))
}

// without is the names that are not among others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}
