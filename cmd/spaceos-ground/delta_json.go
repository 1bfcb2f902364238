package main

import (
	"spaceos/image"
	"spaceos/image/delta"
)

// A deltaView is what is in a delta, as delta show --json prints it.
type deltaView struct {
	From     string     `json:"from"` // digest of the old image
	To       imageView  `json:"to"`
	Manifest int64      `json:"manifest_bytes"` // what delta apply takes as --size
	Sent     int64      `json:"delta_bytes"`
	Whole    int64      `json:"image_bytes"`
	Table    int64      `json:"table_bytes"`
	Blobs    []blobView `json:"blobs"` // the image's two documents first, then its files
}

type blobView struct {
	Name   string `json:"name"`
	Size   int64  `json:"size_bytes"`
	Sent   int64  `json:"delta_bytes"`
	Method string `json:"method"`         // "held", "plain", "prefixed" or "matched"
	Base   string `json:"base,omitempty"` // the old blob that it refers to
}

func viewDelta(r *delta.Report, img *image.Image) *deltaView {
	v := &deltaView{From: r.Old.String(), To: viewImage(img), Manifest: img.Size, Sent: r.Bytes(), Whole: r.Size(), Table: r.Table}
	for _, c := range r.Costs {
		v.Blobs = append(v.Blobs, blobView{c.Name, c.Size, c.Bytes, c.Method.String(), c.Base})
	}
	return v
}
