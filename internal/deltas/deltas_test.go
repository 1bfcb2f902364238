package deltas

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/klauspost/compress/zstd"

	"spaceos"
	"spaceos/image"
	"spaceos/image/delta"
	"spaceos/internal/trusttest"
	"spaceos/trust"
)

// budget is what a delta of one changed line may have of the uncompressed
// image.
const budget = 0.02

// result is what became of a fixture.
type result struct {
	*delta.Report
	compressed  int64 // of the new image: all its blobs, each by itself
	make, apply time.Duration
	old, new    string // programs
	image       spaceos.Digest
}

// send makes and applies the delta of a fixture, and sees that it led to the
// new image.
func (f fixture) send(t testing.TB) result {
	t.Helper()
	dir := t.TempDir()
	var r result
	before, oldProgram, err := f.make(dir, "1", false)
	if err != nil {
		t.Fatal(err)
	}
	after, newProgram, err := f.make(dir, "2", true)
	if err != nil {
		t.Fatal(err)
	}
	r.old, r.new = oldProgram, newProgram
	old, _ := open(t, before)
	new, img := open(t, after)
	var patch bytes.Buffer
	start := time.Now()
	if r.Report, err = delta.Make(&patch, old, new); err != nil {
		t.Fatal(err)
	}
	r.make = time.Since(start)
	start = time.Now()
	want := delta.Blob{Digest: img.Digest, Size: img.Size}
	r.image = img.Digest
	made := filepath.Join(dir, "made")
	if _, err := delta.ApplyTo(made, old, bytes.NewReader(patch.Bytes()), int64(patch.Len()), want); err != nil {
		t.Fatal(err)
	}
	r.apply = time.Since(start)
	if _, got := open(t, made); got.Digest != img.Digest {
		t.Fatalf("made %v, want %v", got.Digest, img.Digest)
	}
	r.compressed = compressed(t, new, img)
	return r
}

func open(t testing.TB, name string) (*image.Layout, *image.Image) {
	t.Helper()
	l, err := image.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	img, err := l.Verify()
	if err != nil {
		t.Fatal(err)
	}
	return l, img
}

func compressed(t testing.TB, l *image.Layout, img *image.Image) (sum int64) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	for _, d := range img.Blobs() {
		b, err := l.Blob(d.Digest, d.Size)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, d.Size)
		if _, err := b.ReadAt(data, 0); err != nil {
			t.Fatal(err)
		}
		b.Close()
		sum += int64(len(enc.EncodeAll(data, nil)))
	}
	return sum
}

// check holds a result against the budget.
func (f fixture) check(t testing.TB, r result) {
	t.Helper()
	if share := float64(r.Bytes()) / float64(r.Size()); share > budget {
		t.Errorf("%s: the delta has %d bytes, %.2f %% of the image's %d, want at most %g %%", f.name, r.Bytes(), 100*share, r.Size(), 100*budget)
	}
	if f.tree == goTree && r.Size() < 5<<20 {
		t.Errorf("%s: the image has %d bytes, and should be of 5 MB at least", f.name, r.Size())
	}
}

// TestOneLineMakesASmallDelta holds for the C program and for the change that
// moves most of the Go program; the benchmark holds all.
func TestOneLineMakesASmallDelta(t *testing.T) {
	for _, f := range fixtures() {
		switch f.name {
		case "cloudmask, a statement added", "Go, a statement added in main":
			t.Run(f.name, func(t *testing.T) {
				r := f.send(t)
				f.check(t, r)
				t.Logf("%d bytes, %.3f %% of the image, %.2f %% of it compressed", r.Bytes(), 100*float64(r.Bytes())/float64(r.Size()), 100*float64(r.Bytes())/float64(r.compressed))
			})
		}
	}
}

// TestAllBytesOfAnUpdate is what crosses the link when a line of cloudmask has
// changed: the delta, and the metadata of one of fifty tenants with the plan.
func TestAllBytesOfAnUpdate(t *testing.T) {
	all := fixtures()
	f := all[slices.IndexFunc(all, func(f fixture) bool { return f.name == "cloudmask, a statement added" })]
	r := f.send(t)

	repository := trusttest.Fifty(1, 1)
	craft, runs := trusttest.NewCraft(t, repository), trusttest.All(repository)
	craft.Update(runs...)
	at := slices.IndexFunc(runs, func(run trust.Run) bool { return run.Tenant == "tenant-7" })
	repository.Tenants["tenant-7"].Sign("app_2", r.image)
	runs[at].Version, runs[at].Image = "2", r.image
	metadata := craft.Print("one payload of fifty tenants", craft.Update(runs...))
	if _, err := craft.Verifier.Admit(trust.Claim{Run: runs[at]}); err != nil {
		t.Errorf("the updated payload: %v", err)
	}
	t.Logf("total: one changed line of cloudmask: %d bytes of delta and %d of metadata, %d in all, for an image of %d",
		r.Bytes(), metadata, r.Bytes()+int64(metadata), r.Size())
}

// others are programs of Debian's that make a difference, and the command that
// makes it of the files OLD and NEW in the file OUT.
var others = []struct{ name, command string }{
	{"bsdiff", "bsdiff OLD NEW OUT"},
	{"zstd -19 --patch-from", "zstd -q -19 --long=27 --patch-from=OLD NEW -o OUT"},
	{"zstd -19", "zstd -q -19 NEW -o OUT"},
}

func otherSize(t testing.TB, command string, r result) int64 {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args := strings.Fields(strings.NewReplacer("OLD", r.old, "NEW", r.new, "OUT", out).Replace(command))
	if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, text)
	}
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// BenchmarkFixtures prints a table: each fixture's delta, its share of the
// image, what others make of the program alone, and the speed of both ways.
func BenchmarkFixtures(b *testing.B) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "fixture\timage\tdelta\tof it\tof it compressed\tprogram\tours\tbsdiff\tzstd -19 --patch-from\tzstd -19\tmake\tapply\t")
	for _, f := range fixtures() {
		r := f.send(b)
		f.check(b, r)
		ours, program := int64(0), int64(0)
		for _, c := range r.Costs {
			if c.Name == "program" {
				ours, program = c.Bytes, c.Size
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.3f %%\t%.2f %%\t%d\t%d\t", f.name, r.Size(), r.Bytes(), 100*float64(r.Bytes())/float64(r.Size()), 100*float64(r.Bytes())/float64(r.compressed), program, ours)
		for _, o := range others {
			fmt.Fprintf(w, "%d\t", otherSize(b, o.command, r))
		}
		fmt.Fprintf(w, "%.2f MB/s\t%.0f MB/s\t\n", rate(r.Size(), r.make), rate(r.Size(), r.apply))
	}
	w.Flush()
	b.Logf("bytes; make and apply by the image's bytes a second\n%s", &text)
}

func rate(size int64, d time.Duration) float64 { return float64(size) / 1e6 / d.Seconds() }
