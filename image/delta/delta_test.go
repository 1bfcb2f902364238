package delta

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spaceos"
	"spaceos/image"
	"spaceos/internal/seed"
	"spaceos/manifest"
)

func TestMain(m *testing.M) { seed.Fix(); os.Exit(m.Run()) }

// files is a payload: what lies where below /app. One is called "program".
type files map[string][]byte

// with gives a copy with other files; nil takes one away.
func (f files) with(other files) files {
	all := maps.Clone(f)
	maps.Copy(all, other)
	maps.DeleteFunc(all, func(_ string, data []byte) bool { return data == nil })
	return all
}

// sealed makes the layout of an image and opens it.
func sealed(t testing.TB, version string, f files) (*image.Layout, *image.Image) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "layout")
	seal(t, version, f, to)
	return opened(t, to)
}

// seal makes the layout of an image.
func seal(t testing.TB, version string, f files, to string) {
	t.Helper()
	dir := t.TempDir()
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "hello", version, "acme", "program"
	m.Subjects = []string{manifest.SubjectFiles}
	for name, data := range f {
		p := filepath.Join(dir, "in", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, data, 0o755)); err != nil {
			t.Fatal(err)
		}
		if top, _, _ := strings.Cut(name, "/"); top != "program" && !slices.Contains(m.Assets, top) {
			m.Assets = append(m.Assets, top)
		}
	}
	slices.Sort(m.Assets)
	from, err := os.OpenRoot(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	w, err := image.Create(to, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = image.Seal(m, from, w); err != nil {
		t.Fatal(err)
	}
}

// layoutOf makes a layout and gives its folder.
func layoutOf(t testing.TB, f files) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	seal(t, "1", f, dir)
	return dir
}

