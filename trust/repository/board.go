package repository

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"spaceos"
	"spaceos/trust"
)

// document turns a file into the form that travels and lies on board.
func document(data []byte) ([]byte, error) {
	e, err := parseEnvelope(data)
	if err != nil {
		return nil, err
	}
	t := trust.Envelope{Signed: e.signed.Bytes()}
	for _, s := range e.signatures {
		key, err := spaceos.ParseDigest("sha256:" + s.id)
		if err != nil {
			return nil, fmt.Errorf("%w: key id %.80q: %w", ErrDocument, s.id, err)
		}
		t.Signatures = append(t.Signatures, trust.Signature{Key: key, Sig: s.sig})
	}
	return t.Append(nil), nil
}

// ErrRoot is in the chain of an error about the root document that a spacecraft
// would trust.
var ErrRoot = errors.New("the trusted root")

// Rehearse does with the repository what a spacecraft would that trusts a root
// document and has seen nothing since: it takes the roots that follow, opens
// the timestamp, takes all pieces that it names, and the spacecraft's newest
// plan, if there is one. Every check is the flight verifier's own. Without a
// spacecraft's id there is no plan.
func (r *Repository) Rehearse(root []byte, spacecraft string) (*trust.Verifier, error) {
	doc, err := document(root)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoot, err)
	}
	store := memoryStore{}
	if err := trust.Provision(store, doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoot, err)
	}
	v, err := trust.New(store, spacecraft, r.now())
	if err != nil {
		return nil, err
	}
	if err := r.sendRoots(v, root); err != nil {
		return nil, err
	}
	if err := r.sendSet(v); err != nil {
		return nil, err
	}
	if spacecraft == "" {
		return v, nil
	}
	return v, r.sendPlan(v, spacecraft)
}

// RehearsePlans does that for each spacecraft that has a plan, and names them.
func (r *Repository) RehearsePlans(root []byte) (ids []string, err error) {
	all, err := r.spacecraft()
	for _, id := range all {
		version, err := r.newest(planPrefix + id)
		if err != nil {
			return nil, err
		}
		if version == 0 {
			continue // it waits for signatures
		}
		if _, err := r.Rehearse(root, id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, err
}

// sendRoots sends the roots after the one that is trusted.
func (r *Repository) sendRoots(v *trust.Verifier, root []byte) error {
	e, err := parseEnvelope(root)
	if err != nil {
		return err
	}
	h, _, err := headOf(e)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRoot, err)
	}
	newest, err := r.newest(Root)
	if err != nil {
		return err
	}
	for version := h.version + 1; version <= newest; version++ {
		if err := r.send(metadataFile(Root, version), v.Root); err != nil {
			return err
		}
	}
	return nil
}

// send reads a file and hands it to the verifier.
func (r *Repository) send(file string, take func([]byte) error) error {
	data, err := r.files().read(file, maxDocument)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDocument, err)
	}
	doc, err := document(data)
	if err == nil {
		err = take(doc)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(r.dir, file), err)
	}
	return nil
}

// sendSet sends the timestamp, and whichever files have the digests that it
// names.
func (r *Repository) sendSet(v *trust.Verifier) error {
	trusted := false
	open := func(doc []byte) (err error) { trusted, err = v.Open(doc); return err }
	if err := r.send(metadataFile(Timestamp, 0), open); err != nil {
		return err
	}
	files, err := r.candidates()
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := r.files().read(file, maxDocument)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDocument, err)
		}
		digest := spaceos.DigestOf(data)
		if !slices.ContainsFunc(v.Missing(), func(p trust.Piece) bool { return p.Digest == digest }) {
			continue
		}
		piece := func(doc []byte) (err error) { trusted, err = v.Piece(doc); return err }
		if err := r.send(file, piece); err != nil {
			return err
		}
	}
	if missing := v.Missing(); len(missing) > 0 {
		first := missing[0].Digest.String()
		if file := r.named(missing[0].Digest); file != "" {
			first = filepath.Join(r.dir, file)
		}
		return fmt.Errorf("%w: %d of the documents that the timestamp names are not in %s, or have changed, the first %s; take a copy that is whole", ErrDocument, len(missing), r.dir, first)
	}
	if !trusted {
		return fmt.Errorf("%w: the set in %s is not trusted", ErrDocument, r.dir)
	}
	return nil
}

// named is the file that should hold a document which the timestamp names by
// its digest; empty if what is left of the repository does not say.
func (r *Repository) named(digest spaceos.Digest) string {
	e, _, err := r.current(Timestamp)
	if err != nil || e == nil {
		return ""
	}
	stamp, err := readTimestamp(e)
	if err != nil {
		return ""
	}
	if stamp.snapshot.digest == digest {
		return metadataFile(Snapshot, stamp.snapshot.version)
	}
	e, _, err = r.version(Snapshot, stamp.snapshot.version)
	if err != nil || e == nil {
		return ""
	}
	snapshot, err := readSnapshot(e)
	if err != nil {
		return ""
	}
	for name, p := range snapshot.meta {
		if p.digest == digest {
			return metadataFile(name, p.version)
		}
	}
	return targetFile(charterTarget, digest) // the one piece that is no document of a role
}

// candidates lists files that may belong to what is published: of each role
// the last two versions would do, but whoever made the folder decides.
func (r *Repository) candidates() (files []string, err error) {
	for _, sub := range []string{"metadata", "targets"} {
		names, err := r.files().names(sub)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRepository, err)
		}
		slices.Sort(names)
		for _, name := range names {
			charter := sub == "targets" && strings.HasSuffix(name, "."+charterTarget)
			if charter || sub == "metadata" && strings.HasSuffix(name, ".json") {
				files = append(files, filepath.Join(sub, name))
			}
		}
	}
	return files, nil
}

// sendPlan sends the spacecraft's newest plan.
func (r *Repository) sendPlan(v *trust.Verifier, spacecraft string) error {
	if err := spaceos.ValidName(spacecraft); err != nil {
		return fmt.Errorf("spacecraft: %w", err)
	}
	version, err := r.newest(planPrefix + spacecraft)
	if err != nil {
		return err
	}
	if version == 0 {
		return fmt.Errorf("%w: %s has no plan for spacecraft %s; sign one with spaceos trust plan", ErrRepository, r.dir, spacecraft)
	}
	return r.send(metadataFile(planPrefix+spacecraft, version), v.Plan)
}

// A memoryStore is a spacecraft's store for as long as the rehearsal.
type memoryStore map[string][]byte

func (m memoryStore) Get(name string) ([]byte, error) {
	data, ok := m[name]
	if !ok {
		return nil, fmt.Errorf("nothing is stored as %s: %w", name, fs.ErrNotExist)
	}
	return data, nil
}

func (m memoryStore) Put(name string, data []byte) error {
	m[name] = bytes.Clone(data)
	return nil
}

func (m memoryStore) Sweep(keep func(name string) bool) error {
	for name := range m {
		if !keep(name) {
			delete(m, name)
		}
	}
	return nil
}
