package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/image"
	"spaceos/internal/cli"
	"spaceos/manifest"
)

func newInspect(s cli.Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "inspect IMAGE",
		Long: `Say what a sealed image is, what it asks for, which files it has, and which calls
of the library OS a program in it can reach. Every byte of the image is checked
on the way.`,
		Example: "  spaceos inspect hello.oci\n  spaceos inspect --json hello.tar",
		Args:    cli.ExactArgs("IMAGE"),
		RunE: func(_ *cobra.Command, args []string) error {
			view, err := look(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(s.Out, view)
			}
			return view.print(s.Out)
		},
	}
	cli.JSONFlag(cmd, &asJSON)
	return cmd
}

// A view is all that can be said of an image, as inspect --json prints it.
type view struct {
	Digest     spaceos.Digest  `json:"-"`
	DigestText string          `json:"digest"`
	Manifest   json.RawMessage `json:"manifest"`
	Defaults   []string        `json:"limits-by-default"`
	Files      []fileView      `json:"files"`
	Bytes      spaceos.Bytes   `json:"bytes"`            // of the files
	Compressed spaceos.Bytes   `json:"bytes-compressed"` // of all blobs, each by itself
	Calls      callsView       `json:"calls"`

	image *image.Image
}

type fileView struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	Mode   string `json:"mode"`
}

// look reads all of an image.
func look(path string) (v *view, err error) {
	l, err := image.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	img, err := l.Verify()
	if err != nil {
		return nil, err
	}
	raw, err := img.Manifest.Canonical()
	if err != nil {
		return nil, err
	}
	v = &view{
		Digest: img.Digest, DigestText: img.Digest.String(), Manifest: raw, Defaults: byDefault(&img.Manifest),
		Bytes: img.Bytes(), Calls: reachable(&img.Manifest), image: img,
	}
	for _, f := range img.Files {
		v.Files = append(v.Files, fileView{f.Path, f.Digest.String(), f.Size, f.Mode()})
	}
	v.Compressed, err = compressed(l, img)
	return v, err
}

// byDefault names the limits that are what they are where none is asked for.
func byDefault(m *manifest.Manifest) []string {
	names := []string{}
	ours := manifest.Default()
	def := ours.Limits.List()
	for i, limit := range m.Limits.List() {
		if limit.Value() == def[i].Value() {
			names = append(names, limit.Name)
		}
	}
	return names
}

func (v *view) print(out io.Writer) error {
	m := &v.image.Manifest
	w := newPage(out)
	w.line("%s", v.image.Name()+" of "+m.Tenant)
	w.field("digest", v.Digest.String())
	w.field("description", m.Description)
	w.field("licence", m.Licence)
	w.field("source", strings.TrimSpace(m.Source.Repository+" "+m.Source.Commit))
	w.field("program", image.Words(append([]string{m.Program}, m.Args...)))
	w.field("environment", image.Words(m.Environment()))
	w.field("engine", string(m.Engine))
	w.line("\nlimits")
	def := strings.Join(v.Defaults, " ") + " "
	for _, limit := range m.Limits.List() {
		note := ""
		if strings.Contains(" "+def, " "+limit.Name+" ") {
			note = "by default"
		}
		if limit.Name == "products-per-day" || limit.Name == "log-rate" {
			note = strings.TrimPrefix(note+", over all runs of a day: not held by a single run", ", ")
		}
		w.line("  %s\t%v\t%s", limit.Name, limit, note)
	}
	v.printNeeds(w)
	v.printFiles(w)
	return w.flush()
}

// printNeeds prints what the payload wants to have and to happen.
func (v *view) printNeeds(w *page) {
	m := &v.image.Manifest
	starts := []string{}
	for _, s := range m.Start {
		starts = append(starts, image.Starts(s))
	}
	w.line("\nneeds")
	w.row("services", list(m.Services, "none"))
	w.row("calls", list(m.Subjects, "the core alone"))
	w.row("started by", list(starts, "an order from the ground"))
	w.row("restarted", image.Restarts(m))
	w.row("priority", fmt.Sprintf("%d of 1 (first) to 9 (last)", m.Priority))
	w.line("\nattack surface")
	w.line("  %d of %d calls of the library OS can be reached", len(v.Calls.Reachable), v.Calls.All)
	for _, s := range v.Calls.Subjects {
		w.row(s.Subject, fmt.Sprintf("%d of %d", s.Reachable, s.All))
	}
}

func (v *view) printFiles(w *page) {
	w.line("\nfiles")
	v.printFileRows(w)
}

// printFileRows lists the files and their sum.
func (v *view) printFileRows(w *page) {
	for _, f := range v.Files {
		w.line("  %s\t%v\t%s", f.Path, spaceos.Bytes(f.Size).Approx(), map[bool]string{true: "may be executed"}[f.Mode == "0555"])
	}
	w.line("  %s\t%s\t%s compressed", count(len(v.Files), "file"), v.Bytes.Approx(), v.Compressed.Approx())
}

// list joins names, or says that there are none.
func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
