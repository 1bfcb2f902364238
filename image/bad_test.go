package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spaceos"
)

// blobOf is the file of the small payload's blob with some bytes.
func blobOf(text string) string { return blobName(spaceos.DigestOf([]byte(text))) }

// A badLayout is a layout that is wrong in one thing.
type badLayout struct {
	name   string
	change func(t *testing.T, l layout)
	reason error
	text   string // in the sentence
}

// verify gives what Verify says of a folder or a tar.
func verify(path string) error {
	l, err := Open(path)
	if err != nil {
		return err
	}
	defer l.Close()
	_, err = l.Verify()
	return err
}

// refused wants an error of a reason that names the layout and says why.
func refused(t *testing.T, err error, path string, reason error, text string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, reason) || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), text) {
		t.Errorf("got  %v\nwant %q because of %q, for %s", err, text, reason, path)
	}
	if err != nil && strings.ContainsAny(err.Error(), "\n\x00\x1b") {
		t.Errorf("%q is not one line of plain text", err.Error())
	}
}

// TestBadLayouts has one layout for each rule, as a folder and as a tar.
func TestBadLayouts(t *testing.T) {
	for _, cases := range [][]badLayout{layoutCases, indexCases, manifestCases, blobCases} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				l := goodLayout(t)
				c.change(t, l)
				dir := t.TempDir()
				folder, packed := filepath.Join(dir, "bad"), filepath.Join(dir, "bad.tar")
				l.folder(t, folder)
				if err := os.WriteFile(packed, l.tar(t), 0o644); err != nil {
					t.Fatal(err)
				}
				for _, p := range []string{folder, packed} {
					refused(t, verify(p), p, c.reason, c.text)
				}
			})
		}
	}
}

// set gives a file of the layout other bytes.
func set(name, text string) func(*testing.T, layout) {
	return func(_ *testing.T, l layout) { l[name] = []byte(text) }
}

// edit changes a text in a file of the layout.
func edit(name, old, new string) func(*testing.T, layout) {
	return func(t *testing.T, l layout) { l.edit(t, name, old, new) }
}

// inManifest changes a text in the OCI manifest.
func inManifest(old, new string) func(*testing.T, layout) {
	return func(t *testing.T, l layout) { l.edit(t, l.manifest(t), old, new) }
}

// inConfig changes a text in the payload's manifest.
func inConfig(old, new string) func(*testing.T, layout) {
	return func(t *testing.T, l layout) { l.edit(t, l.config(t), old, new) }
}

var layoutCases = []badLayout{
	{"no oci-layout", func(_ *testing.T, l layout) { delete(l, layoutFile) }, ErrNotLayout, "oci-layout: there is no such file, so this is no OCI image layout"},
	{"another version", set(layoutFile, `{"imageLayoutVersion":"2.0.0"}`), ErrNotLayout, `oci-layout: the version of the layout is "2.0.0", and 1.0.0 is what can be read`},
	{"no version", set(layoutFile, `{}`), ErrNotLayout, `oci-layout: the version of the layout is ""`},
	{"a version in other case", set(layoutFile, `{"ImageLayoutVersion":"1.0.0"}`), ErrNotLayout, `oci-layout: the version of the layout is ""`},
	{"oci-layout is no JSON", set(layoutFile, `one`), ErrMalformed, "oci-layout: it is not JSON"},
	{"oci-layout is too long", set(layoutFile, strings.Repeat(" ", maxLayoutFile)+`{"imageLayoutVersion":"1.0.0"}`), ErrLimit, "oci-layout: it has 4126 bytes, and 4096 are allowed"},
	{"no index", func(_ *testing.T, l layout) { delete(l, indexFile) }, ErrNotLayout, "index.json: there is no such file"},
}

