// Package delta makes and applies the difference between two sealed images:
// what must cross the link so that a spacecraft that holds the old image has
// the new one.
//
// A delta says for each blob of the new image how it comes to be: it is held
// already, it is an old blob with corrections (Matched), it is compressed with
// an old blob as prefix (Prefixed), or compressed alone (Plain), whichever
// costs least. Making is done on the ground and takes memory as the files are
// large; applying takes at most 8 MiB whatever their size, because an old blob
// is read where it lies, and goes on after a power cut at any byte: the work is
// one run through the delta, and what it says is compared with what the last
// run left, so that nothing that was synced is written again.
//
//	report, err := delta.Make(out, old, new)                    // on the ground
//	img, err := delta.Apply(disk, name, old, patch, size, want) // on board
//
// A delta is nobody's promise. What the new image is, its digest and the length
// of its manifest, comes from signed metadata; the manifest then names digest
// and length of everything else. A delta that leads elsewhere, or tries to use
// more than that, is ErrDamaged, and nothing of it stays.
//
// It is not for finding out whether an image may be used (package trust), and
// does no radio: how a delta travels, and comes again in pieces, is the link's
// concern.
package delta
