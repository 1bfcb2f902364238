package repository

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spaceos"
)

// pythonTUF gives a Python interpreter that has python-tuf, in a virtual
// environment below the build folder: made once for each list of versions.
func pythonTUF(t *testing.T) string {
	t.Helper()
	requirements, err := os.ReadFile("testdata/tuf/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs(fmt.Sprintf("../../build/tuf-%.6x", sha256.Sum256(requirements)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err == nil {
		defer lock.Close()
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	python, done := filepath.Join(dir, "venv", "bin", "python"), filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return python
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", "--clear", filepath.Join(dir, "venv")},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "--requirement", "testdata/tuf/requirements.txt"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v (install python3-venv?)\n%s", strings.Join(command, " "), err, out)
		}
	}
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return python
}

// tufClient is what testdata/tuf/client.py says of a repository.
type tufClient struct {
	Versions map[string]int64
	Targets  map[string]struct {
		Length int64
		SHA256 string
	}
}

func readByTUF(t *testing.T, python, dir string, targets ...string) (c tufClient, refusal string) {
	t.Helper()
	args := append([]string{"testdata/tuf/client.py", dir, filepath.Join(dir, "metadata", "1.root.json")}, targets...)
	cmd := exec.Command(python, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && !strings.Contains(errs.String(), "Traceback") {
		return c, errs.String()
	}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &c)
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out.Bytes(), errs.Bytes())
	}
	return c, ""
}

// TestPythonTUFReadsTheRepository lets python-tuf's client follow a repository
// with rotated roots, thresholds and two groups down to a tenant's image.
func TestPythonTUFReadsTheRepository(t *testing.T) {
	python := pythonTUF(t)
	f := newFleet(t)
	f.now = time.Now // the client has the real one
	var tenants []*Key
	for i := range groupSize + 1 {
		tenants = append(tenants, f.tenant(fmt.Sprintf("t%d", i)))
	}
	second, third := testKey(t, "root 2"), testKey(t, "root 3")
	if _, err := f.Rotate(Root, Change{Add: publics(second, third), Threshold: 2}, f.root, third); err != nil {
		t.Fatal(err)
	}
	paths := []string{charterTarget}
	for i := range tenants {
		image := Image{fmt.Sprintf("t%d", i), "hello", "1.0.0", blob(fmt.Sprint(i))}
		if _, err := f.SignImage(image, tenants[i]); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, image.path())
	}
	f.publish()
	got, refusal := readByTUF(t, python, f.Dir(), paths...)
	if refusal != "" {
		t.Fatalf("python-tuf refuses: %s", refusal)
	}
	for i := range tenants {
		want := spaceos.DigestOf(blob(fmt.Sprint(i)))
		if p := got.Targets[paths[i+1]]; p.SHA256 != hex.EncodeToString(want[:]) {
			t.Errorf("python-tuf got %s with %s; want %s", paths[i+1], p.SHA256, want)
		}
	}
	if got.Versions[Root] != 2 || got.Versions["group-1"] == 0 || got.Versions["tenant-t12"] != 1 {
		t.Errorf("python-tuf saw versions %v; want root 2, group-1, tenant-t12 1", got.Versions)
	}
}

// TestPythonTUFRefusesWhatWasTamperedWith changes one file of a repository
// that python-tuf reads, and wants to see it refused for that reason.
func TestPythonTUFRefusesWhatWasTamperedWith(t *testing.T) {
	python := pythonTUF(t)
	f := newFleet(t)
	f.now = time.Now
	acme := f.tenant("acme")
	image := Image{"acme", "hello", "1.0.0", blob("hello")}
	if _, err := f.SignImage(image, acme); err != nil {
		t.Fatal(err)
	}
	f.publish()
	stamp, err := os.ReadFile(filepath.Join(f.Dir(), metadataFile(Timestamp, 1)))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(stamp, []byte(`"sig":"`)) // of the ML-DSA half, the last
	half := string(stamp[at : at+40])
	wrong := half[:39] + map[bool]string{true: "1", false: "0"}[half[39] == '0']
	for _, c := range []struct{ name, file, old, fresh, refusal string }{
		{"the ML-DSA half of a signature", filepath.Join(f.Dir(), metadataFile(Timestamp, 1)), half, wrong, "UnsignedMetadataError"},
		{"the image", filepath.Join(f.Dir(), targetFile(image.path(), spaceos.DigestOf(image.Manifest))), "hello", "hallo", "LengthOrHashMismatchError"},
		{"the tenant's document", filepath.Join(f.Dir(), metadataFile("tenant-acme", 1)), "hello_1.0.0", "hello_1.0.1", "LengthOrHashMismatchError"},
		{"the timestamp", filepath.Join(f.Dir(), metadataFile(Timestamp, 1)), `"length":`, `"length":1`, "UnsignedMetadataError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			bad := bytes.Replace(whole, []byte(c.old), []byte(c.fresh), 1)
			if bytes.Equal(bad, whole) {
				t.Fatalf("%s holds no %q", c.file, c.old)
			}
			if err := os.WriteFile(c.file, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(c.file, whole, 0o644)
			if _, refusal := readByTUF(t, python, f.Dir(), image.path()); !strings.HasPrefix(refusal, c.refusal) {
				t.Fatalf("python-tuf says %q; want %s", refusal, c.refusal)
			}
		})
	}
	if _, refusal := readByTUF(t, python, f.Dir(), image.path()); refusal != "" {
		t.Fatalf("python-tuf refuses the repository as it was: %s", refusal)
	}
}
