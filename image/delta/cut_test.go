package delta

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spaceos/image"
)

// errCut is the power that fails.
var errCut = errors.New("the power failed")

// A drive is a Disk in memory whose power fails. What was not synced may be
// lost, byte for byte and name for name, and may not.
type drive struct {
	top     *node
	rand    *rand.Rand
	ops     int  // until the power fails; negative: it does not
	worst   bool // all that was not synced is lost
	written int64
	again   []string // writes over what was safe when the power came back
	lost    []string // checkpoints in files whose names were not synced
	safe    map[string]int64
}

// may says whether something that was not synced is lost.
func (d *drive) may() bool { return d.worst || d.rand.IntN(2) == 0 }

// A node is a file or a folder: as it is, and as it was synced.
type node struct {
	names, syncedNames map[string]*node // of a folder
	data, syncedData   []byte           // of a file
}

func newFolder() *node { return &node{names: map[string]*node{}, syncedNames: map[string]*node{}} }

func newDrive(seed uint64) *drive {
	return &drive{top: newFolder(), rand: rand.New(rand.NewPCG(seed, 1)), ops: -1}
}

// op is one more operation.
func (d *drive) op() error {
	if d.ops == 0 {
		return errCut
	}
	d.ops--
	return nil
}

func (d *drive) folder(name string, mk bool) *node {
	at := d.top
	for _, part := range strings.Split(path.Clean(name), "/") {
		if part == "." {
			continue
		}
		if at.names[part] == nil {
			if !mk {
				return nil
			}
			at.names[part] = newFolder()
		}
		at = at.names[part]
	}
	return at
}

func (d *drive) Open(name string) (File, error) {
	if err := d.op(); err != nil {
		return nil, err
	}
	dir := d.folder(path.Dir(name), true)
	if dir.names[path.Base(name)] == nil {
		dir.names[path.Base(name)] = &node{}
	}
	return &driveFile{d, dir.names[path.Base(name)], name}, nil
}

func (d *drive) Names(folder string) ([]string, error) {
	if err := d.op(); err != nil {
		return nil, err
	}
	var names []string
	var walk func(n *node, at string)
	walk = func(n *node, at string) {
		for _, name := range slices.Sorted(maps.Keys(n.names)) {
			if c := n.names[name]; c.names != nil {
				walk(c, path.Join(at, name))
			} else {
				names = append(names, path.Join(at, name))
			}
		}
	}
	if n := d.folder(folder, false); n != nil {
		walk(n, folder)
	}
	return names, nil
}

func (d *drive) Rename(from, to string) error {
	if err := d.op(); err != nil {
		return err
	}
	a, b := d.folder(path.Dir(from), false), d.folder(path.Dir(to), false)
	if a == nil || b == nil || a.names[path.Base(from)] == nil {
		return fmt.Errorf("rename %s %s: no such file", from, to)
	}
	b.names[path.Base(to)] = a.names[path.Base(from)]
	delete(a.names, path.Base(from))
	return nil
}

func (d *drive) Remove(name string) error {
	if err := d.op(); err != nil {
		return err
	}
	if dir := d.folder(path.Dir(name), false); dir != nil {
		delete(dir.names, path.Base(name))
	}
	return nil
}

func (d *drive) Sync(folder string) error {
	if err := d.op(); err != nil {
		return err
	}
	n := d.folder(folder, false)
	if n == nil {
		return fmt.Errorf("sync %s: no such folder", folder)
	}
	n.syncedNames = maps.Clone(n.names)
	return nil
}

// boot makes the drive what a power cut leaves of it, and notes what is safe:
// bytes that were synced in files whose names were.
func (d *drive) boot() {
	d.safe = map[string]int64{}
	named := map[*node]bool{} // by a name that was synced, maybe an earlier one
	var note func(n *node, at string)
	note = func(n *node, at string) {
		for name, c := range n.syncedNames {
			if c.names != nil {
				note(c, path.Join(at, name))
			} else {
				d.safe[path.Join(at, name)] = int64(len(c.syncedData))
				named[c] = true
			}
		}
	}
	note(d.top, ".")
	d.ops = -1
	names, _ := d.Names(".")
	for _, name := range names {
		if n := d.folder(name, false); !named[n] && len(n.syncedData) >= Checkpoint {
			d.lost = append(d.lost, name)
		}
	}
	d.lose(d.top)
	d.ops = -1
}

func (d *drive) lose(n *node) {
	if n.names == nil {
		n.data = d.mixed(n.syncedData, n.data)
		n.syncedData = slices.Clone(n.data)
		return
	}
	if d.may() {
		n.names = maps.Clone(n.syncedNames)
	}
	n.syncedNames = maps.Clone(n.names)
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		d.lose(n.names[name])
	}
}

