package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

const (
	debianBudget      = "size: minimal Debian image with the same C program / sealed cloudmask"
	slimPythonBudget  = "size: slim Python image with s2cloudless / sealed cloudmask"
	debianAtLeast     = 20
	slimPythonAtLeast = 100
)

// debianImage is a minimal Debian with cloudmask's C program, linked as
// programs in Debian are: dynamically, with glibc.
func (h *harness) debianImage(ctx context.Context) (containerImage, error) {
	source := filepath.Join(h.root, "payloads", "cloudmask")
	made := filepath.Join(h.dir, "cloudmask-dynamic")
	if _, err := h.textOf(ctx, "make", "-C", source, "OUT="+made, "LDFLAGS=-s -Wl,--gc-sections", "native"); err != nil {
		return containerImage{}, err
	}
	program, model := filepath.Join(made, "cloudmask.native"), filepath.Join(made, "app", "cloudmask.model")
	if err := needsLibraries(program); err != nil {
		return containerImage{}, err
	}
	return containerImage{
		name: "debian", what: "minimal Debian, C program linked dynamically",
		content: []string{program, model},
		fill: func(ctx context.Context, root string) error {
			return errors.Join(
				copyInto(program, filepath.Join(root, "usr/local/bin/cloudmask"), 0o755),
				copyInto(model, filepath.Join(root, "app/cloudmask.model"), 0o644))
		},
		argv: []string{"/usr/local/bin/cloudmask"},
	}, nil
}

// needsLibraries refuses a program that is static: it would be measured in an
// image that it does not need.
func needsLibraries(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	if libraries, err := f.ImportedLibraries(); err != nil || !slices.Contains(libraries, "libc.so.6") {
		return fmt.Errorf("%s is not linked with libc.so.6 (%v, %v)", program, libraries, err)
	}
	return nil
}

// pythonImage is a slim Python, Debian's, with s2cloudless and all that it
// needs from PyPI, at the versions of requirements.txt.
func (h *harness) pythonImage(ctx context.Context) (containerImage, error) {
	folder := filepath.Join(h.root, "payloads", "cloudmask")
	requirements, script := filepath.Join(folder, "requirements.txt"), filepath.Join(folder, "compare.py")
	python, err := h.pythonEnvironment(ctx, requirements)
	if err != nil {
		return containerImage{}, err
	}
	packages, err := h.textOf(ctx, python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))")
	if err != nil {
		return containerImage{}, err
	}
	version := filepath.Base(filepath.Dir(packages)) // python3.N
	return containerImage{
		name: "python", what: "slim Python with s2cloudless",
		packages: []string{"python3", "libgomp1"}, // LightGBM needs libgomp
		content:  []string{requirements, script},
		fill: func(ctx context.Context, root string) error {
			return h.fillPython(ctx, root, version, packages, script)
		},
		argv: []string{"/usr/bin/env", "OMP_NUM_THREADS=1", "/usr/bin/python3", "/app/compare.py", "time", "--in", "/in", "--out", "/out"},
	}, nil
}

// fillPython copies installed packages, without the installer itself.
func (h *harness) fillPython(ctx context.Context, root, version, packages, script string) error {
	if _, err := os.Stat(filepath.Join(root, "usr/lib", version)); err != nil {
		return fmt.Errorf("the packages are for %s, the image has another: %w", version, err)
	}
	to := filepath.Join(root, "usr/local/lib", version, "dist-packages")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if _, err := h.textOf(ctx, "cp", "-a", packages+"/.", to); err != nil {
		return err
	}
	for _, pattern := range []string{"pip", "pip-*", "setuptools", "setuptools-*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth"} {
		paths, err := filepath.Glob(filepath.Join(to, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return copyInto(script, filepath.Join(root, "app/compare.py"), 0o755)
}

func copyInto(from, to string, mode os.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, mode))
}

// measureImages sets the sealed cloudmask beside the container images of the
// same work, each as one tar, compressed in the same two ways.
func (h *harness) measureImages(ctx context.Context) error {
	t := &table{Title: "Sizes of images", Header: []string{"image", "tar, bytes", "gzip -9", "zstd -19", "/ sealed, gzip", "/ sealed, zstd"},
		Note: "Each is one tar. The Debian is debootstrap's minbase without what official slim images leave out; " +
			"the Python is Debian's, with the packages of payloads/cloudmask/requirements.txt, without pip and compiled files. " +
			"Each image's payload was run in it on a published frame, with the published result."}
	sealed, err := h.sealedSizes(ctx)
	if err != nil {
		return err
	}
	h.report.Tables = append(h.report.Tables, t)
	t.add("sealed cloudmask", sealed, sealed)
	for _, c := range []struct {
		make   func(context.Context) (containerImage, error)
		budget string
		limit  float64
	}{
		{h.debianImage, debianBudget, debianAtLeast},
		{h.pythonImage, slimPythonBudget, slimPythonAtLeast},
	} {
		if err := needRoot(); err != nil {
			h.skip("%s: %v", c.budget, err)
			h.budgetAbsent(c.budget, atLeast, c.limit, "needs root")
			continue
		}
		image, err := c.make(ctx)
		if err != nil {
			return err
		}
		sizes, err := h.pack(ctx, image)
		if err != nil {
			return err
		}
		t.add(image.what, sizes, sealed)
		h.budgetSize(c.budget, sizes, sealed, c.limit)
	}
	return nil
}

func (t *table) add(what string, sizes, sealed packed) {
	t.Rows = append(t.Rows, []string{what, fmt.Sprint(sizes.Tar), fmt.Sprint(sizes.Gzip), fmt.Sprint(sizes.Zstd),
		fmt.Sprintf("%.1f", sizes.perGzip(sealed)), fmt.Sprintf("%.1f", sizes.perZstd(sealed))})
}

func (p packed) perGzip(sealed packed) float64 { return float64(p.Gzip) / float64(sealed.Gzip) }
func (p packed) perZstd(sealed packed) float64 { return float64(p.Zstd) / float64(sealed.Zstd) }

// budgetSize holds both ratios against a limit; sizes have no spread.
func (h *harness) budgetSize(what string, sizes, sealed packed, limit float64) {
	for _, way := range []struct {
		name  string
		ratio float64
	}{{"gzip -9", sizes.perGzip(sealed)}, {"zstd -19", sizes.perZstd(sealed)}} {
		h.report.Budgets = append(h.report.Budgets, budget{
			What: what + ", " + way.name, Budget: fmt.Sprintf("%s %g", atLeast, limit),
			Measured: fmt.Sprintf("%.1f", way.ratio), Verdict: judge(way.ratio, atLeast, limit),
		})
	}
}

// sealedSizes seals cloudmask and measures its tar.
func (h *harness) sealedSizes(ctx context.Context) (packed, error) {
	dir := filepath.Join(h.dir, "images", "sealed")
	if err := os.RemoveAll(dir); err != nil {
		return packed{}, err
	}
	if _, err := h.textOf(ctx, "make", "-C", filepath.Join(h.root, "payloads", "cloudmask"), "OUT="+h.cloudmaskDir()); err != nil {
		return packed{}, err
	}
	return h.packTar(ctx, dir, func(archive string) error {
		_, err := h.textOf(ctx, h.cellPath(), "seal", "--output", archive, filepath.Join(h.cloudmaskDir(), "sealed"))
		return err
	})
}
