package author

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"spaceos"
)

// DefaultTenant stands in a starter until its author writes another.
const DefaultTenant = "me"

//go:embed starter
var starters embed.FS

// Languages lists those that there is a starter in.
func Languages() []string {
	entries, err := starters.ReadDir("starter")
	if err != nil {
		return nil // it is embedded: there is no such error
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// ErrExists says that a starter's folder is there already.
var ErrExists = errors.New("is there already")

// WriteStarter makes a folder with a payload in a language that builds, runs
// and seals. The folder's name is the payload's. It is there whole or not at
// all, and what is there already is left alone (ErrExists).
func WriteStarter(folder, language, tenant string) (err error) {
	name := filepath.Base(folder)
	if err := spaceos.ValidName(name); err != nil {
		return err
	}
	if err := spaceos.ValidName(tenant); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	if !slices.Contains(Languages(), language) {
		return fmt.Errorf("there is no starter in %.40q: there are %s", language, strings.Join(Languages(), ", "))
	}
	if _, err := os.Lstat(folder); err == nil {
		return fmt.Errorf("%s %w: name a folder that does not exist yet", folder, ErrExists)
	}
	draft, err := os.MkdirTemp(filepath.Dir(folder), "."+name+".*")
	if err != nil {
		return fmt.Errorf("%s cannot be made: %w", folder, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(draft)) }()
	if err := fill(draft, language, strings.NewReplacer("@NAME@", name, "@TENANT@", tenant)); err != nil {
		return fmt.Errorf("%s cannot be made: %w", folder, err)
	}
	// Nothing but an empty folder of our own is replaced.
	if err := os.Mkdir(folder, 0o755); err != nil {
		return fmt.Errorf("%s %w: %w", folder, ErrExists, err)
	}
	return syscall.Rename(draft, folder) // os.Rename wants no folder there
}

func fill(draft, language string, words *strings.Replacer) error {
	from := path.Join("starter", language)
	files, err := fs.ReadDir(starters, from)
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := starters.ReadFile(path.Join(from, f.Name()))
		if err != nil {
			return err
		}
		to := strings.Replace(f.Name(), "gitignore", ".gitignore", 1) // hidden files are not embedded
		if err := os.WriteFile(filepath.Join(draft, to), []byte(words.Replace(string(text))), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(draft, SchemaName), Schema, 0o644); err != nil {
		return err
	}
	return os.Chmod(draft, 0o755)
}