// mixed is a file of whose last writes some sectors, or a part of its length,
// have reached the disk.
func (d *drive) mixed(synced, now []byte) []byte {
	out := slices.Clone(synced)
	if len(now) != len(synced) && !d.may() {
		out = append(out[:min(len(out), len(now))], make([]byte, max(0, len(now)-len(out)))...)
	}
	for at := 0; at < min(len(out), len(now)); at += 512 {
		if !d.may() {
			end := min(at+512, len(out), len(now))
			copy(out[at:end], now[at:end])
		}
	}
	return out
}

type driveFile struct {
	d    *drive
	n    *node
	name string
}

func (f *driveFile) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(f.n.data).ReadAt(p, at)
}

// WriteAt is cut at any byte.
func (f *driveFile) WriteAt(p []byte, at int64) (int, error) {
	err := f.d.op()
	if err != nil {
		p = p[:f.d.rand.IntN(len(p)+1)]
	}
	final := strings.TrimSuffix(f.name, partial)
	if safe := f.d.safe[f.name]; at < safe {
		f.d.again = append(f.d.again, fmt.Sprintf("%d bytes at %d of %s, of which %d were safe", len(p), at, f.name, safe))
	} else if _, whole := f.d.safe[final]; whole && strings.Contains(final, "blobs/") {
		f.d.again = append(f.d.again, final+", which was whole")
	}
	f.d.written += int64(len(p))
	if short := int(at) + len(p) - len(f.n.data); short > 0 {
		f.n.data = append(f.n.data, make([]byte, short)...)
	}
	return copy(f.n.data[at:], p), err
}

func (f *driveFile) Size() (int64, error) { return int64(len(f.n.data)), nil }

func (f *driveFile) Truncate(n int64) error {
	if err := f.d.op(); err != nil {
		return err
	}
	f.n.data = slices.Clone(f.n.data[:n])
	return nil
}

func (f *driveFile) Sync() error {
	if err := f.d.op(); err != nil {
		return err
	}
	f.n.syncedData = slices.Clone(f.n.data)
	return nil
}

func (f *driveFile) Close() error { return nil }

