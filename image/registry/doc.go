// Package registry carries sealed images to OCI registries and back, and
// attaches documents such as an SBOM to them as referrers.
//
//	hello, err := registry.Open("registry.example/acme/hello:1.0.0", registry.Options{})
//	img, err := hello.Push(ctx, layout, false) // what image.Open gave
//	img, err = hello.Pull(ctx, create)         // create calls image.Create
//
// A registry is a stranger, whoever runs it: what is pulled is an image whose
// digest was computed here, blob by blob, each no longer than the image says,
// and it becomes visible when it is whole. Who made the image is a question for
// package trust. It is part of the ground alone and never flies.
//
// Specifications: OCI distribution-spec v1.1.1, image-spec v1.1.1. Requests are
// made by oras-go, credentials are those of docker's configuration.
package registry
