package repository

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"spaceos/canonical"
)

// WorkFactor is the scrypt work factor, log2(N), of new key files: 256 MiB of
// memory and about a second for each try of a passphrase. The head of a key
// file states it.
const WorkFactor = 18

// maxWorkFactor is the largest that is tried: a file from a stranger may ask
// for 1 GiB of memory, not more.
const maxWorkFactor = 20

// MinPassphrase is how many bytes a passphrase has at least.
const MinPassphrase = 8

// Bounds of files, in bytes. Ours have about 400 and 2,900.
const (
	maxKeyFile    = 4 << 10
	maxPublicFile = 8 << 10
)

// Errors that a caller may want to tell from others; all are ErrKey, too.
var (
	ErrPassphrase = fmt.Errorf("%w: the passphrase is wrong", ErrKey)
	ErrReadable   = fmt.Errorf("%w: others than its owner can read the file", ErrKey)
)

// Protection says how a key file is encrypted. The zero value is what all but
// tests use.
type Protection struct {
	WorkFactor int // log2 of scrypt's N; 0 is WorkFactor
}

// Save writes the key to a new file of mode 0600, encrypted with a passphrase
// (the age format, age-encryption.org/v1, with scrypt).
func (k *Key) Save(path string, passphrase []byte, how Protection) error {
	if len(passphrase) < MinPassphrase {
		return fmt.Errorf("%w: the passphrase has %d bytes; take %d or more", ErrKey, len(passphrase), MinPassphrase)
	}
	plain, err := canonical.Encode(canonical.NewObject(
		canonical.Member{Name: "_type", Value: canonical.NewString("spaceos-key")},
		canonical.Member{Name: "ed25519-seed", Value: canonical.NewString(hex.EncodeToString(k.ed.Seed()))},
		canonical.Member{Name: "ml-dsa-65-seed", Value: canonical.NewString(hex.EncodeToString(k.ml.Bytes()))}))
	if err != nil {
		return err
	}
	to, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return err
	}
	if to.SetWorkFactor(WorkFactor); how.WorkFactor != 0 {
		to.SetWorkFactor(how.WorkFactor)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	if err != nil {
		return err
	}
	if _, err := w.Write(plain); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return folder{filepath.Dir(path)}.write(filepath.Base(path), sealed.Bytes(), 0o600, false)
}

// LoadKey reads a file that Save wrote. It refuses one that others than its
// owner can read.
func LoadKey(path string, passphrase []byte) (*Key, error) {
	data, mode, err := readFile(path, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if bytes.HasPrefix(data, []byte(`{"_type":"spaceos-public-key"`)) {
		return nil, fmt.Errorf("%w: %s is the public half of a key, which cannot sign; name the .key file", ErrKey, path)
	}
	if mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o; take that away with chmod 600, and rotate the key if someone may have read it", ErrReadable, path, mode.Perm())
	}
	plain, err := decrypt(data, passphrase)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, fmt.Errorf("%w for %s", ErrPassphrase, path)
	}
	if err != nil && strings.Contains(err.Error(), "work factor") {
		return nil, fmt.Errorf("%w: %s asks for a work factor of more than %d, so it is damaged, or no key file of spaceos trust key", ErrKey, path, maxWorkFactor)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s is damaged, or no key file; take a copy that is whole, or make a new key with spaceos trust key", ErrKey, path)
	}
	key, err := parseKey(plain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key.file = path
	return key, nil
}

// decrypt opens an age file. An empty passphrase is a wrong one.
func decrypt(data, passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		return nil, age.ErrIncorrectIdentity
	}
	from, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	from.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(bytes.NewReader(data), from)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxKeyFile))
}

func parseKey(plain []byte) (*Key, error) {
	v, err := canonical.Parse(plain, 2)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	f := v.Fields("key")
	f.Is("_type", "spaceos-key")
	ed, edErr := hex.DecodeString(f.Str("ed25519-seed"))
	ml, mlErr := hex.DecodeString(f.Str("ml-dsa-65-seed"))
	if err := errors.Join(f.Done(), edErr, mlErr); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return keyOf(ed, ml)
}

// Save writes the public half to a new file. It is no secret, but whoever gets
// it must know by other means that it is yours: compare Short.
func (p PublicKey) Save(path string) error {
	objects := p.objects()
	data, err := canonical.Encode(canonical.NewObject(
		canonical.Member{Name: "_type", Value: canonical.NewString("spaceos-public-key")},
		canonical.Member{Name: "keys", Value: canonical.NewArray(objects[0], objects[1])}))
	if err != nil {
		return err
	}
	return folder{filepath.Dir(path)}.write(filepath.Base(path), append(data, '\n'), 0o644, false)
}

// LoadPublic reads a file that PublicKey.Save wrote.
func LoadPublic(path string) (PublicKey, error) {
	data, _, err := readFile(path, maxPublicFile)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if bytes.HasPrefix(data, []byte("age-encryption.org/")) {
		return PublicKey{}, fmt.Errorf("%w: %s is the secret half of a key, which must not leave its owner; name the .pub file", ErrKey, path)
	}
	p, err := parsePublic(bytes.TrimSuffix(data, []byte("\n")))
	if err != nil {
		return PublicKey{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func parsePublic(data []byte) (PublicKey, error) {
	v, err := canonical.Parse(data, 5)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	f := v.Fields("public key")
	f.Is("_type", "spaceos-public-key")
	var halves []canonical.Value
	for _, half := range f.Array("keys", 2) {
		halves = append(halves, half)
	}
	if err := f.Done(); err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if len(halves) != 2 {
		return PublicKey{}, fmt.Errorf("%w: it has %d halves, and a pair has 2", ErrKey, len(halves))
	}
	return publicOf(halves[0], halves[1])
}
