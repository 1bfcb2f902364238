package cloudmask

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var published = []string{"frame0", "frame1", "frame3"}

// program is one build of the payload, as make leaves it.
type program struct {
	path, app string
}

func build(t *testing.T) program {
	t.Helper()
	out := t.TempDir()
	if text, err := exec.Command("make", "OUT="+out).CombinedOutput(); err != nil {
		t.Fatalf("make: %v\n%s", err, text)
	}
	return program{filepath.Join(out, "cloudmask"), filepath.Join(out, "app")}
}

// result is what one run of the program left.
type result struct {
	status         int
	stdout, stderr string
	out            string // the output folder
}

func (p program) run(t *testing.T, in string, options ...string) result {
	t.Helper()
	return p.runInto(t, in, t.TempDir(), options...)
}

func (p program) runInto(t *testing.T, in, out string, options ...string) result {
	t.Helper()
	cmd := exec.Command(p.path, append([]string{"--in", in, "--out", out, "--app", p.app}, options...)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), out}
}

// refused checks that a run ended as bad input must: status 2, one line that
// holds each of the words, nothing in the output folder.
func (r result) refused(t *testing.T, words ...string) {
	t.Helper()
	if r.status != 2 || r.stdout != "" {
		t.Errorf("status %d with output %q, want 2 with none (%s)", r.status, r.stdout, r.stderr)
	}
	if !strings.HasPrefix(r.stderr, "cloudmask: ") || strings.Count(r.stderr, "\n") != 1 || !strings.HasSuffix(r.stderr, "\n") {
		t.Errorf("standard error is %q, want one line", r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("standard error is %q, want %q in it", r.stderr, w)
		}
	}
	r.left(t)
}

// left checks which files are in the output folder.
func (r result) left(t *testing.T, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(r.out)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("output folder holds %q, want %q", got, want)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sameBytes says where two files part.
func sameBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s: byte %d is %#02x, want %#02x", what, i, got[i], want[i])
			return
		}
	}
	t.Errorf("%s: %d bytes, want %d", what, len(got), len(want))
}

func TestPublishedResultsComeOutByteForByte(t *testing.T) {
	r := build(t).run(t, "testdata")
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("status %d, standard error %q", r.status, r.stderr)
	}
	var want []string
	for _, name := range published {
		for _, suffix := range []string{".clp.hdr", ".clp.img", ".json", ".mask.hdr", ".mask.img"} {
			want = append(want, name+suffix)
		}
		for _, suffix := range []string{".clp.img", ".mask.img"} {
			file := name + suffix
			sameBytes(t, file, read(t, filepath.Join(r.out, file)), read(t, filepath.Join("testdata", file)))
		}
		for _, suffix := range []string{".clp.img", ".mask.img"} { // the headers fit the data
			if _, err := ReadRaster(filepath.Join(r.out, name+suffix)); err != nil {
				t.Error(err)
			}
		}
	}
	r.left(t, want...)
	wantLines := "frame0: 0.00 % cloud, keep\nframe1: 99.85 % cloud, drop\nframe3: 0.00 % cloud, keep\n"
	if r.stdout != wantLines {
		t.Errorf("standard output is %q, want %q", r.stdout, wantLines)
	}
}

// item is what the tests look at in a STAC item.
type item struct {
	Type     string
	Version  string `json:"stac_version"`
	ID       string
	Geometry *struct {
		Type        string
		Coordinates [][][2]float64
	}
	BBox       []float64
	Properties struct {
		Datetime   *string
		Start, End string
		Cover      float64 `json:"eo:cloud_cover"`
		Decision   string  `json:"cloudmask:decision"`
	}
	Assets map[string]struct{ Href string }
}

func readItem(t *testing.T, path string) item {
	t.Helper()
	var it item
	if err := json.Unmarshal(read(t, path), &it); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return it
}

