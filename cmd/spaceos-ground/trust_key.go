package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spaceos/internal/cli"
	"spaceos/trust/repository"
)

// newTrustKey makes a key.
func newTrustKey(s cli.Streams, ring *keyring) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key NAME",
		Short: "Make a key: NAME.key, which signs, and NAME.pub, which others may have",
		Long: `Make a key: a pair of Ed25519 and ML-DSA-65 keys that sign together.

NAME.key is secret. It is encrypted with a passphrase in the age format (scrypt
with a work factor of 2^18: a second and 256 MiB for each try), so it opens with
` + "`age --decrypt`" + `, too, and its first lines state the factor. Only you can read it.
NAME.pub is what you send to those who shall trust you; tell them the key's 12
digits by another way, so that they know it is yours.`,
		Example: `  spaceos trust key acme
  spaceos trust key keys/root-2 --passphrase-file passphrase`,
		Args: cli.ExactArgs("the NAME of the key's files"),
		RunE: func(_ *cobra.Command, args []string) error {
			passphrase, err := ring.fresh(args[0] + ".key")
			if err != nil {
				return err
			}
			key, err := ring.make(args[0], passphrase)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "made key %s: %s.key (secret) and %s.pub\n", key.Public().Short(), args[0], args[0])
			return nil
		},
	}
	ring.flags(cmd)
	return cmd
}

// make makes a key and its two files.
func (k *keyring) make(name string, passphrase []byte) (*repository.Key, error) {
	key, err := repository.NewKey()
	if err != nil {
		return nil, err
	}
	if err := key.Save(name+".key", passphrase, k.protection); err != nil {
		return nil, notMade(name+".key", err)
	}
	if err := key.Public().Save(name + ".pub"); err != nil {
		_ = os.Remove(name + ".key") // both or none
		return nil, notMade(name+".pub", err)
	}
	return key, nil
}

// notMade says what to do about a key file that could not be made.
func notMade(file string, err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already, and a key is never overwritten; take another name, or another folder (--keys, for those of trust init)", file)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder for %s; make it with mkdir %s", file, filepath.Dir(file))
	}
	return err
}

// makeRoleKeys gives each role that has no keys a new one.
func makeRoleKeys(ring *keyring, dir string, roles repository.Roles) (n newKeys, err error) {
	var passphrase []byte
	for _, role := range repository.TopRoles() {
		if len(roles[role].Keys) > 0 {
			continue
		}
		if passphrase == nil {
			if passphrase, err = ring.fresh("the keys in " + dir); err != nil {
				return n, err
			}
			if err := os.Mkdir(dir, 0o700); err == nil {
				n.dir = dir
			} else if !errors.Is(err, fs.ErrExist) {
				return n, err
			}
		}
		name := filepath.Join(dir, role)
		key, err := ring.make(name, passphrase)
		if err != nil {
			return n, err
		}
		n.names, n.keys = append(n.names, name), append(n.keys, key)
		roles[role] = repository.RoleKeys{Keys: []repository.PublicKey{key.Public()}, Threshold: roles[role].Threshold}
	}
	return n, nil
}

// remove takes the keys away that were just made.
func (n newKeys) remove() {
	for _, name := range n.names {
		_ = os.Remove(name + ".key")
		_ = os.Remove(name + ".pub")
	}
	if n.dir != "" {
		_ = os.Remove(n.dir)
	}
}