var indexCases = []badLayout{
	{"index ends too early", set(indexFile, `{"schemaVersion":2,"manifests":[`), ErrMalformed, "index.json: it is JSON that ends too early"},
	{"index is empty", set(indexFile, ""), ErrMalformed, "index.json: it is JSON that ends too early"},
	{"index is a list", set(indexFile, "[]"), ErrMalformed, "index.json: it is JSON, but not an object"},
	{"index is not UTF-8", set(indexFile, "{\"a\":\"\xff\"}"), ErrMalformed, "index.json: it is not UTF-8"},
	{"index is followed by more", set(indexFile, `{"schemaVersion":2,"manifests":[]} {}`), ErrMalformed, "index.json: something follows the end of its JSON"},
	{"index nests deeply", set(indexFile, `{"a":`+strings.Repeat("[", 100_000)), ErrMalformed, "index.json: it nests deeper than 8 levels"},
	{"a key twice in the index", edit(indexFile, `{"manifests":`, `{"manifests":[],"manifests":`), ErrMalformed, `index.json: the key "manifests" stands twice in one object`},
	{"a digest twice in a descriptor", edit(indexFile, `"digest":`, `"digest":"sha256:00","digest":`), ErrMalformed, `index.json: the key "digest" stands twice`},
	{"index is too long", func(_ *testing.T, l layout) {
		l[indexFile] = append(l[indexFile], bytes.Repeat([]byte(" "), MaxManifest)...)
	}, ErrLimit, "index.json: it has 1048"},
	{"another schema version", edit(indexFile, `"schemaVersion":2`, `"schemaVersion":1`), ErrMalformed, "index.json: schemaVersion is not 2"},
	{"the index is of another type", edit(indexFile, TypeIndex, "application/json"), ErrMalformed, `index.json: mediaType is "application/json"`},
	{"manifests are no list", set(indexFile, `{"schemaVersion":2,"manifests":{}}`), ErrMalformed, `index.json: "manifests" is not a list`},
	{"a manifest is no object", set(indexFile, `{"schemaVersion":2,"manifests":["x"]}`), ErrMalformed, `index.json: "manifests" holds something that is not an object, at place 0`},
	{"an index in the index", edit(indexFile, TypeManifest, TypeIndex), ErrMalformed, "index.json: manifest 1 of the list: its mediaType is \"" + TypeIndex},
	{"no manifest", set(indexFile, `{"schemaVersion":2,"manifests":[]}`), ErrNotImage, "index.json: it names no manifest, so there is no image"},
	{"too many manifests", set(indexFile, `{"schemaVersion":2,"manifests":[{}`+strings.Repeat(`,{}`, maxManifests)+`]}`), ErrLimit, "index.json: it names 65 manifests, and 64 are allowed"},
	{"a digest of another kind", edit(indexFile, `"digest":"sha256:`, `"digest":"sha512:`), ErrMalformed, "is not a digest of the form sha256:"},
	{"a digest that leads out", func(_ *testing.T, l layout) {
		l[indexFile] = []byte(`{"schemaVersion":2,"manifests":[{"mediaType":"` + TypeManifest + `","size":4,"digest":"sha256:../../../../../../etc/passwd"}]}`)
	}, ErrMalformed, "is not a digest of the form sha256:"},
	{"a negative size", edit(indexFile, `"size":`, `"size":-`), ErrMalformed, "which is no whole number of 0 or more"},
	{"a size with a fraction", edit(indexFile, `"size":`, `"size":0.`), ErrMalformed, "which is no whole number of 0 or more"},
	{"a size beyond 64 bits", edit(indexFile, `"size":`, `"size":99999999999999999999`), ErrMalformed, "which is no whole number of 0 or more"},
	{"a size as text", edit(indexFile, `"size":`, `"size":"1","was":`), ErrMalformed, `"size" is missing, or not a number`},
	{"annotations are a list", edit(indexFile, `"annotations":{`, `"annotations":[],"was":{`), ErrMalformed, `"annotations" is not an object`},
	{"an annotation is a number", edit(indexFile, `"annotations":{`, `"annotations":{"a":1,`), ErrMalformed, `"annotations" holds "a", which is not a string`},
	{"a manifest of 10 GB", edit(indexFile, `"size":`, `"size":10000000000,"was":`), ErrLimit, "a manifest of 10000000000 bytes is claimed, and 1048576 are allowed"},
	{"two images", func(t *testing.T, l layout) {
		second := goodLayout(t)
		second.edit(t, second.manifest(t), `"schemaVersion":2}`, `"schemaVersion":2}`)
		other := strings.Replace(string(second[second.manifest(t)]), "model/again.bin", "model/other.bin", 1)
		name := blobOf(other)
		l[name] = []byte(other)
		l.edit(t, indexFile, `"manifests":[`, `"manifests":[{"mediaType":"`+TypeManifest+`","digest":"sha256:`+filepath.Base(name)+`","size":`+fmt.Sprint(len(other))+`},`)
	}, ErrNotImage, "index.json: it names two sealed images"},
}