func opened(t testing.TB, name string) (*image.Layout, *image.Image) {
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

func made(t testing.TB, old, new *image.Layout) ([]byte, *Report) {
	t.Helper()
	var patch bytes.Buffer
	report, err := Make(&patch, old, new)
	if err != nil {
		t.Fatal(err)
	}
	return patch.Bytes(), report
}

func wanted(img *image.Image) Blob { return Blob{img.Digest, img.Size} }

// random is bytes that do not compress.
func random(seed uint64, n int) []byte {
	r, data := rand.New(rand.NewPCG(seed, 0)), make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// edited is data with something inserted at a place and some bytes behind it
// changed, as code is when a statement comes in before it.
func edited(data []byte, at int) []byte {
	data = slices.Insert(slices.Clone(data), at, []byte("a statement more")...)
	for i := at + 100; i < len(data); i += 97 {
		data[i] += 16
	}
	return data
}

var first = files{
	"program":       random(1, 300<<10),
	"model/table":   random(2, 400<<10),
	"model/same":    random(3, 5000),
	"model/again":   random(3, 5000),
	"model/gone":    random(4, 3000),
	"text/settings": bytes.Repeat([]byte("speed = 10\ncolour = blue\n"), 40),
	"text/empty":    {},
}

var second = first.with(files{
	"program":       edited(first["program"], 70<<10),
	"model/table":   edited(first["model/table"], 1000),
	"model/again":   random(5, 100),
	"model/moved":   edited(first["model/gone"], 2000),
	"model/gone":    nil,
	"text/copy":     first["model/same"],
	"text/settings": bytes.Replace(first["text/settings"], []byte("blue"), []byte("red"), 1),
	"text/new":      []byte(strings.Repeat("all of it is new, and some of it again", 20)),
})

// TestApplyMakesTheNewImage: the whole way, and each blob by the way that suits
// it.
func TestApplyMakesTheNewImage(t *testing.T) {
	old, _ := sealed(t, "1", first)
	new, img := sealed(t, "2", second)
	patch, report := made(t, old, new)
	if again, _ := made(t, old, new); !bytes.Equal(patch, again) {
		t.Error("the same images gave another delta the second time")
	}
	if report.Bytes() != int64(len(patch)) {
		t.Errorf("the report says %d bytes, and the delta has %d", report.Bytes(), len(patch))
	}
	want := map[string]string{
		"(image)": "prefixed (image)", "(manifest)": "prefixed (manifest)",
		"program": "matched program", "model/table": "matched model/table",
		"model/same": "held ", "model/again": "plain ", "model/moved": "prefixed model/gone",
		"text/empty": "held ", "text/new": "plain ", "text/settings": "prefixed text/settings",
	}
	got := map[string]string{}
	for _, c := range report.Costs {
		got[c.Name] = c.Method.String() + " " + c.Base
	}
	if !maps.Equal(got, want) {
		t.Errorf("the blobs are sent as\n%v, want\n%v", got, want)
	}
	to := filepath.Join(t.TempDir(), "new")
	for _, run := range []string{"first", "again"} {
		if _, err := ApplyTo(to, old, bytes.NewReader(patch), int64(len(patch)), wanted(img)); err != nil {
			t.Fatalf("%s: %v", run, err)
		}
		if _, have := opened(t, to); have.Digest != img.Digest {
			t.Fatalf("made %v, want %v", have.Digest, img.Digest)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(to)); len(left) != 1 {
		t.Errorf("beside the new layout there is more: %v", left)
	}
	shown, _, err := Show(old, bytes.NewReader(patch), int64(len(patch)))
	if err != nil || !slices.Equal(shown.Costs, report.Costs) || shown.Bytes() != report.Bytes() {
		t.Errorf("shown: %+v, %v; made: %+v", shown, err, report)
	}
	if b, err := Unsigned(old, bytes.NewReader(patch), int64(len(patch))); err != nil || b != wanted(img) {
		t.Errorf("it leads to %v (%v), want %v", b, err, wanted(img))
	}
}

// TestApplyKeepsWhatIsThere: another layout, or anything else, under the new
// one's name.
func TestApplyKeepsWhatIsThere(t *testing.T) {
	old, _ := sealed(t, "1", first)
	new, img := sealed(t, "2", second)
	patch, _ := made(t, old, new)
	to := filepath.Join(t.TempDir(), "new")
	if err := os.WriteFile(to, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ApplyTo(to, old, bytes.NewReader(patch), int64(len(patch)), wanted(img)); !errors.Is(err, image.ErrExists) {
		t.Errorf("over a file: %v, want %v", err, image.ErrExists)
	}
	if data, _ := os.ReadFile(to); string(data) != "mine" {
		t.Errorf("the file is now %q", data)
	}
	to = filepath.Join(t.TempDir(), "other")
	if err := os.CopyFS(to, os.DirFS(layoutOf(t, first))); err != nil {
		t.Fatal(err)
	}
	if _, err := ApplyTo(to, old, bytes.NewReader(patch), int64(len(patch)), wanted(img)); !errors.Is(err, image.ErrExists) {
		t.Errorf("over another image: %v, want %v", err, image.ErrExists)
	}
}

// TestApplyToGoesOn: on a real file system, a run that stops in the middle leaves
// a hidden folder, and the next one keeps the files that are whole in it.
func TestApplyToGoesOn(t *testing.T) {
	old, _ := sealed(t, "1", first)
	new, img := sealed(t, "2", second)
	patch, report := made(t, old, new)
	dir := t.TempDir()
	to := filepath.Join(dir, "new")
	last := report.Costs[len(report.Costs)-2].Bytes + report.Costs[len(report.Costs)-1].Bytes
	failing := failingAt{bytes.NewReader(patch), int64(len(patch)) - last/2}
	if _, err := ApplyTo(to, old, failing, int64(len(patch)), wanted(img)); !errors.Is(err, errCut) {
		t.Fatalf("the first run: %v, want %v", err, errCut)
	}
	done := filepath.Join(dir, ".new.part", image.BlobName(img.Digest))
	before, err := os.Stat(done)
	if err != nil {
		t.Fatalf("the first run left no manifest: %v", err)
	}
	if _, err := ApplyTo(to, old, bytes.NewReader(patch), int64(len(patch)), wanted(img)); err != nil {
		t.Fatal(err)
	}
	opened(t, to)
	after, err := os.Stat(filepath.Join(to, image.BlobName(img.Digest)))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the manifest was made again (%v)", err)
	}
}

// TestWhatAnEarlierRunMadeIsLookedAt: whole blobs of an earlier run that have
// other bytes or another length, and files that nothing names.
func TestWhatAnEarlierRunMadeIsLookedAt(t *testing.T) {
	old, _ := sealed(t, "1", first)
	new, img := sealed(t, "2", second)
	patch, _ := made(t, old, new)
	program := second["program"]
	for name, left := range map[string][]byte{
		"nothing": nil, "whole": program, "other bytes": random(8, len(program)), "more": append(slices.Clone(program), 0),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDrive(1)
			for _, name := range []string{image.BlobName(spaceos.DigestOf(program)), "blobs/sha256/stranger", "stranger" + partial} {
				if left != nil {
					f, _ := d.Open(".new.part/" + name)
					f.WriteAt(left, 0)
				}
			}
			if _, err := Apply(d, "new", old, bytes.NewReader(patch), int64(len(patch)), wanted(img)); err != nil {
				t.Fatal(err)
			}
			d.whole(t, img)
		})
	}
}

// drain reads a source to its end, in pieces of a size.
func drain(src source, size int64, piece int) ([]byte, error) {
	data := make([]byte, 0, size)
	for int64(len(data)) < size {
		buf := make([]byte, min(int64(piece), size-int64(len(data))))
		n, err := src.Read(buf)
		data = append(data, buf[:n]...)
		if err != nil && int64(len(data)) < size {
			return nil, err
		}
	}
	return data, src.done()
}

// sectionsOf puts sections behind each other and reads them from there.
func sectionsOf(parts [][]byte) (out []section) {
	all := bytes.NewReader(slices.Concat(parts...))
	at := int64(0)
	for _, p := range parts {
		out = append(out, newSection(all, at, int64(len(p))))
		at += int64(len(p))
	}
	return out
}

// change is what may happen to a file.
func change(t *rapid.T, data []byte) []byte {
	for range rapid.IntRange(0, 8).Draw(t, "changes") {
		at := rapid.IntRange(0, len(data)).Draw(t, "at")
		n := rapid.IntRange(0, len(data)-at).Draw(t, "bytes")
		switch rapid.SampledFrom([]string{"insert", "remove", "move", "add"}).Draw(t, "change") {
		case "insert":
			data = slices.Insert(data, at, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "new")...)
		case "remove":
			data = slices.Delete(data, at, at+n)
		case "move":
			piece := slices.Clone(data[at : at+n])
			data = append(slices.Delete(data, at, at+n), piece...)
		case "add":
			by, step := rapid.Byte().Draw(t, "by"), rapid.IntRange(1, 9).Draw(t, "step")
			for i := at; i < at+n; i += step {
				data[i] += by
			}
		}
	}
	return data
}

