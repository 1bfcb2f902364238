package image

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"testing"

	"spaceos"
	"spaceos/manifest"
)

// FuzzOpenTar gives the reader of layouts a tar of any bytes. What it takes as
// whole keeps every rule that the rest of the program relies on. Headers get
// their right sums, since hardly any change to one would get further.
func FuzzOpenTar(f *testing.F) {
	good := goodLayout(f)
	f.Add(good.tar(f))
	f.Add(good.tar(f)[:2048])
	f.Add(sparsePAX(f))
	f.Add(sparseGNU(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := OpenTar(bytes.NewReader(data), int64(len(data)), "fuzz.tar")
		if err != nil {
			if l, err = OpenTar(bytes.NewReader(summed(data)), int64(len(data)), "fuzz.tar"); err != nil {
				return
			}
		}
		defer l.Close()
		img, err := l.Verify()
		if err != nil {
			return
		}
		keepsTheRules(t, img)
		for _, f := range img.Files {
			b, err := l.Blob(f.Digest, f.Size)
			if err != nil {
				t.Fatalf("%s was verified, and is not there: %v", f.Path, err)
			}
			if data, err := io.ReadAll(b); err != nil || spaceos.DigestOf(data) != f.Digest {
				t.Fatalf("%s has other bytes than it was verified with (%v)", f.Path, err)
			}
		}
	})
}

// summed gives every block that may be a header its right sum.
func summed(data []byte) []byte {
	data = bytes.Clone(data)
	for at := 0; at+512 <= len(data); at += 512 {
		if h := data[at : at+512]; string(h[257:262]) == "ustar" {
			checksum(data, h)
		}
	}
	return data
}

var configDigest = regexp.MustCompile(`"config":\{"digest":"sha256:[0-9a-f]{64}","mediaType":"([^"]*)","size":\d+`)

// FuzzDecode gives the reader of images two documents of any bytes; the first
// names the second by its digest, since no change to the second would be read
// else.
func FuzzDecode(f *testing.F) {
	good := goodLayout(f)
	f.Add(good[good.manifest(f)], good[good.config(f)])
	f.Fuzz(func(t *testing.T, oci, config []byte) {
		named := fmt.Appendf(nil, `"config":{"digest":%q,"mediaType":"$1","size":%d`, spaceos.DigestOf(config), len(config))
		img, err := Decode(configDigest.ReplaceAll(oci, named), config)
		if err == nil {
			keepsTheRules(t, img)
		}
	})
}

// keepsTheRules is what whoever has an image relies on.
func keepsTheRules(t *testing.T, img *Image) {
	t.Helper()
	if err := img.Manifest.Validate(); err != nil {
		t.Fatalf("the manifest was taken: %v", err)
	}
	if img.Bytes() > MaxSize || len(img.Files) > MaxFiles {
		t.Fatalf("%d files with %v were taken", len(img.Files), img.Bytes())
	}
	for i, f := range img.Files {
		if err := manifest.ValidPath(f.Path); err != nil {
			t.Fatalf("a file was taken: %v", err)
		}
		if i > 0 && img.Files[i-1].Path >= f.Path {
			t.Fatalf("%s and then %s were taken", img.Files[i-1].Path, f.Path)
		}
	}
	if !img.Program().Executable {
		t.Fatalf("a program was taken that cannot be executed: %+v", img.Program())
	}
}
