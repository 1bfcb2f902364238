package image

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"spaceos/canonical"
	"spaceos/manifest"
)

// maxAnnotations is how many annotations an image has at most.
const maxAnnotations = 32

// annotationsOf describes an image in OCI's words (annotations.md), for tools
// and registries that know nothing of payloads.
func annotationsOf(m *manifest.Manifest) map[string]string {
	a := map[string]string{keyTitle: m.Name, keyVersion: m.Version, keyVendor: m.Tenant}
	for key, value := range map[string]string{
		keyDescription: m.Description, keyLicenses: m.Licence,
		keySource: m.Source.Repository, keyRevision: m.Source.Commit,
	} {
		if value != "" {
			a[key] = value
		}
	}
	return a
}

// checkAnnotations sees that what a registry shows of the image is what the
// payload's manifest says, and no more: so the files and that manifest alone
// make the digest.
func (i *Image) checkAnnotations(have map[string]string) error {
	want := annotationsOf(&i.Manifest)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if have[key] != want[key] {
			return fmt.Errorf("its annotation %s is %.40q, and the payload's manifest says %.40q", key, have[key], want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, known := want[key]; !known {
			return fmt.Errorf("it has an annotation %.80q, which the payload's manifest does not make", key)
		}
	}
	return nil
}

// encode makes the OCI manifest of an image whose Config, Manifest and Files
// are set, and fills in its digest and size.
func (i *Image) encode() ([]byte, error) {
	layers := make([]canonical.Value, len(i.Files))
	for n, f := range i.Files {
		layers[n] = descriptorValue(Descriptor{TypeFile, f.Digest, f.Size}, map[string]string{keyTitle: f.Path, keyMode: f.Mode()})
	}
	raw, err := canonical.Encode(canonical.NewObject(
		canonical.Member{Name: "schemaVersion", Value: canonical.NewInt(2)},
		canonical.Member{Name: "mediaType", Value: canonical.NewString(TypeManifest)},
		canonical.Member{Name: "artifactType", Value: canonical.NewString(TypePayload)},
		canonical.Member{Name: "config", Value: descriptorValue(i.Config, nil)},
		canonical.Member{Name: "layers", Value: canonical.NewArray(layers...)},
		canonical.Member{Name: "annotations", Value: tableValue(annotationsOf(&i.Manifest))},
	))
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxManifest {
		return nil, errors.New("the list of files is too long for an image")
	}
	return raw, nil
}

func descriptorValue(d Descriptor, annotations map[string]string, more ...canonical.Member) canonical.Value {
	members := append(more,
		canonical.Member{Name: "mediaType", Value: canonical.NewString(d.MediaType)},
		canonical.Member{Name: "digest", Value: canonical.NewString(d.Digest.String())},
		canonical.Member{Name: "size", Value: canonical.NewInt(d.Size)},
	)
	if len(annotations) > 0 {
		members = append(members, canonical.Member{Name: "annotations", Value: tableValue(annotations)})
	}
	return canonical.NewObject(members...)
}

func tableValue(table map[string]string) canonical.Value {
	members := make([]canonical.Member, 0, len(table))
	for key, value := range table {
		members = append(members, canonical.Member{Name: key, Value: canonical.NewString(value)})
	}
	return canonical.NewObject(members...)
}
