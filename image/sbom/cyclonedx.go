package sbom

// The parts of CycloneDX 1.6 that an image needs, under the names that the
// specification gives them; testdata holds the official schema.

const (
	schemaURL   = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	specVersion = "1.6"
)

type bom struct {
	Schema       string        `json:"$schema"`
	Format       string        `json:"bomFormat"`
	SpecVersion  string        `json:"specVersion"`
	Version      int           `json:"version"`
	Metadata     metadata      `json:"metadata"`
	Components   []component   `json:"components"`
	Dependencies []dependency  `json:"dependencies"`
	Compositions []composition `json:"compositions"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type         string      `json:"type"`
	Ref          string      `json:"bom-ref"`
	Publisher    string      `json:"publisher,omitempty"`
	Name         string      `json:"name"`
	Version      string      `json:"version,omitempty"`
	Description  string      `json:"description,omitempty"`
	Scope        string      `json:"scope,omitempty"`
	Hashes       []hash      `json:"hashes,omitempty"`
	Licenses     []license   `json:"licenses,omitempty"`
	PURL         string      `json:"purl,omitempty"`
	ExternalRefs []reference `json:"externalReferences,omitempty"`
	Properties   []property  `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// license is an SPDX expression; a single identifier is one too.
type license struct {
	Expression      string `json:"expression"`
	Acknowledgement string `json:"acknowledgement"`
}

type reference struct {
	Type    string `json:"type"`
	URL     string `json:"url"`
	Comment string `json:"comment,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// composition says of some components whether what they depend on is all here.
type composition struct {
	Aggregate    string   `json:"aggregate"`
	Dependencies []string `json:"dependencies"`
}
