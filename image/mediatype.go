package image

// Media types of a sealed image's parts.
const (
	// TypePayload is the artifact type: what the image as a whole is.
	TypePayload = "application/vnd.spaceos.payload.v1"
	// TypeConfig is the payload's manifest in canonical JSON.
	TypeConfig = "application/vnd.spaceos.manifest.v1+json"
	// TypeFile is one file of the payload, as it is.
	TypeFile = "application/vnd.spaceos.file.v1"

	// TypeManifest and TypeIndex are OCI's (image-spec v1.1.1, media-types.md).
	TypeManifest = "application/vnd.oci.image.manifest.v1+json"
	TypeIndex    = "application/vnd.oci.image.index.v1+json"
)

// Annotations: OCI's by annotations.md, and our one.
const (
	annotationPrefix = "org.opencontainers.image."

	keyRefName     = annotationPrefix + "ref.name"
	keyTitle       = annotationPrefix + "title"
	keyVersion     = annotationPrefix + "version"
	keyVendor      = annotationPrefix + "vendor"
	keyDescription = annotationPrefix + "description"
	keyLicenses    = annotationPrefix + "licenses"
	keySource      = annotationPrefix + "source"
	keyRevision    = annotationPrefix + "revision"
	// keyMode is a file's mode, modeExecutable or modeData.
	keyMode = "vnd.spaceos.mode"
)

// Modes of files, octal as chmod takes them. Nobody writes to a file of an
// image, so these two are all there is.
const (
	modeExecutable = "0555"
	modeData       = "0444"
)

// Limits of a sealed image. They bound what reading a stranger's layout costs.
const (
	// MaxManifest is the greatest OCI manifest or config, in bytes.
	MaxManifest = 1 << 20
	// MaxFiles is how many files an image has at most.
	MaxFiles = 2048
	// MaxSize is the greatest sum of an image's files, in bytes.
	MaxSize = 4 << 30

	// maxManifests is how many manifests an index names at most: the image, and
	// what refers to it.
	maxManifests = 64
	// maxEntries bounds the entries of a tar and the files of a folder.
	maxEntries = MaxFiles + 4*maxManifests
	// maxIndex is the size of the greatest index.json, in bytes.
	maxIndex = 256 << 10
	// maxLayoutFile is the size of the greatest oci-layout, in bytes.
	maxLayoutFile = 4 << 10
)