var manifestCases = []badLayout{
	{"a container's image", func(t *testing.T, l layout) {
		l.replace(t, l.manifest(t), []byte(`{"schemaVersion":2,"mediaType":"`+TypeManifest+`","config":{},"layers":[]}`))
	}, ErrNotImage, "index.json: it names no sealed image but a container's image"},
	{"another kind of artifact", inManifest(TypePayload, "application/vnd.example.chart"), ErrNotImage, "index.json: it names no sealed image but application/vnd.example.chart"},
	{"a kind of artifact for terminals", inManifest(TypePayload, "\u009b2J"), ErrNotImage, `index.json: it names no sealed image but "\u009b2J"`},
	{"the manifest is no JSON", func(t *testing.T, l layout) { l.replace(t, l.manifest(t), []byte("hello")) }, ErrMalformed, "it is not JSON"},
	{"the manifest has white space", inManifest(`"schemaVersion":2}`, `"schemaVersion": 2}`), ErrMalformed, "not canonical JSON"},
	{"the manifest has an unknown member", inManifest(`"schemaVersion":2}`, `"schemaVersion":2,"subject":{}}`), ErrMalformed, "manifest.subject is not as it should be: it is unknown here"},
	{"the manifest is of another schema", inManifest(`"schemaVersion":2}`, `"schemaVersion":3}`), ErrMalformed, "manifest.schemaVersion is not as it should be"},
	{"the manifest is of another type", inManifest(`"mediaType":"`+TypeManifest+`"`, `"mediaType":"application/json"`), ErrMalformed, "manifest.mediaType is not as it should be"},
	{"the config is of another type", inManifest(TypeConfig, "application/json"), ErrMalformed, "manifest.config.mediaType is not as it should be"},
	{"the config claims 10 GB", func(t *testing.T, l layout) {
		l.edit(t, l.manifest(t), fmt.Sprintf(`%s","size":%d`, TypeConfig, len(l[l.config(t)])), TypeConfig+`","size":10000000000`)
	}, ErrMalformed, "manifest.config.size is not as it should be: it is 10000000000, and should be from 0 to 1048576"},
	{"the config is no manifest", func(t *testing.T, l layout) { l.replace(t, l.config(t), []byte("{}")) }, ErrMalformed, "is missing"},
	{"the config has white space", inConfig(`"priority":5`, `"priority": 5`), ErrMalformed, "not canonical JSON"},
	{"the title is another", inManifest(`title":"hello","org`, `title":"other","org`), ErrMalformed, `its annotation org.opencontainers.image.title is "other", and the payload's manifest says "hello"`},
	{"the version is another", inManifest(`"1.0.0"`, `"1.0.1"`), ErrMalformed, `its annotation org.opencontainers.image.version is "1.0.1", and the payload's manifest says "1.0.0"`},
	{"the vendor is another", inManifest(`"acme"`, `"acme2"`), ErrMalformed, `its annotation org.opencontainers.image.vendor is "acme2", and the payload's manifest says "acme"`},
	{"a licence that the manifest does not name", inManifest(`"org.opencontainers.image.title":"hello","org`, `"org.opencontainers.image.licenses":"MIT-0","org.opencontainers.image.title":"hello","org`), ErrMalformed, `it has an annotation "org.opencontainers.image.licenses", which the payload's manifest does not make`},
	{"an annotation more", inManifest(`image.version":"1.0.0"`, `image.version":"1.0.0","x":"y"`), ErrMalformed, `it has an annotation "x", which the payload's manifest does not make`},
	{"an annotation is no text", inManifest(`"acme"`, `1`), ErrMalformed, "is not a string"},
	{"a layer of another type", func(t *testing.T, l layout) {
		l.edit(t, l.manifest(t), TypeFile+`","size":14`, `application/vnd.oci.image.layer.v1.tar","size":14`)
	}, ErrMalformed, "manifest.layers[0].mediaType is not as it should be"},
	{"a layer with an unknown member", inManifest(`"size":14}`, `"size":14,"urls":["http://example.com"]}`), ErrMalformed, "manifest.layers[0].urls is not as it should be: it is unknown here"},
	{"a layer with another annotation", inManifest(`"vnd.spaceos.mode":"0555"},"digest":"sha256:`+strings.TrimPrefix(blobOf(source["hello*"]), blobFolder), `"vnd.spaceos.mode":"0555","x":"y"},"digest":"sha256:`+strings.TrimPrefix(blobOf(source["hello*"]), blobFolder)), ErrMalformed, "manifest.layers[0].annotations.x is not as it should be"},
	{"a file without a path", inManifest(`"org.opencontainers.image.title":"model/empty",`, ``), ErrMalformed, "title is not as it should be: it is missing"},
	{"a file without a mode", inManifest(`"model/empty","vnd.spaceos.mode":"0444"`, `"model/empty"`), ErrMalformed, "vnd.spaceos.mode is not as it should be: it is missing"},
	{"a file that anyone may write", inManifest(`"model/empty","vnd.spaceos.mode":"0444"`, `"model/empty","vnd.spaceos.mode":"0666"`), ErrMalformed, `it is "0666", and should be 0555 or 0444`},
	{"a path that leads out", inManifest(`"model/empty"`, `"model/../../etc/cron.d/x"`), ErrMalformed, `leads out with ".."`},
	{"a path that is ..", inManifest(`"model/empty"`, `".."`), ErrMalformed, `leads out with ".."`},
	{"an absolute path", inManifest(`"model/empty"`, `"/etc/passwd"`), ErrMalformed, `the path "/etc/passwd" is absolute`},
	{"an empty path", inManifest(`"model/empty"`, `""`), ErrMalformed, "the path is empty"},
	{"a path with an empty part", inManifest(`"model/empty"`, `"model//empty"`), ErrMalformed, "is not clean"},
	{"a path that ends in a slash", inManifest(`"model/empty"`, `"model/empty/"`), ErrMalformed, "is not clean"},
	{"a path with a backslash", inManifest(`"model/empty"`, `"model\\empty"`), ErrMalformed, "has other characters than letters, digits"},
	{"a path with a letter that looks like another", inManifest(`"model/empty"`, "\"model/\u0435mpty\""), ErrMalformed, "has other characters than letters, digits"},
	{"a path that is too long", inManifest(`"model/empty"`, `"model/`+strings.Repeat("y", 255)+`"`), ErrMalformed, "has 261 bytes; at most 255 are allowed"},
	{"a path twice", inManifest(`"model/empty"`, `"model/again.bin"`), ErrMalformed, "files stand in the order of their paths, each once"},
	{"paths out of order", inManifest(`"model/empty"`, `"model/zero"`), ErrMalformed, "files stand in the order of their paths, each once"},
	{"a path of a file and of a folder", inManifest(`"model/empty"`, `"model/table.bin/x"`), ErrMalformed, "files stand in the order"},
	{"a file that is a folder too", inManifest(`"model/again.bin"`, `"model"`), ErrDoubled, "model: this is the path of a file and of a folder"},
	{"a file of 10 GB", inManifest(`"size":14`, `"size":10000000000`), ErrMalformed, "manifest.layers[0].size is not as it should be: it is 10000000000, and should be from 0 to 4294967296"},
	{"files of 10 GB in all", func(t *testing.T, l layout) {
		l.edit(t, l.manifest(t), `"size":14`, `"size":4294967296`)
	}, ErrMalformed, "manifest.layers is not as it should be: it is more than 4294967296 bytes in all"},
	{"a negative size of a file", inManifest(`"size":14`, `"size":-14`), ErrMalformed, "it is -14, and should be from 0"},
	{"a digest in capitals", func(t *testing.T, l layout) {
		hexed := strings.TrimPrefix(blobOf(source["hello*"]), blobFolder)
		l.edit(t, l.manifest(t), hexed, strings.ToUpper(hexed))
	}, ErrMalformed, "manifest.layers[0].digest is not as it should be"},
	{"too many files", func(t *testing.T, l layout) {
		layer := `{"annotations":{"org.opencontainers.image.title":"model/%06d","vnd.spaceos.mode":"0444"},"digest":"` + spaceos.DigestOf(nil).String() + `","mediaType":"` + TypeFile + `","size":0}`
		var layers []string
		for i := range MaxFiles + 1 {
			layers = append(layers, fmt.Sprintf(layer, i))
		}
		l.edit(t, l.manifest(t), `"layers":[`, `"layers":[`+strings.Join(layers, ",")+",")
	}, ErrMalformed, "manifest.layers is not as it should be: it has more than 2048 items"},
	{"no program", inManifest(`"hello","vnd`, `"hell0","vnd`), ErrExtra, "hell0: the manifest names this file neither as program nor as asset"},
	{"the program is missing", func(t *testing.T, l layout) {
		raw := string(l[l.manifest(t)])
		start, end := strings.Index(raw, `"layers":[`)+len(`"layers":[`), strings.Index(raw, `,{"annotations":{"org.opencontainers.image.title":"model/again`)
		l.replace(t, l.manifest(t), []byte(raw[:start]+raw[end+1:]))
	}, ErrMissing, "hello: the manifest names this file as the program, and the image does not have it"},
	{"the program cannot be executed", inManifest(`"hello","vnd.spaceos.mode":"0555"`, `"hello","vnd.spaceos.mode":"0444"`), ErrMalformed, "hello: this is the program, and its mode is 0444"},
	{"a file that the manifest does not name", inManifest(`"model/tools/run"`, `"models"`), ErrExtra, "models: the manifest names this file neither as program nor as asset"},
}

