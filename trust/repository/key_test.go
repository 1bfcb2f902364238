package repository

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"spaceos/canonical"
)

var passphrase = []byte("correct horse battery")

// quick lets tests try passphrases in no time.
var quick = Protection{WorkFactor: 4}

// TestKeyFilesComeBack saves and loads a key, and looks at what lies there.
func TestKeyFilesComeBack(t *testing.T) {
	dir := t.TempDir()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	secret, public := filepath.Join(dir, "acme.key"), filepath.Join(dir, "acme.pub")
	if err := errors.Join(key.Save(secret, passphrase, quick), key.Public().Save(public)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(secret)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%s has mode %v (%v); want 0600", secret, info.Mode(), err)
	}
	data, err := os.ReadFile(secret)
	if err != nil || !bytes.HasPrefix(data, []byte("age-encryption.org/v1\n-> scrypt ")) || bytes.Contains(data, []byte(hex.EncodeToString(key.ml.Bytes()))) {
		t.Fatalf("the key file is %.60q (%v); want an age file with scrypt that hides the seeds", data, err)
	}
	again, err := LoadKey(secret, passphrase)
	if err != nil || again.Public() != key.Public() {
		t.Fatalf("loading %s: %v; want the key that was saved", secret, err)
	}
	known, err := LoadPublic(public)
	if err != nil || known != key.Public() {
		t.Fatalf("loading %s: %v; want the public half", public, err)
	}
	for _, save := range []error{key.Save(secret, passphrase, quick), key.Public().Save(public)} {
		if !errors.Is(save, fs.ErrExist) {
			t.Errorf("saving over a key says %v; want that it exists", save)
		}
	}
	if names, _ := os.ReadDir(dir); len(names) != 2 {
		t.Errorf("the folder holds %v; want the two files", names)
	}
}

// TestKeyFilesStateTheWorkFactor makes one file as users do.
func TestKeyFilesStateTheWorkFactor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slow.key")
	if err := testKey(t, "slow").Save(path, passphrase, Protection{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	head, _, _ := bytes.Cut(bytes.TrimPrefix(data, []byte("age-encryption.org/v1\n")), []byte("\n"))
	if err != nil || !bytes.HasSuffix(head, []byte(" 18")) || WorkFactor != 18 {
		t.Fatalf("the head of a key file is %q (%v); want a work factor of 18, as documents say", head, err)
	}
}

// sealed is an age file of some bytes.
func sealed(t *testing.T, plain []byte, to age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func scrypt(t *testing.T, logN int) *age.ScryptRecipient {
	t.Helper()
	to, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	to.SetWorkFactor(logN)
	return to
}

// TestBadKeyFiles has one file for each rule of a key file.
func TestBadKeyFiles(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.key")
	if err := testKey(t, "good").Save(good, passphrase, quick); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	seed := strings.Repeat("ab", 32)
	inner := func(text string) []byte { return sealed(t, []byte(text), scrypt(t, 4)) }
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for _, c := range []struct {
		name string
		data []byte
		mode fs.FileMode
		is   error
		says string
	}{
		{"others can read it", whole, 0o640, ErrReadable, "chmod 600"},
		{"empty", nil, 0o600, ErrKey, "damaged, or no key file"},
		{"cut off", whole[:len(whole)-20], 0o600, ErrKey, "damaged, or no key file"},
		{"cut off in its head", whole[:40], 0o600, ErrKey, "damaged, or no key file"},
		{"a bit changed", flipped, 0o600, ErrKey, "damaged, or no key file"},
		{"no age file", []byte("ssh-ed25519 AAAA"), 0o600, ErrKey, "damaged, or no key file"},
		{"too long", bytes.Repeat([]byte("a"), 1<<20), 0o600, ErrKey, "more than the 4096 bytes"},
		{"a public half", []byte(`{"_type":"spaceos-public-key","keys":[]}`), 0o600, ErrKey, "name the .key file"},
		{"encrypted to a key", sealed(t, whole, x25519.Recipient()), 0o600, ErrPassphrase, ""},
		{"a work factor that would take a day", bytes.Replace(whole, []byte(" 4\n"), []byte(" 29\n"), 1), 0o600, ErrKey, "work factor"},
		{"another passphrase", sealed(t, nil, func() age.Recipient { r, _ := age.NewScryptRecipient("another"); r.SetWorkFactor(4); return r }()), 0o600, ErrPassphrase, ""},
		{"nothing in it", inner(""), 0o600, ErrKey, "not canonical JSON"},
		{"spaces in it", inner(`{"_type": "spaceos-key"}`), 0o600, ErrKey, "not canonical JSON"},
		{"another type", inner(`{"_type":"spaceos-kee","ed25519-seed":"` + seed + `","ml-dsa-65-seed":"` + seed + `"}`), 0o600, ErrKey, "_type"},
		{"a half is missing", inner(`{"_type":"spaceos-key","ed25519-seed":"` + seed + `"}`), 0o600, ErrKey, "ml-dsa-65-seed"},
		{"a short seed", inner(`{"_type":"spaceos-key","ed25519-seed":"ab","ml-dsa-65-seed":"` + seed + `"}`), 0o600, ErrKey, "32 bytes"},
		{"a seed that is no number", inner(`{"_type":"spaceos-key","ed25519-seed":"zz","ml-dsa-65-seed":"` + seed + `"}`), 0o600, ErrKey, "invalid byte"},
		{"a field too much", inner(`{"_type":"spaceos-key","ed25519-seed":"` + seed + `","ml-dsa-65-seed":"` + seed + `","more":1}`), 0o600, ErrKey, "more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.key")
			if err := errors.Join(os.WriteFile(path, c.data, c.mode), os.Chmod(path, c.mode)); err != nil {
				t.Fatal(err)
			}
			_, err := LoadKey(path, passphrase)
			wantError(t, err, c.is, c.says)
			if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v is not ErrKey, or does not name %s", err, path)
			}
		})
	}
	t.Run("not a file", func(t *testing.T) {
		pipe := filepath.Join(t.TempDir(), "pipe.key")
		if err := unix.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{pipe, t.TempDir(), "/dev/zero"} {
			_, err := LoadKey(path, passphrase)
			wantError(t, err, ErrKey, "not a regular file")
		}
	})
	for _, short := range []string{"", "1234567"} {
		err := testKey(t, "short").Save(filepath.Join(t.TempDir(), "short.key"), []byte(short), quick)
		wantError(t, err, ErrKey, "take 8 or more")
	}
}

