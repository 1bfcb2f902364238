package hwkvm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// metaPackage is Debian's package that depends on its current cloud kernel.
const metaPackage = "linux-image-cloud-amd64"

// ErrMissing is in the chain of every error that says which Debian package
// this machine lacks.
var ErrMissing = errors.New("not installed here")

// A Kernel is an unpacked kernel package.
type Kernel struct {
	// Image is the kernel's file.
	Image string
	// Modules is the folder of its modules.
	Modules string
}

// Fetch gives Debian's cloud kernel, unpacked below the cache folder. It is
// downloaded the first time, by apt from where this machine gets its packages;
// nothing is installed, and no boot loader touched.
func Fetch(ctx context.Context, cache string) (Kernel, error) {
	if k, err := find(cache); err == nil {
		return k, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Kernel{}, err
	}
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return Kernel{}, err
	}
	defer os.RemoveAll(work)
	err = download(ctx, work)
	if err != nil && os.Getuid() == 0 {
		// apt knows no packages yet, or old ones.
		if _, updating := run(ctx, work, "apt-get", "update"); updating == nil {
			err = download(ctx, work)
		}
	}
	if err != nil {
		return Kernel{}, fmt.Errorf("hwkvm: no kernel to test with: apt-get download %s failed (%w); as root, run: apt-get update", metaPackage, err)
	}
	return unpack(ctx, work, cache)
}

// download puts the kernel's package into dir.
func download(ctx context.Context, dir string) error {
	out, err := run(ctx, dir, "apt-cache", "depends", "--important", metaPackage)
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: ")
		if !ok || !strings.HasPrefix(name, "linux-image-") {
			continue
		}
		// apt's own user need not be able to write here.
		_, err := run(ctx, dir, "apt-get", "-o", "APT::Sandbox::User=root", "download", name)
		return err
	}
	return fmt.Errorf("apt knows no dependency of %s", metaPackage)
}

// unpack unpacks the package in work into a folder of the cache, which appears
// there complete or not at all.
func unpack(ctx context.Context, work, cache string) (Kernel, error) {
	packages, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(packages) != 1 {
		return Kernel{}, fmt.Errorf("hwkvm: apt-get download left %q, not one package", packages)
	}
	name := strings.TrimSuffix(filepath.Base(packages[0]), ".deb")
	if _, err := run(ctx, work, "dpkg-deb", "-x", packages[0], "root"); err != nil {
		return Kernel{}, fmt.Errorf("hwkvm: cannot unpack the kernel: %w", err)
	}
	if err := os.Rename(filepath.Join(work, "root"), filepath.Join(cache, name)); err != nil {
		return Kernel{}, fmt.Errorf("hwkvm: cannot keep the kernel: %w", err)
	}
	return find(cache)
}

// find looks for an unpacked kernel.
func find(cache string) (Kernel, error) {
	images, err := filepath.Glob(filepath.Join(cache, "linux-image-*", "boot", "vmlinuz-*"))
	if err != nil {
		return Kernel{}, err
	}
	for _, image := range images {
		release := strings.TrimPrefix(filepath.Base(image), "vmlinuz-")
		// Where /lib is a link, packages have their modules in /usr/lib.
		for _, lib := range []string{"lib", "usr/lib"} {
			modules := filepath.Join(filepath.Dir(image), "..", lib, "modules", release)
			if _, err := os.Stat(modules); err == nil {
				return Kernel{Image: image, Modules: modules}, nil
			}
		}
	}
	return Kernel{}, fmt.Errorf("hwkvm: no kernel in %s", cache)
}

// run runs a command and gives what it prints; its complaint becomes the error.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
