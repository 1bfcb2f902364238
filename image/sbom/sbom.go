package sbom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"spaceos"
	"spaceos/image"
)

// MediaType is that of the document (IANA's register of media types).
const MediaType = "application/vnd.cyclonedx+json"

// Of makes the document of the image that a layout holds.
func Of(l *image.Layout) ([]byte, *image.Image, error) {
	img, err := l.Image()
	if err != nil {
		return nil, nil, err
	}
	b := builder{image: img, layout: l, known: map[string]bool{}}
	document, err := b.build()
	if err != nil {
		return nil, nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, nil, err
	}
	return out.Bytes(), img, nil
}

// builder collects the components of one image.
type builder struct {
	image  *image.Image
	layout *image.Layout
	linked []component
	known  map[string]bool // bom-refs of linked
}

func (b *builder) build() (*bom, error) {
	payload := b.payload()
	document := &bom{Schema: schemaURL, Format: "CycloneDX", SpecVersion: specVersion, Version: 1, Metadata: metadata{payload}}
	contains := dependency{Ref: payload.Ref}
	document.Compositions = []composition{{"complete", []string{payload.Ref}}}
	for _, f := range b.image.Files {
		made, linked, whole, err := b.file(f)
		if err != nil {
			return nil, err
		}
		document.Components = append(document.Components, made)
		document.Dependencies = append(document.Dependencies, dependency{made.Ref, b.add(linked)})
		contains.DependsOn = append(contains.DependsOn, made.Ref)
		if f.Executable {
			aggregate := "incomplete"
			if whole {
				aggregate = "complete"
			}
			document.Compositions = append(document.Compositions, composition{aggregate, []string{made.Ref}})
		}
	}
	for _, c := range b.linked {
		document.Components = append(document.Components, c)
		document.Dependencies = append(document.Dependencies, dependency{Ref: c.Ref})
	}
	document.Dependencies = append(document.Dependencies, contains)
	return document, nil
}

// payload is the component that the document is about.
func (b *builder) payload() component {
	m := &b.image.Manifest
	c := component{
		Type: "application", Ref: "payload", Publisher: m.Tenant, Name: m.Name, Version: m.Version,
		Description: m.Description, Hashes: sha256Of(b.image.Digest), Licenses: declared(m.Licence),
	}
	if m.Source.Repository != "" {
		source := reference{Type: "vcs", URL: m.Source.Repository}
		if m.Source.Commit != "" {
			source.Comment = "commit " + m.Source.Commit
		}
		c.ExternalRefs = []reference{source}
	}
	return c
}

// file is the component of one file, what the file says that was linked into
// it, and whether that is all.
func (b *builder) file(f image.File) (made component, linked []component, whole bool, err error) {
	made = component{Type: "file", Ref: "file:" + f.Path, Name: f.Path, Hashes: sha256Of(f.Digest)}
	blob, err := b.layout.Blob(f.Digest, f.Size)
	if err != nil {
		return made, nil, false, err
	}
	defer blob.Close()
	made.Properties = []property{{"spaceos:size", fmt.Sprint(f.Size)}, {"spaceos:mode", f.Mode()}}
	if f.Executable {
		found := readProgram(blob, f.Size)
		made.Properties = append(made.Properties, found.properties...)
		linked, whole = found.linked, found.whole
	}
	made.Licenses, err = b.licenceOf(f, blob)
	return made, linked, whole, err
}

// add takes components in, each once, and gives their names, each once too: a
// stranger's program may say the same twice.
func (b *builder) add(linked []component) (refs []string) {
	for _, c := range linked {
		if slices.Contains(refs, c.Ref) {
			continue
		}
		refs = append(refs, c.Ref)
		if !b.known[c.Ref] {
			b.known[c.Ref] = true
			b.linked = append(b.linked, c)
		}
	}
	return refs
}

// declared is a licence that somebody stated, and nobody checked.
func declared(expression string) []license {
	if expression == "" {
		return nil
	}
	return []license{{Expression: expression, Acknowledgement: "declared"}}
}

func sha256Of(d spaceos.Digest) []hash {
	return []hash{{"SHA-256", strings.TrimPrefix(d.String(), "sha256:")}}
}