var blobCases = []badLayout{
	{"a blob is missing", func(_ *testing.T, l layout) { delete(l, blobOf(source["hello*"])) }, ErrMissing, blobOf(source["hello*"]) + ": this blob is missing"},
	{"the config is missing", func(t *testing.T, l layout) { delete(l, l.config(t)) }, ErrMissing, "this blob is missing"},
	{"the manifest is missing", func(t *testing.T, l layout) { delete(l, l.manifest(t)) }, ErrMissing, "this blob is missing"},
	{"a blob that nothing names", set(blobOf("extra"), "extra"), ErrExtra, blobOf("extra") + ": nothing in this layout names this file: remove it"},
	{"a file that nothing names", set("blobs/.hidden", ""), ErrExtra, "blobs/.hidden: nothing in this layout names this file"},
	{"a file that nothing names, with a name for terminals", set("blobs/\x1b[2J\nx", ""), ErrExtra, `"blobs/\x1b[2J\nx": nothing in this layout names this file`},
	{"a blob is short", set(blobOf(source["hello*"]), source["hello*"][:13]), ErrSize, "this blob has 13 bytes, and 14 are claimed"},
	{"a blob is long", set(blobOf(source["hello*"]), source["hello*"]+"!"), ErrSize, "this blob has 15 bytes, and 14 are claimed"},
	{"a blob has other bytes", set(blobOf(source["hello*"]), strings.ToUpper(source["hello*"])), ErrDigest, "it is damaged, so copy the image again"},
	{"two blobs are swapped", func(_ *testing.T, l layout) {
		a, b := blobOf(source["model/table.bin"]), blobOf(source["hello*"])
		l[a], l[b] = l[b], l[a]
	}, ErrSize, "bytes, and"},
	{"a blob claims 1 GB", inManifest(`"size":14`, `"size":1000000000`), ErrSize, "this blob has 14 bytes, and 1000000000 are claimed"},
	{"one blob with two sizes", func(t *testing.T, l layout) {
		raw := string(l[l.manifest(t)])
		i := strings.LastIndex(raw, `"size":3}`)
		l.replace(t, l.manifest(t), []byte(raw[:i]+`"size":2}`+raw[i+9:]))
	}, ErrSize, "this blob has 3 bytes, and 2 are claimed"},
	{"an SBOM whose blob is missing", func(t *testing.T, l layout) {
		other := `{"schemaVersion":2,"artifactType":"application/vnd.cyclonedx+json","config":{"mediaType":"a","digest":"` + spaceos.DigestOf(nil).String() + `","size":0},"layers":[{"mediaType":"a","size":3,"digest":"` + spaceos.DigestOf([]byte("bom")).String() + `"}]}`
		l[blobOf(other)] = []byte(other)
		l.edit(t, indexFile, `"manifests":[`, fmt.Sprintf(`"manifests":[{"mediaType":%q,"digest":%q,"size":%d},`, TypeManifest, spaceos.DigestOf([]byte(other)), len(other)))
	}, ErrMissing, blobOf("bom") + ": this blob is missing"},
}

