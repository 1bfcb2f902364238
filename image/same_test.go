package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// knownDigest is the digest of the small payload's image, on any machine. It
// changes when the form of manifests or images does, and by nothing else.
const knownDigest = "sha256:f7f879bb915b7c7ab85268cf74a20104f3e51ebc421c44e1d0102f663893b0a9"

// knownTar is the SHA-256 of its tar.
const knownTar = "493bb90840adbcfd08097409ff044e2656a130dfb443320cf07b6528b238985e"

// sealerVariable makes the test binary a sealer: source folder, output, umask.
const sealerVariable = "SPACEOS_TEST_SEALER"

func TestMain(m *testing.M) {
	if args := strings.Split(os.Getenv(sealerVariable), ","); len(args) == 3 {
		var mask int
		fmt.Sscanf(args[2], "%o", &mask)
		syscall.Umask(mask)
		img, err := sealFrom(payload(), args[0], args[1], false)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(img.Digest)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A surrounding is what may differ between two that seal the same bytes.
type surrounding struct {
	name  string
	dir   string // where the source lies
	umask string
	env   []string
	touch func(t *testing.T, dir string)
}

// TestSameInputSameDigest seals the same bytes in other surroundings.
func TestSameInputSameDigest(t *testing.T) {
	each := func(fn func(p string) error) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			err := filepath.Walk(dir, func(p string, _ os.FileInfo, err error) error { return errors.Join(err, fn(p)) })
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []surrounding{
		{"as it is", "a", "022", nil, nil},
		{"another folder", "another/and a much longer/name", "022", nil, nil},
		{"a narrow umask", "a", "077", nil, nil},
		{"no umask", "a", "000", nil, nil},
		{"another time zone", "a", "022", []string{"TZ=Pacific/Kiritimati"}, nil},
		{"another locale", "a", "022", []string{"LC_ALL=tr_TR.UTF-8", "LANG=tr_TR.UTF-8"}, nil},
		{"another user's environment", "a", "022", []string{"HOME=/nowhere", "USER=nobody", "SOURCE_DATE_EPOCH=1"}, nil},
		{"old files", "a", "022", nil, each(func(p string) error { return os.Chtimes(p, time.Unix(1, 0), time.Unix(1, 0)) })},
		{"files of the future", "a", "022", nil, each(func(p string) error {
			return os.Chtimes(p, time.Unix(1<<33, 5), time.Unix(1<<33, 5))
		})},
		{"other permissions", "a", "022", nil, each(func(p string) error {
			info, err := os.Stat(p)
			if err != nil {
				return err
			}
			return os.Chmod(p, info.Mode()&0o700|0o077)
		})},
		{"a folder in another order", "a", "022", nil, func(t *testing.T, dir string) { reorder(t, filepath.Join(dir, "model")) }},
		{"empty folders", "a", "022", nil, func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "model", "nothing", "in", "here"), 0o755); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), c.dir)
			if err := source.write(dir); err != nil {
				t.Fatal(err)
			}
			if c.touch != nil {
				c.touch(t, dir)
			}
			for _, form := range []string{"layout", "layout.tar"} {
				out := filepath.Join(filepath.Dir(dir), form)
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(append(os.Environ(), c.env...), sealerVariable+"="+strings.Join([]string{dir, out, c.umask}, ","))
				got, err := cmd.CombinedOutput()
				if err != nil || strings.TrimSpace(string(got)) != knownDigest {
					t.Errorf("sealed as %s: %s (%v), want %s", form, got, err, knownDigest)
				}
			}
			packed, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "layout.tar"))
			if sum := fmt.Sprintf("%x", sha256.Sum256(packed)); err != nil || sum != knownTar {
				t.Errorf("the tar has the SHA-256 %s (%v), want %s", sum, err, knownTar)
			}
		})
	}
}

// reorder makes the files of a folder anew, the last first: file systems that
// list names by when they came list them in another order.
func reorder(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.bin"))
	if err != nil || len(names) < 2 {
		t.Fatal(names, err)
	}
	slices.Reverse(names)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err := errors.Join(err, os.Remove(name), os.WriteFile(name, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoClock: a package that cannot read the clock cannot depend on it.
func TestNoClock(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			if imp.Path.Value == `"time"` || strings.HasPrefix(imp.Path.Value, `"math/rand`) {
				t.Errorf("%s imports %s", name, imp.Path.Value)
			}
		}
	}
}
