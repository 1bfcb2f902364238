package main

import (
	"spaceos"
	"spaceos/image"
)

// A diffView is what differs between two images, as diff --json prints it.
type diffView struct {
	From       imageView        `json:"from"`
	To         imageView        `json:"to"`
	Same       bool             `json:"same"`
	Limits     []limitChange    `json:"limits"`
	Facts      []factChange     `json:"facts"` // all else in the manifest
	Files      []fileChange     `json:"files"`
	Bytes      pair[uint64]     `json:"files_bytes"`
	Compressed pair[uint64]     `json:"compressed_bytes"` // of all blobs, each by itself
	New        uint64           `json:"new_blobs_bytes"`  // as they are, not compressed
	Calls      callsChangedView `json:"calls"`
}

// A pair is a number or a fact before and after.
type pair[T any] struct {
	Old T `json:"old"`
	New T `json:"new"`
}

type limitChange struct {
	Name string `json:"name"` // see limitField
	pair[uint64]
}

// A factChange is in words, as people read them; see image.Change.
type factChange struct {
	Change string `json:"change"` // "added", "gone" or "changed"
	Group  string `json:"group"`
	Name   string `json:"name,omitempty"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
}

type fileChange struct {
	Change string       `json:"change"`
	Path   string       `json:"path"`
	Old    *fileVersion `json:"old,omitempty"` // absent if it is added
	New    *fileVersion `json:"new,omitempty"` // absent if it is gone
}

type fileVersion struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size_bytes"`
	Mode   string `json:"mode"`
}

// A callsChangedView is the calls of the library OS that can be reached.
type callsChangedView struct {
	All   int      `json:"all"`
	Old   int      `json:"old"`
	New   int      `json:"new"`
	Added []string `json:"added"`
	Gone  []string `json:"gone"`
}

func newDiffView(before, after *view) *diffView {
	v := &diffView{
		From: viewImage(before.image), To: viewImage(after.image), Same: before.Digest == after.Digest,
		Limits: changedLimits(before.image.Manifest.Limits, after.image.Manifest.Limits), Facts: []factChange{}, Files: []fileChange{},
		Bytes:      pair[uint64]{uint64(before.Bytes), uint64(after.Bytes)},
		Compressed: pair[uint64]{uint64(before.Compressed), uint64(after.Compressed)},
		New:        uint64(newBlobs(before.image, after.image)),
		Calls: callsChangedView{
			All: after.Calls.All, Old: len(before.Calls.Reachable), New: len(after.Calls.Reachable),
			Added: append([]string{}, without(after.Calls.Reachable, before.Calls.Reachable)...),
			Gone:  append([]string{}, without(before.Calls.Reachable, after.Calls.Reachable)...),
		},
	}
	facts, files := image.Compare(before.image, after.image)
	for _, c := range facts {
		if c.Group != "limits" { // those are numbers
			v.Facts = append(v.Facts, factChange{changeWord(c.Kind), c.Group, c.Name, c.Old, c.New})
		}
	}
	for _, c := range files {
		change := fileChange{Change: changeWord(c.Kind), Path: c.Old.Path, Old: version(c.Old), New: version(c.New)}
		if c.Kind == image.Added {
			change.Path = c.New.Path
		}
		v.Files = append(v.Files, change)
	}
	return v
}

func version(f image.File) *fileVersion {
	if f.Path == "" {
		return nil
	}
	return &fileVersion{f.Digest.String(), f.Size, f.Mode()}
}

func changeWord(k image.Kind) string {
	return map[image.Kind]string{image.Added: "added", image.Gone: "gone", image.Changed: "changed"}[k]
}

func changedLimits(before, after spaceos.Limits) []limitChange {
	changes := []limitChange{}
	fresh := after.List()
	for i, l := range before.List() {
		if l.Value() != fresh[i].Value() {
			changes = append(changes, limitChange{limitField(l), pair[uint64]{limitNumber(l), limitNumber(fresh[i])}})
		}
	}
	return changes
}