// config is the name of the blob that the OCI manifest names as config.
func (l layout) config(t testing.TB) string {
	t.Helper()
	config, err := configOf(l[l.manifest(t)])
	if err != nil {
		t.Fatal(err)
	}
	return blobName(config.Digest)
}

// TestBadTars has what a tar alone can do.
func TestBadTars(t *testing.T) {
	file := func(name string, size int64) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}
	}
	link := func(kind byte, name, to string) *tar.Header {
		return &tar.Header{Typeflag: kind, Name: name, Linkname: to}
	}
	good := func(more ...*tar.Header) func(*testing.T) []byte {
		return func(t *testing.T) []byte { return goodLayout(t).tar(t, more...) }
	}
	of := func(text string) func(*testing.T) []byte { return func(*testing.T) []byte { return []byte(text) } }
	for _, c := range []struct {
		name   string
		tar    func(*testing.T) []byte
		reason error
		text   string
	}{
		{"a text", of(strings.Repeat("hello\n", 200)), ErrNotLayout, "this is no tar"},
		{"nothing", of(""), ErrNotLayout, "oci-layout: there is no such file"},
		{"compressed with gzip", of("\x1f\x8b\x08\x00" + strings.Repeat("x", 600)), ErrNotLayout, "this is compressed (gzip), and images are not: unpack it first"},
		{"compressed with zstd", of("\x28\xb5\x2f\xfd" + strings.Repeat("x", 600)), ErrNotLayout, "this is compressed (zstd)"},
		{"a name that leads out", good(file("../evil", 0)), ErrName, `"../evil": this entry's name leads out of the layout`},
		{"a name that leads out in the middle", good(file("blobs/../../evil", 0)), ErrName, "this entry's name leads out of the layout"},
		{"an absolute name", good(file("/etc/passwd", 0)), ErrName, "this entry's name leads out of the layout"},
		{"a folder that leads out", good(&tar.Header{Typeflag: tar.TypeDir, Name: "../"}), ErrName, "this entry's name leads out of the layout"},
		{"a name with control characters", good(file("a\x1b[2J/../b", 0)), ErrName, `"a\x1b[2J/../b": this entry's name leads out`},
		{"a symbolic link", good(link(tar.TypeSymlink, "blobs/sha256/link", "/etc/passwd")), ErrKind, "blobs/sha256/link: this entry is a symbolic link"},
		{"a hard link", good(link(tar.TypeLink, "blobs/sha256/link", indexFile)), ErrKind, "blobs/sha256/link: this entry is a hard link"},
		{"a character device", good(&tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}), ErrKind, "null: this entry is a device"},
		{"a block device", good(&tar.Header{Typeflag: tar.TypeBlock, Name: "disk", Devmajor: 8}), ErrKind, "disk: this entry is a device"},
		{"a named pipe", good(&tar.Header{Typeflag: tar.TypeFifo, Name: "pipe"}), ErrKind, "pipe: this entry is a named pipe"},
		{"an entry twice", good(file(indexFile, 0)), ErrDoubled, "index.json: this entry is there twice"},
		{"an entry twice, with ./", good(file("./"+indexFile, 0)), ErrDoubled, "index.json: this entry is there twice"},
		{"a sparse file of GNU", func(t *testing.T) []byte { return sparseGNU(t) }, ErrKind, "big: this entry is a sparse file"},
		{"a sparse file of PAX", func(t *testing.T) []byte { return sparsePAX(t) }, ErrKind, "big: this entry is a sparse file"},
		{"an entry that claims 10 GB", func(t *testing.T) []byte {
			return patchSize(goodLayout(t).tar(t, file("last", 0)), "last", 10_000_000_000)
		}, ErrSize, "last: this entry claims 10000000000 bytes, and the tar ends"},
		{"cut short", func(t *testing.T) []byte { b := goodLayout(t).tar(t); return b[:len(b)-1024-500] }, ErrSize, "and the tar ends"},
		{"cut within a header", func(t *testing.T) []byte { b := goodLayout(t).tar(t); return b[:1024+100] }, ErrMalformed, "this tar is cut short"},
		{"damaged in a header", func(t *testing.T) []byte {
			b := goodLayout(t).tar(t)
			b[bytes.Index(b, []byte(indexFile))]++
			return b
		}, ErrMalformed, "this tar is damaged at entry"},
		{"another tar behind its end", func(t *testing.T) []byte { b := goodLayout(t).tar(t); return append(b, b...) }, ErrMalformed, "something follows the end of this tar"},
		{"endless padding", func(t *testing.T) []byte { return append(goodLayout(t).tar(t), make([]byte, 2<<20)...) }, ErrMalformed, "2097152 bytes follow the end of this tar"},
		{"too many entries", func(t *testing.T) []byte {
			var more []*tar.Header
			for i := range maxEntries {
				more = append(more, file(fmt.Sprintf("f%d", i), 0))
			}
			return goodLayout(t).tar(t, more...)
		}, ErrLimit, "this tar has more than 2304 entries"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), "bad.tar")
			if err := os.WriteFile(p, c.tar(t), 0o644); err != nil {
				t.Fatal(err)
			}
			refused(t, verify(p), p, c.reason, c.text)
		})
	}
}

