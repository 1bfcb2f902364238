// Package sbom lists what a sealed image is made of, as a CycloneDX 1.6
// document in JSON: the payload, its program with what was linked into it as
// far as the program itself says, and its assets with their licences.
//
//	layout, err := image.Open("hello.oci")
//	document, err := sbom.Of(layout)
//
// It says what can be read from the image's own bytes, and where that is not
// all it says so (compositions). It asks no registry and no build system, knows
// no vulnerabilities, and signs nothing. The document has neither serial number
// nor time stamp: one image gives one document, to the byte, on any machine.
//
// Specification: CycloneDX v1.6 (ECMA-424, first edition).
package sbom
