package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// largeSide is the side of a Sentinel-2 tile at 100 m, in samples.
const largeSide = 1098

func (h *harness) cloudmaskDir() string { return filepath.Join(h.dir, "cloudmask") }

// measureCloudmask is the real payload: one published frame, and the same frame
// tiled to 1098 x 1098.
func (h *harness) measureCloudmask(ctx context.Context, runtimes []*runtime) error {
	const small, large = "cloudmask on one frame: cell / crun", "cloudmask on 1098 x 1098, whole process: cell / native"
	source := filepath.Join(h.root, "payloads", "cloudmask")
	if _, err := os.Stat(filepath.Join(source, "Makefile")); err != nil {
		h.skip("cloudmask: payloads/cloudmask has no Makefile yet")
		h.budgetAbsent(small, atMost, 1, "no payload")
		h.budgetAbsent(large, atMost, 1.02, "no payload")
		return nil
	}
	if _, err := h.textOf(ctx, "make", "-C", source, "OUT="+h.cloudmaskDir()); err != nil {
		return err
	}

	w, err := h.cloudmaskFrame("cloudmask", 0)
	if err != nil {
		return err
	}
	r, err := h.measure(ctx, w, runtimes, h.rounds(21, 3))
	if err != nil {
		return err
	}
	h.timeTable("cloudmask", "cloudmask on one published frame (100 x 101)",
		"Start to exit, milliseconds. Each run's probability and mask are compared byte by byte with the published ones.",
		"crun", r, column{"ms", wall, 1e-3, 2})
	h.budgetRatio(small, r, "cell", "crun", wall, atMost, 1)

	if w, err = h.cloudmaskFrame("cloudmask-large", largeSide); err != nil {
		return err
	}
	if r, err = h.measure(ctx, w, only(runtimes, "native", "cell", "crun", "runsc"), h.rounds(9, 2)); err != nil {
		return err
	}
	h.timeTable("cloudmask-large", "cloudmask on 1098 x 1098 (the frame tiled)",
		"Start to exit, milliseconds. Each run's probability is compared byte by byte with the published one, tiled; its mask with that of the first run.",
		"native", r, column{"ms", wall, 1e-3, 1})
	h.budgetRatio(large, r, "cell", "native", wall, atMost, 1.02)
	return h.measurePython(ctx, w)
}

// cloudmaskFrame makes the folders of a run: frame 0 as published, or tiled to
// side x side, and the check of its results.
func (h *harness) cloudmaskFrame(name string, side int) (workload, error) {
	published := filepath.Join(h.root, "payloads", "cloudmask", "testdata", "frame0")
	var rasters []*raster
	for _, kind := range []string{"", ".clp", ".mask"} {
		r, err := readRaster(published + kind)
		if err != nil {
			return workload{}, err
		}
		rasters = append(rasters, r)
	}
	frame, probability, mask := rasters[0], rasters[1], rasters[2].data
	if side > 0 {
		// Probability belongs to one sample alone, so it tiles; the mask of
		// a tile depends on its neighbours.
		frame, probability, mask = frame.tile(side, side), probability.tile(side, side), nil
	}
	dir := filepath.Join(h.dir, "frames", name)
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := emptyFolder(in); err != nil {
		return workload{}, err
	}
	if err := frame.write(filepath.Join(in, "frame0")); err != nil {
		return workload{}, err
	}
	return workload{
		name:    name,
		program: filepath.Join(h.cloudmaskDir(), "cloudmask"),
		memory:  "256MiB",
		in:      in,
		out:     out,
		app:     filepath.Join(h.cloudmaskDir(), "app"),
		before:  func() error { return emptyFolder(out) },
		check:   checkCloudmask(filepath.Join(out, "frame0"), probability.data, mask),
	}, emptyFolder(out)
}

// checkCloudmask compares the results of a run. A nil mask stands for that of
// the first run, which must at least have the size of one.
func checkCloudmask(name string, probability, mask []byte) func(string) error {
	return func(string) error {
		if err := sameFile(name+".clp.img", probability); err != nil {
			return err
		}
		if mask == nil {
			first, err := os.ReadFile(name + ".mask.img")
			if err != nil {
				return err
			}
			if len(first)*4 != len(probability) {
				return fmt.Errorf("%s.mask.img has %d bytes, want %d", name, len(first), len(probability)/4)
			}
			mask = first
		}
		return sameFile(name+".mask.img", mask)
	}
}

// measurePython is s2cloudless itself, in Python on one thread, beside ours.
func (h *harness) measurePython(ctx context.Context, w workload) error {
	script := filepath.Join(h.root, "payloads", "cloudmask", "compare.py")
	if _, err := os.Stat(script); err != nil {
		h.skip("s2cloudless in Python: payloads/cloudmask/compare.py does not exist yet")
		return nil
	}
	h.skip("s2cloudless in Python: the bench does not know compare.py's command line yet")
	return nil
}
