package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"spaceos"
	"spaceos/manifest"
)

// files is a folder in memory: what lies where. Names that end in * may be
// executed.
type files map[string]string

// write puts the files below a folder.
func (f files) write(dir string) error {
	for name, text := range f {
		mode := os.FileMode(0o644)
		if plain, may := strings.CutSuffix(name, "*"); may {
			name, mode = plain, 0o755
		}
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), mode)); err != nil {
			return err
		}
	}
	return nil
}

// source is the folder of a small payload.
var source = files{
	"hello*":           "\x7fELF and so on",
	"model/table.bin":  "\x00\x01\x02",
	"model/again.bin":  "\x00\x01\x02",
	"model/empty":      "",
	"model/tools/run*": "#!/bin/sh\n",
	"notes.txt":        "not an asset",
}

func payload() manifest.Manifest {
	m := manifest.Default()
	m.Name, m.Version, m.Tenant = "hello", "1.0.0", "acme"
	m.Program, m.Assets, m.Subjects = "hello", []string{"model"}, []string{manifest.SubjectFiles}
	return m
}

// seal makes the image of the small payload, as a folder or a tar.
func seal(t *testing.T, m manifest.Manifest, from files, path string) *Image {
	t.Helper()
	dir := t.TempDir()
	if err := from.write(dir); err != nil {
		t.Fatal(err)
	}
	img, err := sealFrom(m, dir, path, false)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func sealFrom(m manifest.Manifest, dir, path string, force bool) (*Image, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	w, err := Create(path, force)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	return Seal(m, root, w)
}

func TestSealedImageIsReadBack(t *testing.T) {
	for _, form := range []string{"hello.oci", "hello.tar"} {
		t.Run(form, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), form)
			made := seal(t, payload(), source, p)
			l, err := Open(p)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got, err := l.Verify()
			if err != nil {
				t.Fatal(err)
			}
			want := []File{
				{"hello", spaceos.DigestOf([]byte(source["hello*"])), 14, true},
				{"model/again.bin", spaceos.DigestOf([]byte("\x00\x01\x02")), 3, false},
				{"model/empty", spaceos.DigestOf(nil), 0, false},
				{"model/table.bin", spaceos.DigestOf([]byte("\x00\x01\x02")), 3, false},
				{"model/tools/run", spaceos.DigestOf([]byte("#!/bin/sh\n")), 10, true},
			}
			if !slices.Equal(got.Files, want) || got.Digest != made.Digest || got.Manifest.Name != "hello" {
				t.Errorf("got %v %+v\nmade %v\nwant %+v", got.Digest, got.Files, made.Digest, want)
			}
			b, err := l.Blob(want[0].Digest, want[0].Size)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if data, err := io.ReadAll(b); err != nil || string(data) != source["hello*"] {
				t.Errorf("the program's blob is %q, %v", data, err)
			}
		})
	}
}

// layout is a layout in memory: files that tests change before they write it.
type layout map[string][]byte

// goodTar is the small payload as a tar.
var goodTar = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := source.write(dir); err != nil {
		return nil, err
	}
	if _, err := sealFrom(payload(), dir, filepath.Join(dir, "good.tar"), false); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "good.tar"))
})

