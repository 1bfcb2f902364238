package repository

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/canonical"
	"spaceos/trust"
)

// Lifetimes of new documents. Expiry is a second line of defence, and contact
// is rare, so they are long.
const (
	rootLife   = 10 * 366 * 24 * time.Hour
	signedLife = 3 * 366 * 24 * time.Hour // targets, groups, tenants
	onlineLife = 366 * 24 * time.Hour     // snapshot, timestamp, plans
)

// A Repository is the folder of an operator's, or of a tenant's copy of it.
// Its methods lock the folder, write each file whole or not at all, and write
// what names a file after that file.
type Repository struct {
	dir string
	now func() time.Time
}

// Options of a repository. The zero value is what all but tests use.
type Options struct {
	Now func() time.Time // the clock, for expiry; nil is the system's
}

func (o Options) clock() func() time.Time {
	if o.Now != nil {
		return o.Now
	}
	return time.Now
}

// ErrRepository is in the chain of an error about a folder that is no
// repository, or about one in which something stands in the way.
var ErrRepository = errors.New("not possible in this repository")

// Open opens a repository's folder.
func Open(dir string, o Options) (*Repository, error) {
	r := &Repository{dir, o.clock()}
	if _, err := os.Stat(filepath.Join(dir, "metadata")); err != nil {
		return nil, fmt.Errorf("%w: %s holds no repository: %w; name the folder of one (with --repo, where a command has that), or make one with spaceos trust init", ErrRepository, dir, reason(err))
	}
	return r, nil
}

// files is the folder of the repository.
func (r *Repository) files() folder { return folder{r.dir} }

// Dir is the repository's folder.
func (r *Repository) Dir() string { return r.dir }

