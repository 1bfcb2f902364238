// Command demo is the project's main job on real data: it runs the cloud
// detector, a sealed image, in a cell on each Sentinel-2 frame of the test data, compares the
// results with the published ones byte for byte, and draws them.
//
// It uses bin/spaceos as anyone would; make demo builds that first. The exit
// status is 1 if a result differs.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"spaceos"
	"spaceos/cell"
	"spaceos/payloads/cloudmask"
)

// Paths in the project, whose root is the working folder.
const (
	tool     = "bin/spaceos"
	sealed   = "bin/cloudmask.oci"
	frames   = "payloads/cloudmask/testdata"
	pictures = "out/demo"
)

// run is one frame's run.
type run struct {
	frame  string // its name
	report cell.Report
	stac   struct {
		Properties struct {
			Cloud    float64 `json:"eo:cloud_cover"`
			Decision string  `json:"cloudmask:decision"`
			When     string  `json:"datetime"`
		} `json:"properties"`
	}
	differs []string // products that are not the published ones
	picture string
}

func main() {
	if err := demo(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(w io.Writer) error {
	names, err := frameNames()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	fmt.Fprintf(w, "Cloud detection on %d Sentinel-2 frames by a sealed image, each in a cell of its own:\n", len(names))
	fmt.Fprintf(w, "%s run --in FRAME --out RESULTS %s\n\n", tool, sealed)
	fmt.Fprintf(w, "%-8s %-11s %8s %-8s %9s %9s %9s %10s  %s\n", "frame", "acquired", "cloud", "decision", "set-up", "run", "of it OS", "memory", "result")
	var runs []*run
	for _, name := range names {
		r := &run{frame: name}
		if err := r.do(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.print(w)
		runs = append(runs, r)
	}
	return summarise(w, runs)
}

// frameNames finds the frames: a frame has published results beside it.
func frameNames() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(frames, "*.mask.img"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no frames in %s (%v): run make demo in the project's root", frames, err)
	}
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(p), ".mask.img")
	}
	return paths, nil
}

func (r *run) do() error {
	work, err := os.MkdirTemp("", "spaceos-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	in, out, report := filepath.Join(work, "in"), filepath.Join(work, "out"), filepath.Join(work, "report.json")
	for _, dir := range []string{in, out} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	for _, ext := range []string{".img", ".hdr"} {
		if err := copyFile(filepath.Join(in, r.frame+ext), filepath.Join(frames, r.frame+ext)); err != nil {
			return err
		}
	}
	cmd := exec.Command(tool, "run", "--in", in, "--out", out, "--report", report, sealed)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	if err := readJSON(report, &r.report); err != nil {
		return err
	}
	if err := readJSON(filepath.Join(out, r.frame+".json"), &r.stac); err != nil {
		return err
	}
	if err := r.compare(out); err != nil {
		return err
	}
	return r.draw(out)
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// compare holds the products against the published ones.
func (r *run) compare(out string) error {
	for _, product := range []string{".clp.img", ".mask.img"} {
		got, err := os.ReadFile(filepath.Join(out, r.frame+product))
		if err != nil {
			return err
		}
		want, err := os.ReadFile(filepath.Join(frames, r.frame+product))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			r.differs = append(r.differs, r.frame+product)
		}
	}
	return nil
}

func (r *run) draw(out string) error {
	img, err := cloudmask.Picture(filepath.Join(frames, r.frame+".img"), filepath.Join(out, r.frame+".clp.img"), filepath.Join(out, r.frame+".mask.img"))
	if err != nil {
		return err
	}
	r.picture = filepath.Join(pictures, r.frame+".png")
	f, err := os.Create(r.picture)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, img), f.Close())
}

func (r *run) print(w io.Writer) {
	verdict := "identical to the published result"
	if len(r.differs) > 0 {
		verdict = "DIFFERS from the published result: " + strings.Join(r.differs, ", ")
	}
	t := r.report.Time
	fmt.Fprintf(w, "%-8s %-11.10s %7.2f%% %-8s %9s %9s %9s %10s  %s\n", r.frame, r.stac.Properties.When,
		r.stac.Properties.Cloud, r.stac.Properties.Decision, millis(t.Setup), millis(t.Wall-t.Setup), millis(t.LibraryOS),
		spaceos.Bytes(r.report.Memory.Touched).Approx(), verdict)
}

func millis(us int64) string {
	return fmt.Sprintf("%.1f ms", float64(us)*float64(time.Microsecond)/float64(time.Millisecond))
}

func summarise(w io.Writer, runs []*run) error {
	fmt.Fprintln(w, "\nset-up: from the command to the payload's first instruction. run: from there to the end,")
	fmt.Fprintln(w, "of which the library OS served calls for the time beside it. memory: pages touched.")
	var bad []string
	fmt.Fprintln(w, "\nPictures (colour, cloud probability, mask):")
	for _, r := range runs {
		fmt.Fprintln(w, "  "+r.picture)
		bad = append(bad, r.differs...)
	}
	if i := runs[0].report.Image; i != nil {
		fmt.Fprintf(w, "\nImage:   %s:%s of %s, %s\n", i.Name, i.Version, i.Tenant, i.Digest)
	}
	fmt.Fprintf(w, "Machine: %s\n", runs[0].report.Host.KVM)
	if len(bad) > 0 {
		return fmt.Errorf("%d results differ from the published ones: %s", len(bad), strings.Join(bad, ", "))
	}
	return nil
}