// goodLayout is a layout of the small payload.
func goodLayout(t testing.TB) layout {
	t.Helper()
	packed, err := goodTar()
	if err != nil {
		t.Fatal(err)
	}
	l := layout{}
	for r := tar.NewReader(bytes.NewReader(packed)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return l
		}
		if err != nil {
			t.Fatal(err)
		}
		if l[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// folder writes the layout as a folder.
func (l layout) folder(t *testing.T, dir string) {
	t.Helper()
	f := files{}
	for name, data := range l {
		f[name] = string(data)
	}
	if err := f.write(dir); err != nil {
		t.Fatal(err)
	}
}

// tar packs the layout, and more entries behind it.
func (l layout) tar(t testing.TB, more ...*tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(l)) {
		more = append(more, &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(l[name])), Mode: 0o644})
	}
	for _, h := range more {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		data := l[strings.TrimPrefix(h.Name, "./")]
		if h.Size == 0 {
			data = nil
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// manifest is the name of the blob that the index names.
func (l layout) manifest(t testing.TB) string {
	t.Helper()
	var index struct{ Manifests []struct{ Digest string } }
	if err := json.Unmarshal(l[indexFile], &index); err != nil || len(index.Manifests) == 0 {
		t.Fatalf("index %s: %v", l[indexFile], err)
	}
	return blobFolder + strings.TrimPrefix(index.Manifests[0].Digest, "sha256:")
}

// replace puts a blob in the place of another; every document that names the old
// one names the new one, by its digest and size.
func (l layout) replace(t *testing.T, old string, data []byte) {
	t.Helper()
	delete(l, old)
	fresh := blobName(spaceos.DigestOf(data))
	l[fresh] = data
	named := regexp.MustCompile(`sha256:` + filepath.Base(old) + `","mediaType":"([^"]*)","size":\d+`)
	for _, name := range slices.Sorted(maps.Keys(l)) {
		text := named.ReplaceAll(l[name], fmt.Appendf(nil, `sha256:%s","mediaType":"$1","size":%d`, filepath.Base(fresh), len(data)))
		switch {
		case bytes.Equal(text, l[name]):
		case strings.HasPrefix(name, blobFolder):
			l.replace(t, name, text)
		default:
			l[name] = text
		}
	}
}

// edit changes a text that stands once in a file; a blob gets its new name.
func (l layout) edit(t *testing.T, name, old, new string) {
	t.Helper()
	if n := strings.Count(string(l[name]), old); n != 1 {
		t.Fatalf("%q stands %d times in %s, not once: %s", old, n, name, l[name])
	}
	text := []byte(strings.Replace(string(l[name]), old, new, 1))
	if strings.HasPrefix(name, blobFolder) {
		l.replace(t, name, text)
	} else {
		l[name] = text
	}
}

// TestDecodeHoldsTheConfigToItsName: whoever has the two documents from
// elsewhere than a layout gets the same checks.
func TestDecodeHoldsTheConfigToItsName(t *testing.T) {
	l := goodLayout(t)
	oci, config := l[l.manifest(t)], l[l.config(t)]
	if img, err := Decode(oci, config); err != nil || img.Digest != spaceos.DigestOf(oci) {
		t.Fatalf("the good one: %+v, %v", img, err)
	}
	other := bytes.Replace(config, []byte(`"priority":5`), []byte(`"priority":6`), 1)
	if _, err := Decode(oci, other); !errors.Is(err, ErrDigest) {
		t.Errorf("another config of the same size: got %v, want %v", err, ErrDigest)
	}
	if _, err := Decode(oci, append(config, ' ')); !errors.Is(err, ErrSize) {
		t.Errorf("a longer config: got %v, want %v", err, ErrSize)
	}
}

// TestDecodeTakesPayloadsAlone: a manifest of another kind is none, even if all
// the rest of it would do.
func TestDecodeTakesPayloadsAlone(t *testing.T) {
	l := goodLayout(t)
	oci := bytes.Replace(l[l.manifest(t)], []byte(TypePayload), []byte("application/vnd.example.chart"), 1)
	if _, err := Decode(oci, l[l.config(t)]); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "manifest.artifactType") {
		t.Errorf("got %v, want %v because of its artifactType", err, ErrMalformed)
	}
}

// countingStore counts how often each file is opened.
type countingStore struct {
	store
	opened map[string]int
}

func (s countingStore) open(name string) (io.ReaderAt, int64, io.Closer, error) {
	s.opened[name]++
	return s.store.open(name)
}

// TestABlobIsReadOnce: naming a blob thousands of times does not make Verify
// read it so often.
func TestABlobIsReadOnce(t *testing.T) {
	l := goodLayout(t)
	part := fmt.Sprintf(`{"mediaType":"a","digest":%q,"size":14}`, spaceos.DigestOf([]byte(source["hello*"])))
	other := `{"schemaVersion":2,"artifactType":"application/vnd.example","layers":[` + strings.Repeat(part+",", 1000) + part + `]}`
	l[blobOf(other)] = []byte(other)
	l.edit(t, indexFile, `"manifests":[`, fmt.Sprintf(`"manifests":[{"mediaType":%q,"digest":%q,"size":%d},`, TypeManifest, spaceos.DigestOf([]byte(other)), len(other)))
	packed := l.tar(t)
	s, err := openTar(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	counting := countingStore{s, map[string]int{}}
	layout, err := newLayout("x.tar", counting)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := layout.Verify(); err != nil {
		t.Fatal(err)
	}
	if n := counting.opened[blobOf(source["hello*"])]; n != 1 {
		t.Errorf("the program was opened %d times, want once", n)
	}
	others, err := layout.Others()
	if err != nil || len(others) != 1 || others[0].ArtifactType != "application/vnd.example" || string(others[0].Raw) != other {
		t.Errorf("others are %+v, %v", others, err)
	}
}