// TestBadPublicFiles has one file for each rule of a public half's file.
func TestBadPublicFiles(t *testing.T) {
	objects := testKey(t, "good").Public().objects()
	ed, ml := string(objects[0].Bytes()), string(objects[1].Bytes())
	file := func(keys ...string) string {
		return `{"_type":"spaceos-public-key","keys":[` + strings.Join(keys, ",") + `]}`
	}
	other := func(s, old, fresh string) string {
		changed := strings.Replace(s, old, fresh, 1)
		if changed == s {
			t.Fatalf("%.80s holds no %s", s, old)
		}
		return changed
	}
	if _, err := parsePublic([]byte(file(ed, ml))); err != nil {
		t.Fatalf("a good file: %v", err)
	}
	for _, c := range []struct{ name, data, says string }{
		{"a secret half", "age-encryption.org/v1\n-> scrypt", "must not leave its owner"},
		{"empty", "", "not canonical JSON"},
		{"cut off", file(ed, ml)[:2000], "not canonical JSON"},
		{"spaces", strings.Replace(file(ed, ml), ":", ": ", 1), "not canonical JSON"},
		{"two lines", file(ed, ml) + "\n\n", "not canonical JSON"},
		{"too long", file(ed, ml) + strings.Repeat(" ", 1<<20), "more than the 8192 bytes"},
		{"deep nesting", file(strings.Repeat("[", 100) + strings.Repeat("]", 100)), "not canonical JSON"},
		{"a doubled member", `{"_type":"spaceos-public-key","_type":"spaceos-public-key","keys":[]}`, "not canonical JSON"},
		{"another type", other(file(ed, ml), "spaceos-public-key", "spaceos-key"), "_type"},
		{"a half alone", file(ed), "has 1 halves"},
		{"three halves", file(ed, ml, ed), "more than 2"},
		{"halves in the other order", file(ml, ed), "keytype"},
		{"the same half twice", file(ed, ed), "keytype"},
		{"an unknown scheme", file(ed, other(ml, "ml-dsa-65/1", "ml-dsa-65/2")), "scheme"},
		{"another key type", file(other(ed, `"keytype":"ed25519"`, `"keytype":"ecdsa"`), ml), "keytype"},
		{"capital digits", file(other(ed, `"public":"`, `"public":"A`), ml), "64 lower-case"},
		{"a short key", file(other(ed, `"public":"`, `"public":"","x":"`), ml), "x"},
		{"PEM of two lines", file(ed, other(ml, "-----END", "\n-----END")), "not canonical JSON"},
		{"PEM of something else", file(ed, other(ml, "BEGIN PUBLIC", "BEGIN RSA PUBLIC")), "PEM"},
		{"a key of another algorithm in PEM", file(ed, other(ml, "MIIHsjALBglghkgBZQMEAxI", "MIIHsjALBglghkgBZQMEAxE")), "PEM"},
		{"a PEM with junk", file(ed, other(ml, "-----END", "AAAA-----END")), "PEM"},
		{"an unknown field", other(file(ed, ml), `]}`, `],"zone":1}`), "zone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.pub")
			if err := os.WriteFile(path, []byte(c.data), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := LoadPublic(path)
			wantError(t, err, ErrKey, c.says)
		})
	}
}

