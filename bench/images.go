package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// containerImage is a container image that a user would ship today in place of
// a sealed one. Its root is a minimal Debian (debootstrap's variant minbase),
// without what Debian's official slim images leave out.
type containerImage struct {
	name, what string
	packages   []string // of Debian, beside minbase
	content    []string // files and folders of the host that fill puts in
	// fill puts the payload into root.
	fill func(ctx context.Context, root string) error
	// argv is the payload's command inside, from /in to /out.
	argv []string
}

// packed is the size of an image: of its tar, and of that compressed.
type packed struct {
	Key             string // of what the image was made from
	Tar, Gzip, Zstd int64
}

// pack builds an image, sees that its payload works in it, and measures its
// tar. What was measured is kept, with the compressed tar beside it, until
// something that goes into the image changes.
func (h *harness) pack(ctx context.Context, image containerImage) (packed, error) {
	dir := filepath.Join(h.dir, "images", image.name)
	key, err := image.key(ctx, h)
	if err != nil {
		return packed{}, err
	}
	record := filepath.Join(dir, "sizes.json")
	var known packed
	if data, err := os.ReadFile(record); err == nil && json.Unmarshal(data, &known) == nil && known.Key == key {
		return known, nil
	}
	h.logf("building %s (once)", image.what)
	root := filepath.Join(dir, "root")
	if err := os.RemoveAll(dir); err != nil {
		return packed{}, err
	}
	defer os.RemoveAll(root)
	if err := h.debootstrap(ctx, root, image.packages); err != nil {
		return packed{}, err
	}
	if err := slim(root); err != nil {
		return packed{}, err
	}
	if err := image.fill(ctx, root); err != nil {
		return packed{}, err
	}
	if err := h.worksIn(ctx, root, image.argv); err != nil {
		return packed{}, fmt.Errorf("%s does not work: %w", image.what, err)
	}
	if err := slim(root); err != nil { // what the run left
		return packed{}, err
	}
	sizes, err := h.packTar(ctx, dir, func(archive string) error {
		_, err := h.textOf(ctx, "tar", "--create", "--file", archive, "--directory", root, "--sort=name", "--mtime=@0", "--numeric-owner", ".")
		return err
	})
	if err != nil {
		return packed{}, err
	}
	sizes.Key = key
	data, err := json.Marshal(sizes)
	if err != nil {
		return packed{}, err
	}
	return sizes, os.WriteFile(record, append(data, '\n'), 0o644)
}

// key changes when the recipe or what it puts in does.
func (image containerImage) key(ctx context.Context, h *harness) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, "recipe 1", image.packages, image.argv)
	codename, mirror, err := h.debianMirror(ctx)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(hash, codename, mirror)
	for _, path := range image.content {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(hash, filepath.Base(path), len(data))
		hash.Write(data)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

// packTar makes dir/image.tar, compresses it in both ways, and keeps what zstd
// made of it.
func (h *harness) packTar(ctx context.Context, dir string, create func(archive string) error) (packed, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return packed{}, err
	}
	archive := filepath.Join(dir, "image.tar")
	defer os.Remove(archive)
	if err := create(archive); err != nil {
		return packed{}, err
	}
	var sizes packed
	var err error
	if sizes.Tar, sizes.Gzip, err = sizeOf([]string{archive}); err != nil {
		return packed{}, err
	}
	// One thread: with more, the size depends on their number.
	if _, err := h.textOf(ctx, "nice", "zstd", "--quiet", "--force", "-19", "--single-thread", archive); err != nil {
		return packed{}, err
	}
	info, err := os.Stat(archive + ".zst")
	if err != nil {
		return packed{}, err
	}
	sizes.Zstd = info.Size()
	return sizes, nil
}

// debootstrap makes a minimal Debian of this machine's release at root, from
// the mirror that this machine's apt uses.
func (h *harness) debootstrap(ctx context.Context, root string, packages []string) error {
	codename, mirror, err := h.debianMirror(ctx)
	if err != nil {
		return err
	}
	cache := filepath.Join(h.dir, "images", "packages")
	if err := errors.Join(os.MkdirAll(cache, 0o755), os.MkdirAll(root, 0o755)); err != nil {
		return err
	}
	argv := []string{"nice", "debootstrap", "--variant=minbase", "--cache-dir=" + cache}
	if len(packages) > 0 {
		argv = append(argv, "--include="+strings.Join(packages, ","))
	}
	// It prints its errors on standard output.
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], codename, root, mirror)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args[1:], " "), err, lastLine(string(out)))
	}
	return nil
}

// debianMirror asks apt for the release and the mirror of this machine: the
// first of its sources that is Debian's own with a component main, and no
// updates.
func (h *harness) debianMirror(ctx context.Context) (codename, mirror string, err error) {
	codename = lineValue("/etc/os-release", "VERSION_CODENAME", "=")
	text, err := h.textOf(ctx, "apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)", "Identifier: Packages")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(text) {
		if uri, ok := strings.CutPrefix(strings.TrimSpace(line), "Debian main "+codename+" "); ok {
			return codename, uri, nil
		}
	}
	return "", "", fmt.Errorf("apt knows no mirror of Debian %s, main; run: apt-get update", codename)
}

// left are the files that slim images keep of the folders that they leave out.
var left = []string{"usr/share/doc/*/copyright", "usr/share/locale/locale.alias"}

// slim removes from root what Debian's official slim images do not have
// (documentation, manuals, translations: the list of debuerreotype, which makes
// them), and what making and trying it left: packages, lists, logs, compiled
// Python, device nodes, frames.
func slim(root string) error {
	gone := []string{
		"usr/share/doc", "usr/share/info", "usr/share/linda", "usr/share/lintian", "usr/share/locale", "usr/share/man",
		"var/cache/apt", "var/cache/debconf", "var/cache/ldconfig", "var/lib/apt/lists", "var/log", "dev", "proc", "sys", "tmp", "run",
		"in", "out", "etc/resolv.conf", "etc/hostname", "var/lib/dpkg/status-old", "var/lib/dpkg/diversions-old",
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "__pycache__" {
				if err := os.RemoveAll(path); err != nil {
					return err
				}
				return fs.SkipDir
			}
			return nil
		}
		below := func(folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }
		kept := func(pattern string) bool { ok, _ := filepath.Match(pattern, name); return ok }
		if slices.ContainsFunc(gone, below) && !slices.ContainsFunc(left, kept) {
			return os.Remove(path)
		}
		return nil
	})
}

// worksIn runs a payload inside root on a published frame and compares what it
// writes with the published results: an image that does not work has no size.
func (h *harness) worksIn(ctx context.Context, root string, argv []string) error {
	published := filepath.Join(h.root, "payloads", "cloudmask", "testdata", "frame0")
	frame, err := readRaster(published)
	if err != nil {
		return err
	}
	in, out := filepath.Join(root, "in"), filepath.Join(root, "out")
	if err := errors.Join(emptyFolder(in), emptyFolder(out)); err != nil {
		return err
	}
	if err := frame.write(filepath.Join(in, "frame0")); err != nil {
		return err
	}
	if _, err := h.textOf(ctx, append([]string{"chroot", root}, argv...)...); err != nil {
		return err
	}
	for _, kind := range []string{".clp", ".mask"} {
		want, err := readRaster(published + kind)
		if err != nil {
			return err
		}
		if err := sameFile(filepath.Join(out, "frame0"+kind+".img"), want.data); err != nil {
			return err
		}
	}
	return nil
}
