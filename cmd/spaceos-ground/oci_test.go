package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/image-spec/schema"

	"spaceos/image"
	"spaceos/manifest"
)

// TestLayoutFollowsOCI holds each document of a layout against the schemas of
// the OCI image specification, with its own validator.
func TestLayoutFollowsOCI(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hello"), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "hello", "1.0.0", "acme", "hello"
	m.Description, m.Licence, m.Source.Repository = `says "hello"`, "MIT", "https://example.org/hello"
	layout := filepath.Join(dir, "hello.oci")
	w, err := image.Create(layout, false)
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Seal(m, root, w)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		kind schema.Validator
		// without is a key that the schema must miss: else it would say nothing
		// of ours.
		without string
	}{
		{"oci-layout", schema.ValidatorMediaTypeLayoutHeader, `"imageLayoutVersion"`},
		{"index.json", schema.ValidatorMediaTypeImageIndex, `"digest"`},
		{"blobs/sha256/" + strings.TrimPrefix(img.Digest.String(), "sha256:"), schema.ValidatorMediaTypeManifest, `"config"`},
	} {
		text, err := os.ReadFile(filepath.Join(layout, c.name))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.kind.Validate(bytes.NewReader(text)); err != nil {
			t.Errorf("%s: %s\n%v", c.name, text, err)
		}
		broken := strings.ReplaceAll(string(text), c.without, `"other"`)
		if err := c.kind.Validate(strings.NewReader(broken)); err == nil {
			t.Errorf("the schema takes %s", broken)
		}
	}
}
