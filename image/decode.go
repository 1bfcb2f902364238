package image

import (
	"fmt"

	"spaceos"
	"spaceos/canonical"
	"spaceos/manifest"
)

// jsonDepth is how deep an OCI manifest of ours nests: the annotations of a
// layer in the list of the manifest.
const jsonDepth = 4

// Decode reads an image from its two documents: the OCI manifest and the
// config, whose digest the OCI manifest names. Both have one form alone, so
// that one image has one digest. Whoever calls it knows that the OCI manifest's
// digest is right; the files are not looked at.
func Decode(ociManifest, config []byte) (*Image, error) {
	name := blobName(spaceos.DigestOf(ociManifest))
	img, annotations, err := decodeManifest(ociManifest)
	if err != nil {
		return nil, bad(name, ErrMalformed, "%v", err)
	}
	configName := blobName(img.Config.Digest)
	if int64(len(config)) != img.Config.Size {
		return nil, bad(configName, ErrSize, "this blob has %d bytes, and %d are claimed", len(config), img.Config.Size)
	}
	if spaceos.DigestOf(config) != img.Config.Digest {
		return nil, bad(configName, ErrDigest, "this blob is not the config that the image names")
	}
	if img.Manifest, err = manifest.Decode(config); err != nil {
		return nil, bad(configName, ErrMalformed, "%v", err)
	}
	if err := img.checkAnnotations(annotations); err != nil {
		return nil, bad(name, ErrMalformed, "%v", err)
	}
	if err := img.checkFiles(); err != nil {
		return nil, err
	}
	return img, nil
}

// decodeManifest reads an OCI manifest (manifest.md): the members that a sealed
// image has, and no others.
func decodeManifest(raw []byte) (*Image, map[string]string, error) {
	if len(raw) > MaxManifest {
		return nil, nil, fmt.Errorf("it has %d bytes, and %d are allowed", len(raw), MaxManifest)
	}
	v, err := canonical.Parse(raw, jsonDepth)
	if err != nil {
		return nil, nil, err
	}
	img := &Image{Digest: spaceos.DigestOf(raw), Size: int64(len(raw))}
	f := v.Fields("manifest")
	f.Int("schemaVersion", 2, 2)
	f.Is("mediaType", TypeManifest)
	f.Is("artifactType", TypePayload)
	config := f.Object("config")
	img.Config = descriptor(config, TypeConfig, MaxManifest)
	var total int64
	for i, v := range f.Array("layers", MaxFiles) {
		file := decodeFile(f.Inner(fmt.Sprintf("layers[%d]", i), v))
		if n := len(img.Files); n > 0 && f.Err() == nil && img.Files[n-1].Path >= file.Path {
			f.Fail("layers", "has %.100q behind %.100q: files stand in the order of their paths, each once", file.Path, img.Files[n-1].Path)
		}
		if total += file.Size; total > MaxSize {
			f.Fail("layers", "is more than %d bytes in all", int64(MaxSize))
		}
		img.Files = append(img.Files, file)
	}
	annotations := table(f.Object("annotations"))
	return img, annotations, f.Done()
}

// descriptor reads a descriptor of one media type and at most so many bytes.
func descriptor(f *canonical.Fields, mediaType string, most int64) Descriptor {
	f.Is("mediaType", mediaType)
	d := Descriptor{MediaType: mediaType, Size: f.Int("size", 0, most)}
	text := f.Str("digest")
	if f.Err() != nil {
		return d
	}
	var err error
	if d.Digest, err = spaceos.ParseDigest(text); err != nil {
		f.Fail("digest", "does not hold: %v", err)
	}
	return d
}

// decodeFile reads a layer: one file.
func decodeFile(f *canonical.Fields) File {
	d := descriptor(f, TypeFile, MaxSize)
	a := f.Object("annotations")
	file := File{Path: a.Str(keyTitle), Digest: d.Digest, Size: d.Size}
	mode := a.Str(keyMode)
	if f.Err() != nil {
		return file
	}
	if err := manifest.ValidPath(file.Path); err != nil {
		a.Fail(keyTitle, "is no path of a file: %v", err)
	}
	switch mode {
	case modeExecutable:
		file.Executable = true
	case modeData:
	default:
		a.Fail(keyMode, "is %.20q, and should be %s or %s", mode, modeExecutable, modeData)
	}
	return file
}

// table reads an object of strings.
func table(f *canonical.Fields) map[string]string {
	t := map[string]string{}
	for key, v := range f.Each(maxAnnotations) {
		s, ok := v.Str()
		if !ok {
			f.Fail(key, "is not a string")
		}
		t[key] = s
	}
	return t
}

// artifactType is what an OCI manifest of any tool says that it is of.
func artifactType(raw []byte) (string, error) {
	o, err := parseObject(raw)
	if err != nil {
		return "", err
	}
	return o.text("artifactType")
}

// configOf is the config that an OCI manifest names.
func configOf(raw []byte) (Descriptor, error) {
	img, _, err := decodeManifest(raw)
	if err != nil {
		return Descriptor{}, err
	}
	return img.Config, nil
}