// lock keeps other writers away until the returned function is called.
func (r *Repository) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(r.dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err == nil {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return func() { f.Close() }, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("%w: %s cannot be locked (%w); wait until the other command has ended", ErrRepository, r.dir, reason(err))
}

// metadataFile is where a whole document of a role lies in the repository.
func metadataFile(name string, version int64) string {
	if name == Timestamp {
		return filepath.Join("metadata", "timestamp.json")
	}
	if craft, isPlan := strings.CutPrefix(name, planPrefix); isPlan {
		return filepath.Join("plans", fmt.Sprintf("%d.%s.json", version, craft))
	}
	return filepath.Join("metadata", fmt.Sprintf("%d.%s.json", version, name))
}

func stagedFile(name string) string { return filepath.Join("staged", name+".json") }

// newest finds the highest version of a role's whole documents; 0 if none.
func (r *Repository) newest(name string) (version int64, err error) {
	all, err := r.versions(name)
	if len(all) > 0 {
		version = all[len(all)-1]
	}
	return version, err
}

// versions lists the versions of a role's whole documents, the lowest first.
func (r *Repository) versions(name string) (all []int64, err error) {
	file := metadataFile(name, 1)
	names, err := r.files().names(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRepository, err)
	}
	suffix := strings.TrimPrefix(filepath.Base(file), "1")
	for _, entry := range names {
		number, ok := strings.CutSuffix(entry, suffix)
		n, err := strconv.ParseInt(number, 10, 64)
		if ok && err == nil && n > 0 && n <= maxVersion && strconv.FormatInt(n, 10) == number {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// load reads a document and its head.
func (r *Repository) load(file string) (*envelope, head, error) {
	path := filepath.Join(r.dir, file)
	data, err := r.files().read(file, maxDocument)
	if err != nil {
		return nil, head{}, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	e, err := parseEnvelope(data)
	if err != nil {
		return nil, head{}, fmt.Errorf("%s: %w", path, err)
	}
	h, _, err := headOf(e)
	if err != nil {
		return nil, head{}, fmt.Errorf("%s: %w", path, err)
	}
	return e, h, nil
}

// current is the newest whole document of a role, nil if there is none.
func (r *Repository) current(name string) (*envelope, head, error) {
	version := int64(1)
	if name != Timestamp {
		var err error
		if version, err = r.newest(name); err != nil || version == 0 {
			return nil, head{}, err
		}
	}
	return r.version(name, version)
}

// version is one whole document of a role, nil if there is none.
func (r *Repository) version(name string, version int64) (*envelope, head, error) {
	file := metadataFile(name, version)
	if there, err := r.files().has(file); err != nil || !there {
		return nil, head{}, err
	}
	e, h, err := r.load(file)
	if err == nil && name != Timestamp && h.version != version {
		err = fmt.Errorf("%w: %s says that it is version %d", ErrDocument, filepath.Join(r.dir, file), h.version)
	}
	return e, h, err
}

// staged is the document of a role that waits for signatures, or nil.
func (r *Repository) staged(name string) (*envelope, head, error) {
	if there, err := r.files().has(stagedFile(name)); err != nil || !there {
		return nil, head{}, err
	}
	return r.load(stagedFile(name))
}

// draft is what an edit starts from: the staged document, or else the current
// one, or nil.
func (r *Repository) draft(name string) (*envelope, error) {
	e, _, err := r.staged(name)
	if e == nil && err == nil {
		e, _, err = r.current(name)
	}
	return e, err
}

// next is the head of a role's next document. What follows a document that was
// tampered with could say what that says, so there is none; snapshot and
// timestamp say nothing of their own.
func (r *Repository) next(name string, life time.Duration) (head, error) {
	e, h, err := r.current(name)
	if err == nil && e != nil && name != Snapshot && name != Timestamp {
		var good bool
		if good, err = r.genuine(name, e); err == nil && !good {
			err = r.tampered(name, h.version)
		}
	}
	if err == nil && h.version == maxVersion {
		err = fmt.Errorf("%w: role %s has used up its version numbers", ErrDocument, name)
	}
	return head{h.version + 1, r.now().Add(life).UTC().Truncate(24 * time.Hour)}, err
}

// put signs a new document and keeps it: whole, among the metadata; else among
// the staged. It takes the place of one that was staged, signatures and all.
func (r *Repository) put(name string, h head, signed canonical.Value, keys []*Key) (Progress, error) {
	if _, err := canonical.Encode(signed); err != nil {
		return Progress{}, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return r.sign(name, h, &envelope{signed: signed}, keys)
}

// Progress says how far the signatures of a document have come.
type Progress struct {
	Role     string
	Version  int64
	Signed   int    // pairs of keys, of each authority that must sign
	Needed   int    // pairs
	Complete bool   // nothing is missing
	File     string // where it lies
	Why      string // why an earlier version stands in for this one; else empty
}

// sign adds the signatures of keys, and keeps the document.
func (r *Repository) sign(name string, h head, e *envelope, keys []*Key) (Progress, error) {
	authorities, err := r.authorities(name, e)
	if err != nil {
		return Progress{}, err
	}
	for _, k := range keys {
		if err := e.add(k, authorities); errors.Is(err, ErrKey) {
			return Progress{}, r.mayNot(k, name, authorities)
		} else if err != nil {
			return Progress{}, err
		}
	}
	e.sort(authorities)
	p := Progress{Role: name, Version: h.version, Complete: true}
	for _, a := range authorities {
		signed := len(a.signers(e))
		if p.Needed == 0 || signed-a.threshold < p.Signed-p.Needed {
			p.Signed, p.Needed = signed, a.threshold
		}
		p.Complete = p.Complete && signed >= a.threshold
	}
	data, err := e.file()
	if err != nil {
		return p, err
	}
	if doc, err := document(data); err != nil || len(doc) > trust.MaxDocument {
		return p, errors.Join(err, fmt.Errorf("%w: %s would have %d bytes, and a spacecraft takes %d; take fewer keys, tenants or images", ErrDocument, name, len(doc), trust.MaxDocument))
	}
	if !p.Complete {
		p.File = filepath.Join(r.dir, stagedFile(name))
		return p, r.files().write(stagedFile(name), data, 0o644, true)
	}
	file := metadataFile(name, h.version)
	p.File = filepath.Join(r.dir, file)
	if err := r.files().write(file, data, 0o644, true); err != nil {
		return p, err
	}
	return p, r.files().remove(stagedFile(name))
}