// TestEachMethodMakesTheFile: whatever happened to a file, each method makes the
// new one of the old, in pieces of any size.
func TestEachMethodMakesTheFile(t *testing.T) {
	q := newSqueezer()
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.ByteMax(rapid.SampledFrom([]byte{0, 3, 255}).Draw(t, "letters"))
		old := rapid.SliceOfN(letters, 0, 400).Draw(t, "old")
		new := change(t, slices.Clone(old))
		matched, err := q.matched(old, new, match(old, new))
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := q.squeeze(new, textWindow)
		prefixed, _ := q.after(old, new)
		for m, parts := range map[Method][][]byte{Matched: matched, Plain: {plain}, Prefixed: {prefixed}} {
			src, err := openSource(m, sectionsOf(parts), bytes.NewReader(old), int64(len(old)), int64(len(new)))
			if err != nil {
				t.Fatal(m, err)
			}
			got, err := drain(src, int64(len(new)), rapid.IntRange(1, 500).Draw(t, "piece"))
			src.close()
			if err != nil || !bytes.Equal(got, new) {
				t.Fatalf("%v of %v: got %v (%v), want %v", m, old, got, err, new)
			}
		}
	})
}

// TestSpansCoverTheFile: spans stand in order, inside both files, and a moved
// piece of code with other addresses is one span.
func TestSpansCoverTheFile(t *testing.T) {
	old := random(7, 20000)
	new := edited(old, 9000)
	spans := match(old, new)
	if want := []span{{0, 0, 9000}, {9000, 9016, 11000}}; !slices.Equal(spans, want) {
		t.Errorf("spans %v, want %v", spans, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		old := rapid.SliceOfN(rapid.ByteMax(2), 0, 300).Draw(t, "old")
		new := change(t, slices.Clone(old))
		at := 0
		for _, s := range match(old, new) {
			if s.length <= 0 || s.new < at || s.new+s.length > len(new) || s.old < 0 || s.old+s.length > len(old) {
				t.Fatalf("old %v, new %v: span %v behind byte %d", old, new, s, at)
			}
			at = s.new + s.length
		}
	})
}

// memoryFile is a File.
type memoryFile struct{ data []byte }

func (f *memoryFile) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(f.data).ReadAt(p, at)
}

func (f *memoryFile) WriteAt(p []byte, at int64) (int, error) {
	if short := int(at) + len(p) - len(f.data); short > 0 {
		f.data = append(f.data, make([]byte, short)...)
	}
	return copy(f.data[at:], p), nil
}

func (f *memoryFile) Size() (int64, error) { return int64(len(f.data)), nil }
func (f *memoryFile) Truncate(n int64) error {
	f.data = f.data[:n]
	return nil
}
func (f *memoryFile) Sync() error  { return nil }
func (f *memoryFile) Close() error { return nil }

// TestWhatAnEarlierRunLeftIsNotBelieved: a file that is begun with anything in
// it, and longer than the new one, becomes the new one.
func TestWhatAnEarlierRunLeftIsNotBelieved(t *testing.T) {
	data := random(9, 3*Checkpoint+5)
	for name, left := range map[string][]byte{
		"nothing": nil, "the beginning": data[:Checkpoint+1], "all": data, "more": append(slices.Clone(data), "more"...),
		"zeros": make([]byte, 2*Checkpoint), "another file": random(10, len(data)),
		"a hole": slices.Concat(data[:Checkpoint], make([]byte, Checkpoint), data[2*Checkpoint:]),
	} {
		t.Run(name, func(t *testing.T) {
			f := &memoryFile{slices.Clone(left)}
			src := held{newSection(bytes.NewReader(data), 0, int64(len(data)))}
			if err := makeBlob(f, src, Blob{spaceos.DigestOf(data), int64(len(data))}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(f.data, data) {
				t.Errorf("the file has %d bytes of digest %v, want %d of %v", len(f.data), spaceos.DigestOf(f.data), len(data), spaceos.DigestOf(data))
			}
		})
	}
}