// TestKeyIDs: the id is the SHA-256 of the canonical key object, as
// securesystemslib 1.6.0 computes it for new keys; and each half signs what
// TAP 21 says.
func TestKeyIDs(t *testing.T) {
	k := testKey(t, "known")
	want := [2]string{"33be51c55c8139eaafc7a233d75743c94521cd9af3a408886f68a6bbdb2bc538", "8cd3a81f63e7bfe06794692f623eed1efb5786d4622c92d8ca7a455c7a9739e7"}
	if ids := k.Public().IDs(); ids != want {
		t.Fatalf("ids are %v; want %v", ids, want)
	}
	sigs, err := k.sign([]byte("data"))
	if err != nil || len(sigs) != 2 || len(sigs[0].sig)+len(sigs[1].sig) != 3373 {
		t.Fatalf("signatures are %d (%v); want two of 3,373 bytes in all", len(sigs), err)
	}
	e := &envelope{signed: canonical.NewString("data")}
	if k.Public().signed(e) {
		t.Error("an unsigned document counts as signed")
	}
}

// FuzzFiles: no bytes make a reader of the ground's files panic, and what
// parses is written back as it came.
func FuzzFiles(f *testing.F) {
	f.Add([]byte(`{"signatures":[],"signed":{"_type":"charter","revoked":[],"tenants":{}}}`))
	f.Add([]byte(`{"signatures":[{"keyid":"aa","sig":"00"}],"signed":{"_type":"timestamp","expires":"2030-01-01T00:00:00Z","meta":{"snapshot.json":{"hashes":{"sha256":"00"},"length":1,"version":1}},"spec_version":"1.0.31","version":1,"x-spaceos-pieces":{}}}`))
	f.Add([]byte(`{"_type":"spaceos-public-key","keys":[]}`))
	f.Add([]byte(`{"signatures":[],"signed":{"_type":"root","consistent_snapshot":true,"expires":"2030-01-01T00:00:00Z","keys":{},"roles":{"root":{"keyids":["a","b"],"threshold":2}},"spec_version":"1.0.31","version":1}}`))
	f.Add([]byte(`{"signatures":[],"signed":{"_type":"targets","delegations":{"keys":{},"roles":[]},"expires":"2030-01-01T00:00:00Z","spec_version":"1.0.31","targets":{},"version":1,"x-spaceos-role":"targets"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = parsePublic(data)
		_, _ = parseKey(data)
		_, _ = parseCharter(data)
		e, err := parseEnvelope(data)
		if err != nil {
			return
		}
		_, _, _ = headOf(e)
		_, _ = readSnapshot(e)
		_, _ = readTimestamp(e)
		spec, _ := e.signed.Member("spec_version").Str()
		same := func(v canonical.Value) {
			if spec == specVersion && !bytes.Equal(v.Bytes(), e.signed.Bytes()) {
				t.Fatalf("%s comes back as %s", e.signed.Bytes(), v.Bytes())
			}
		}
		if d, err := readRoot(e); err == nil {
			same(d.value())
		}
		if d, err := readTargets(e, Targets); err == nil {
			same(d.value())
		}
	})
}