// store puts what is on the drive below a folder of the system.
func (d *drive) store(t *testing.T, to string) {
	t.Helper()
	disk, err := OpenFolder(to)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	names, _ := d.Names(".")
	for _, name := range names {
		f, err := disk.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(d.folder(name, false).data, 0); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

// whole fails unless the drive holds the new layout, whole, and nothing else.
func (d *drive) whole(t *testing.T, img *image.Image) {
	t.Helper()
	d.ops = -1
	if n := slices.Collect(maps.Keys(d.top.names)); !slices.Equal(n, []string{"new"}) {
		t.Errorf("on the drive there is %v, want the new layout alone", n)
	}
	to := t.TempDir()
	d.store(t, to)
	if _, got := opened(t, filepath.Join(to, "new")); got.Digest != img.Digest {
		t.Errorf("the layout holds %v, want %v", got.Digest, img.Digest)
	}
}

// task is a delta that is to be applied.
func task(t *testing.T, before, after files) (apply func(*drive) error, img *image.Image) {
	t.Helper()
	old, _ := sealed(t, "1", before)
	new, img := sealed(t, "2", after)
	patch, _ := made(t, old, new)
	return func(d *drive) error {
		_, err := Apply(d, "new", old, bytes.NewReader(patch), int64(len(patch)), wanted(img))
		return err
	}, img
}

// TestApplyGoesOnAfterACutAnywhere cuts the power at each operation of the disk
// in turn, writes at a drawn byte; then the next run ends the work, and writes
// nothing again that was on the disk.
func TestApplyGoesOnAfterACutAnywhere(t *testing.T) {
	apply, img := task(t, first, second)
	ops := 0
	for whole := false; !whole; ops++ {
		whole = cutOnce(t, apply, img, uint64(ops), ops)
	}
	ops-- // at the last one there was no cut
	t.Logf("%d operations, cut at each", ops)
	if ops < 60 {
		t.Errorf("applying has %d operations: too few to have cut at checkpoints", ops)
	}
	// What is there when the layout gets its name, and when Apply has returned,
	// must stay whatever is lost.
	for seed := range uint64(10) {
		for cut := ops - 4; cut <= ops; cut++ {
			cutOnce(t, apply, img, 1000+seed, cut)
		}
	}
}

// tiny is an image without checkpoints: every file is one write.
var tiny = files{"program": random(1, 600), "same": random(2, 50)}

// TestSmallFilesGoOnAfterACut: the same for an image of small files, whose names
// are synced together.
func TestSmallFilesGoOnAfterACut(t *testing.T) {
	apply, img := task(t, tiny, tiny.with(files{"program": random(3, 600)}))
	for seed := range uint64(2) {
		ops := 0
		for !cutOnce(t, apply, img, seed, ops) {
			ops++
		}
	}
}

// TestApplyGoesOnAfterAKill kills the process at each operation; the next one
// ends the work, and then the power fails: what the first one wrote and did not
// sync is on the disk all the same.
func TestApplyGoesOnAfterAKill(t *testing.T) {
	apply, img := task(t, tiny, tiny.with(files{"program": random(3, 600)}))
	for ops, killed := 0, true; killed; ops++ {
		d := newDrive(uint64(ops))
		d.ops = ops
		if killed = apply(d) != nil; killed {
			d.ops = -1
			if err := apply(d); err != nil {
				t.Fatalf("killed at operation %d, the next run: %v", ops, err)
			}
		}
		d.worst = true
		d.boot()
		d.whole(t, img)
	}
}

// cutOnce cuts the power before an operation, and applies again; it says whether
// all was done before.
func cutOnce(t *testing.T, apply func(*drive) error, img *image.Image, seed uint64, ops int) (whole bool) {
	t.Helper()
	d := newDrive(seed)
	d.worst = seed%3 == 0
	d.ops = ops
	err := apply(d)
	if err != nil && !errors.Is(err, errCut) {
		t.Fatalf("cut at operation %d: %v, want %v", ops, err, errCut)
	}
	d.boot()
	if len(d.lost) > 0 {
		t.Fatalf("cut at operation %d: synced, and without a name: %v", ops, d.lost)
	}
	switch {
	case d.top.names["new"] != nil: // it has its name, so it is whole
	case err == nil:
		t.Fatalf("cut behind the end: the layout is gone")
	default:
		if err := apply(d); err != nil {
			t.Fatalf("cut at operation %d, the next run: %v", ops, err)
		}
	}
	if len(d.again) > 0 {
		t.Fatalf("cut at operation %d, the next run wrote again %v", ops, d.again)
	}
	d.whole(t, img)
	return err == nil
}

// TestApplyGetsThereThroughManyCuts cuts the power again and again, after hardly
// more operations than looking at what is there takes.
func TestApplyGetsThereThroughManyCuts(t *testing.T) {
	apply, img := task(t, first, second)
	d := newDrive(42)
	cuts := 0
	for ; ; cuts++ {
		d.ops = 22 + d.rand.IntN(10)
		err := apply(d)
		if err == nil {
			break
		}
		if !errors.Is(err, errCut) {
			t.Fatalf("run %d: %v", cuts, err)
		}
		d.worst = cuts%2 == 0
		if d.boot(); d.top.names["new"] != nil {
			break
		}
		if cuts > 1000 {
			t.Fatal("a thousand runs, and no end")
		}
	}
	d.whole(t, img)
	if len(d.again) > 0 || len(d.lost) > 0 {
		t.Errorf("written again: %v; synced, and without a name: %v", d.again, d.lost)
	}
	// A cut costs what was written since the last checkpoint, and no more.
	if most := int64(img.Bytes()) + img.Size + img.Config.Size + 4096 + int64(cuts)*Checkpoint; d.written > most {
		t.Errorf("%d cuts: %d bytes were written, want at most %d", cuts, d.written, most)
	}
	t.Logf("%d cuts, %d bytes written for %d", cuts, d.written, img.Bytes())
}

// TestADamagedDeltaIsNotMistakenForACut: a disk that fails keeps the work, a
// delta that is wrong does not.
func TestADamagedDeltaIsNotMistakenForACut(t *testing.T) {
	old, _ := sealed(t, "1", first)
	new, img := sealed(t, "2", second)
	patch, _ := made(t, old, new)
	half := len(patch) / 2
	d := newDrive(1)
	failing := failingAt{bytes.NewReader(patch), int64(half)}
	if _, err := Apply(d, "new", old, failing, int64(len(patch)), wanted(img)); !errors.Is(err, errCut) || errors.Is(err, ErrDamaged) {
		t.Errorf("a delta that cannot be read: %v, want %v", err, errCut)
	}
	if d.top.names[".new.part"] == nil {
		t.Error("a delta that cannot be read took the work with it")
	}
	bad := slices.Clone(patch)
	for i := half; i < half+300; i++ {
		bad[i] ^= 0x55
	}
	if _, err := Apply(d, "new", old, bytes.NewReader(bad), int64(len(bad)), wanted(img)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged delta: %v, want %v", err, ErrDamaged)
	}
	if len(d.top.names) > 0 {
		t.Errorf("a damaged delta left %v", slices.Collect(maps.Keys(d.top.names)))
	}
}

// failingAt cannot be read behind a byte.
type failingAt struct {
	io.ReaderAt
	at int64
}

func (f failingAt) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) <= f.at {
		return f.ReaderAt.ReadAt(p, at)
	}
	n, _ := f.ReaderAt.ReadAt(p[:max(0, f.at-at)], at)
	return n, errCut
}
