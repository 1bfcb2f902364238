package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"spaceos"
	"spaceos/image"
)

const testType = "application/vnd.example.note.v1"

// TestAttachedDocuments: two documents of one kind come back, each once, and
// those of another kind are left alone.
func TestAttachedDocuments(t *testing.T) {
	l := start(t)
	r := l.remote(t, ":1.0.0")
	for _, c := range [][2]string{{testType, "one"}, {testType, "two"}, {testType, "one"}, {"application/vnd.example.other", "three"}} {
		if err := r.Attach(t.Context(), l.img, c[0], c[1]+".txt", []byte(c[1])); err != nil {
			t.Fatal(err)
		}
	}
	documents, err := r.Attached(t.Context(), l.img, testType)
	got := map[string]int{}
	for _, d := range documents {
		got[string(d)]++
	}
	if err != nil || len(got) != 2 || got["one"] != 1 || got["two"] != 1 {
		t.Errorf("attached are %v (%v), want one and two", got, err)
	}
}

// TestManyLargeDocuments: whoever may push can attach what is large, many times.
func TestManyLargeDocuments(t *testing.T) {
	l := start(t)
	r := l.remote(t, ":1.0.0")
	for _, c := range []struct {
		last byte
		want error
	}{{'1', nil}, {'2', image.ErrLimit}} {
		document := append(make([]byte, maxDocument/2), c.last)
		if err := r.Attach(t.Context(), l.img, testType, "large", document); err != nil {
			t.Fatal(err)
		}
		if documents, err := r.Attached(t.Context(), l.img, testType); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%d documents of %d bytes come, %v; want %v", len(documents), len(document), err, c.want)
		}
	}
}

// TestLyingReferrers: what a registry lists as referring to an image is asked.
func TestLyingReferrers(t *testing.T) {
	note := func(subject spaceos.Digest, size int64) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":%q,"config":{},"layers":[{"mediaType":%q,"digest":"sha256:%s","size":%d}],"subject":{"mediaType":%q,"digest":%q,"size":1}}`,
			image.TypeManifest, testType, testType, strings.Repeat("ab", 32), size, image.TypeManifest, subject)
	}
	for _, c := range []struct {
		name   string
		served func(l *liar) string // the manifest
		listed func(served string) spaceos.Digest
		reason error
	}{
		{"of another image", func(*liar) string { return note(spaceos.DigestOf([]byte("other")), 1) }, digestOf, image.ErrMalformed},
		{"of no image", func(*liar) string { return `{"schemaVersion":2}` }, digestOf, image.ErrMalformed},
		{"of 10 GB", func(l *liar) string { return note(l.img.Digest, 10e9) }, digestOf, image.ErrLimit},
		{"missing", func(l *liar) string { return note(l.img.Digest, 1) }, digestOf, ErrNotFound},
		{"of another digest", func(l *liar) string { return note(l.img.Digest, 1) }, func(string) spaceos.Digest { return spaceos.DigestOf(nil) }, image.ErrDigest},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := start(t)
			served := c.served(l)
			listed := c.listed(served)
			l.lie = func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case strings.Contains(r.URL.Path, "/referrers/"):
					w.Header().Set("Content-Type", image.TypeIndex)
					fmt.Fprintf(w, `{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"artifactType":%q}]}`, image.TypeManifest, listed, len(served), testType)
				case strings.HasSuffix(r.URL.Path, listed.String()):
					w.Header().Set("Content-Type", image.TypeManifest)
					w.Header().Set("Docker-Content-Digest", listed.String())
					fmt.Fprint(w, served)
				default:
					return false
				}
				return true
			}
			documents, err := l.remote(t, ":1.0.0").Attached(t.Context(), l.img, testType)
			if !errors.Is(err, c.reason) || len(documents) > 0 {
				t.Errorf("%q, %v; want %v", documents, err, c.reason)
			}
		})
	}
}

func digestOf(s string) spaceos.Digest { return spaceos.DigestOf([]byte(s)) }
