package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"spaceos"
	"spaceos/internal/trusttest"
	"spaceos/trust"
	"spaceos/trust/wire"
)

// TestCostOfAnUpdate prints what crosses the link when one of fifty tenants
// has a new version of its payload and the plan says so.
func TestCostOfAnUpdate(t *testing.T) {
	const budget = 16000
	for _, k := range []struct {
		name            string
		threshold, keys int
	}{{"1-of-1", 1, 1}, {"2-of-3", 2, 3}} {
		t.Run(k.name, func(t *testing.T) {
			r := trusttest.Fifty(k.threshold, k.keys)
			if tenant := r.Tenants["tenant-7"]; k.keys > 1 {
				tenant.Role = trusttest.NewRole("tenant-7", k.threshold, k.keys)
			}
			c := trusttest.NewCraft(t, r)
			runs := trusttest.All(r)
			first := 0
			for _, n := range c.Update(runs...) {
				first += n
			}
			c.Logf("the first set, with all keys, and the first plan: %d bytes", first)
			tenant := r.Tenants["tenant-7"]
			image := spaceos.DigestOf([]byte("version 2"))
			tenant.Sign("app_2", image)
			at := slices.IndexFunc(runs, func(run trust.Run) bool { return run.Tenant == "tenant-7" })
			runs[at].Version, runs[at].Image = "2", image
			total := c.Print("an update of one payload of 50 tenants, "+k.name, c.Update(runs...))
			if _, err := c.Verifier.Admit(trust.Claim{Run: runs[at]}); err != nil {
				t.Errorf("the updated payload: %v", err)
			}
			if k.threshold == 1 && total > budget {
				t.Errorf("an update costs %d bytes, want at most %d", total, budget)
			}
		})
	}
}

// TestCostOfARootRotation prints what a new root costs, three of five.
func TestCostOfARootRotation(t *testing.T) {
	r := trusttest.New("a")
	r.Root = trusttest.NewRole("root", 3, 5)
	c := trusttest.NewCraft(t, r)
	before := r.Root
	r.Root.Keys = append(slices.Clone(before.Keys[:4]), trusttest.NewKey("root, fresh"))
	c.Print("a root rotation 3-of-5, one key replaced", map[string]int{"root": c.Send("root", r.NextRoot(before), c.Verifier.Root)})
	before = r.Root
	r.Root = trusttest.NewRole("root, new", 3, 5)
	c.Print("a root rotation 3-of-5, all keys replaced", map[string]int{"root": c.Send("root", r.NextRoot(before), c.Verifier.Root)})
}

func TestUnpackRefuses(t *testing.T) {
	none := func(spaceos.Digest) ([]byte, error) { return nil, fs.ErrNotExist }
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	bomb := encoder.EncodeAll(make([]byte, 50<<20), []byte{1})
	if len(bomb) > wire.MaxMessage {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	narrow, err := zstd.NewWriter(nil, zstd.WithWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	small := narrow.EncodeAll(make([]byte, 50<<20), []byte{1})
	slightly := encoder.EncodeAll(make([]byte, trust.MaxDocument+1), []byte{1})
	good, err := wire.Pack([]byte("\x01\x00{}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if doc, err := wire.Unpack(good, none); err != nil || string(doc) != "\x01\x00{}" {
		t.Fatalf("a good message: got %q, %v", doc, err)
	}
	skipped := make([]byte, wire.MaxMessage) // a frame that decoders skip (RFC 8878, 3.1.2)
	copy(skipped, []byte{0x50, 0x2a, 0x4d, 0x18})
	binary.LittleEndian.PutUint32(skipped[4:], uint32(len(skipped)-8))
	long := append(append([]byte{1}, skipped...), good[1:]...)
	for name, message := range map[string][]byte{
		"nothing": nil, "a bomb": bomb, "a bomb that needs little memory by itself": small, "one byte more than a document": slightly, "another first byte": append([]byte{3}, good[1:]...),
		"a prefix that is not held": append(append([]byte{2}, make([]byte, 32)...), good[1:]...), "half a digest": append([]byte{2}, make([]byte, 31)...),
		"no frame": {1, 2, 3, 4}, "too many bytes": long, "a frame cut short": good[:len(good)-1],
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		doc, err := wire.Unpack(message, none)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, wire.ErrMessage) || doc != nil {
			t.Errorf("%s: got %d bytes, %v, want an error that is %v", name, len(doc), err, wire.ErrMessage)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
			t.Errorf("%s: %d bytes were allocated, want at most 2 MiB", name, grown)
		}
	}
}

// FuzzUnpack wants an error or a document, whatever comes, and what is packed
// to come out again.
func FuzzUnpack(f *testing.F) {
	older := trusttest.New("a").RootDocument()
	held := func(d spaceos.Digest) ([]byte, error) {
		if d != trusttest.PieceOf(older).Digest {
			return nil, fs.ErrNotExist
		}
		return older, nil
	}
	for _, doc := range [][]byte{older, []byte("\x01\x00{}"), nil} {
		for _, base := range [][]byte{nil, older} {
			message, err := wire.Pack(doc, base)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(message)
		}
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		doc, err := wire.Unpack(message, held)
		if err != nil {
			if !errors.Is(err, wire.ErrMessage) || doc != nil {
				t.Fatalf("got %d bytes and error %v, want an error that is %v", len(doc), err, wire.ErrMessage)
			}
			return
		}
		if len(doc) > trust.MaxDocument {
			t.Fatalf("got %d bytes, want at most %d", len(doc), trust.MaxDocument)
		}
		again, err := wire.Pack(doc, older)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := wire.Unpack(again, held); err != nil || !bytes.Equal(back, doc) {
			t.Fatalf("packed again: got %d bytes, %v, want %d", len(back), err, len(doc))
		}
	})
}