// patchSize changes the size in the header of an entry.
func patchSize(b []byte, name string, size int64) []byte {
	h := b[bytes.Index(b, []byte(name+"\x00")):][:512]
	copy(h[124:136], fmt.Sprintf("%011o ", size))
	return checksum(b, h)
}

// checksum makes the sum of a header right (POSIX.1-1988, ustar).
func checksum(b, h []byte) []byte {
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// sparseGNU has an entry of the old GNU kind: no bytes, and a size of 10 GB.
func sparseGNU(t testing.TB) []byte {
	b := goodLayout(t).tar(t, &tar.Header{Typeflag: tar.TypeReg, Name: "big", Format: tar.FormatGNU})
	h := b[bytes.Index(b, []byte("big\x00")):][:512]
	h[156] = tar.TypeGNUSparse
	copy(h[483:495], fmt.Sprintf("%011o\x00", int64(8_000_000_000)))
	return checksum(b, h)
}

// sparsePAX has an entry of the kind GNU.sparse.major 1, minor 0.
func sparsePAX(t testing.TB) []byte {
	l := goodLayout(t)
	l["map"] = append([]byte("1\n0\n1000\n"), make([]byte, 1512-9)...) // one piece of 1000 bytes
	b := l.tar(t, &tar.Header{Typeflag: tar.TypeReg, Name: "map", PAXRecords: map[string]string{
		"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "big", "XXX.sparse.realsize": "1000",
	}, Size: 1512, Format: tar.FormatPAX})
	return bytes.ReplaceAll(b, []byte("XXX."), []byte("GNU."))
}

// TestBadFolders has what a folder alone can do.
func TestBadFolders(t *testing.T) {
	program := blobOf(source["hello*"])
	for _, c := range []struct {
		name   string
		change func(dir string) error
		reason error
		text   string
	}{
		{"a blob is a link to a good one", func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, program), filepath.Join(filepath.Dir(dir), "elsewhere")),
				os.Symlink("../../../elsewhere", filepath.Join(dir, program)))
		}, ErrKind, program + ": this is a symbolic link"},
		{"a blob is a link within the layout", func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, program), filepath.Join(dir, "here")),
				os.Symlink("../../here", filepath.Join(dir, program)))
		}, ErrKind, program + ": this is a symbolic link"},
		{"the folder of blobs is a link", func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "blobs"), filepath.Join(dir, "elsewhere")),
				os.Symlink("elsewhere", filepath.Join(dir, "blobs")))
		}, ErrKind, "blobs: this is a symbolic link, and a plain folder should be here"},
		{"the index is a link", func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, indexFile), filepath.Join(dir, "i")), os.Symlink("i", filepath.Join(dir, indexFile)))
		}, ErrKind, "index.json: this is a symbolic link"},
		{"a blob is a named pipe", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, program)), syscall.Mkfifo(filepath.Join(dir, program), 0o600))
		}, ErrKind, program + ": this is a named pipe"},
		{"a blob is a folder", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, program)), os.Mkdir(filepath.Join(dir, program), 0o700))
		}, ErrKind, program + ": this is a folder"},
		{"the index is a device", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, indexFile)), os.Symlink("/dev/zero", filepath.Join(dir, indexFile)))
		}, ErrKind, "index.json: this is a symbolic link"},
		{"a blob of 10 GB that is not there", func(dir string) error {
			return os.Truncate(filepath.Join(dir, program), 10_000_000_000)
		}, ErrSize, "this blob has 10000000000 bytes, and 14 are claimed"},
		{"an index of 10 GB", func(dir string) error {
			return os.Truncate(filepath.Join(dir, indexFile), 10_000_000_000)
		}, ErrLimit, "index.json: it has 10000000000 bytes, and 262144 are allowed"},
		{"a link that nothing names", func(dir string) error {
			return os.Symlink("/etc/passwd", filepath.Join(dir, "blobs", "x"))
		}, ErrKind, "blobs/x: this is a symbolic link"},
		{"more files than an image has", func(dir string) error {
			for i := range maxEntries {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		}, ErrLimit, "there are more than 2304 files and folders in it"},
		{"folders deep in each other", func(dir string) error {
			return os.MkdirAll(filepath.Join(dir, strings.Repeat("x/", 1000)), 0o700)
		}, ErrLimit, "x/x/x/x/x/x/x/x/x: this folder lies deeper than anything in a layout"},
		{"folders without end", func(dir string) error {
			for i := range maxEntries {
				if err := os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), 0o700); err != nil {
					return err
				}
			}
			return nil
		}, ErrLimit, "there are more than 2304 files and folders in it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "bad")
			goodLayout(t).folder(t, dir)
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			refused(t, verify(dir), dir, c.reason, c.text)
		})
	}
}