func TestItemSaysWhatWhenAndWhere(t *testing.T) {
	p := build(t)
	r := p.run(t, "testdata", "--max-cloud", "99.9")
	it := readItem(t, filepath.Join(r.out, "frame1.json"))
	if it.Type != "Feature" || it.Version != "1.0.0" || it.ID != "frame1" {
		t.Errorf("item is a %q of STAC %q named %q", it.Type, it.Version, it.ID)
	}
	if it.Properties.Datetime == nil || *it.Properties.Datetime != "2015-07-31T10:00:09Z" {
		t.Errorf("datetime is %v, want the header's", it.Properties.Datetime)
	}
	if got := it.Properties.Cover; math.Abs(got-99.8515) > 1e-4 || it.Properties.Decision != "keep" {
		t.Errorf("%g %% cloud: %s, want 99.8515 %%: keep", got, it.Properties.Decision)
	}
	// The corners by PROJ 9, EPSG:32633 to EPSG:4326.
	want := []float64{14.551339788, 45.865889, 14.564289241, 45.875027}
	for i, v := range want {
		if len(it.BBox) != 4 || math.Abs(it.BBox[i]-v) > 1e-6 {
			t.Fatalf("bbox is %v, want %v", it.BBox, want)
		}
	}
	if ring := it.Geometry.Coordinates[0]; len(ring) != 5 || ring[0] != ring[4] {
		t.Errorf("outline is %v, want a closed ring of four corners", ring)
	}
	for key, asset := range it.Assets {
		if _, err := os.Stat(filepath.Join(r.out, asset.Href)); err != nil {
			t.Errorf("asset %s: %v", key, err)
		}
	}
}

func TestItemOfAFrameThatSaysNoPlaceAndTime(t *testing.T) {
	in := t.TempDir()
	loadFrame(t, "frame0").crop(5, 4).write(t, in, "plain", variant{})
	r := build(t).run(t, in)
	it := readItem(t, filepath.Join(r.out, "plain.json"))
	if it.Geometry != nil || it.BBox != nil || it.Properties.Datetime != nil {
		t.Errorf("item has geometry %v, bbox %v, datetime %v, want none", it.Geometry, it.BBox, it.Properties.Datetime)
	}
	text := read(t, filepath.Join(r.out, "plain.json"))
	for _, key := range []string{"start_datetime", "end_datetime"} { // STAC wants both where datetime is null
		if !bytes.Contains(text, []byte(key)) {
			t.Errorf("item has no %s: %s", key, text)
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	p := build(t)
	cases := []struct {
		name    string
		options []string
		words   []string
	}{
		{"an unknown option", []string{"--cloud"}, []string{"--cloud", "--help"}},
		{"an argument", []string{"frame0"}, []string{"frame0", "--help"}},
		{"a value that is missing", []string{"--threshold"}, []string{"--threshold", "--help"}},
		{"a threshold above 1", []string{"--threshold", "1.5"}, []string{"--threshold 1.5", "from 0 to 1"}},
		{"a threshold that is no number", []string{"--threshold", "nan"}, []string{"--threshold nan"}},
		{"a radius below 0", []string{"--average", "-1"}, []string{"--average -1"}},
		{"a radius that is huge", []string{"--dilate", "1e9"}, []string{"--dilate 1e9"}},
		{"a radius that is not whole", []string{"--dilate", "1.5"}, []string{"--dilate 1.5", "whole"}},
		{"a cloud cover above 100", []string{"--max-cloud", "101"}, []string{"--max-cloud 101"}},
		{"a path that is too long", []string{"--in", strings.Repeat("x/", 2000)}, []string{"too long"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p.run(t, "testdata", c.options...).refused(t, c.words...)
		})
	}
	help := p.run(t, "testdata", "--help")
	for _, option := range []string{"--in", "--out", "--app", "--threshold", "--average", "--dilate", "--max-cloud"} {
		if help.status != 0 || !strings.Contains(help.stdout, option+" ") {
			t.Errorf("--help: status %d, no %s in %q", help.status, option, help.stdout)
		}
	}
}

func TestAnOutputFolderThatIsMissingIsAFailure(t *testing.T) {
	out := filepath.Join(t.TempDir(), "none")
	r := build(t).runInto(t, "testdata", out)
	if r.status != 1 || !strings.Contains(r.stderr, "none") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("status %d, standard error %q, want 1 and one line that names the folder", r.status, r.stderr)
	}
}

func TestAFullDiskLeavesNothingHalfWritten(t *testing.T) {
	p := build(t)
	in := t.TempDir()
	loadFrame(t, "frame1").write(t, in, "f", variant{})
	for _, blocks := range []int{0, 16, 39} { // of 1024 bytes, the largest file that may be written
		r := result{out: t.TempDir()}
		script := fmt.Sprintf(`trap "" XFSZ; ulimit -f %d; exec "$0" --in "$1" --out "$2" --app "$3"`, blocks)
		cmd := exec.Command("bash", "-c", script, p.path, in, r.out, p.app)
		text, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != 1 || bytes.Count(text, []byte("\n")) != 1 {
			t.Errorf("at most %d KiB: status %d, output %q, want 1 and one line", blocks, got, text)
		}
		r.left(t)
	}
}
