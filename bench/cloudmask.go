package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// largeSide is the side of a Sentinel-2 tile at 100 m, in samples.
const largeSide = 1098

const (
	smallBudget  = "cloudmask on one frame: cell / crun"
	largeBudget  = "cloudmask on 1098 x 1098, whole process: cell / native"
	pythonBudget = "cloudmask, time a pixel: native / s2cloudless"
)

func (h *harness) cloudmaskDir() string { return filepath.Join(h.dir, "cloudmask") }

// measureCloudmask is the real payload: one published frame, and the published
// frames tiled to 1098 x 1098.
func (h *harness) measureCloudmask(ctx context.Context, runtimes []*runtime) error {
	source := filepath.Join(h.root, "payloads", "cloudmask")
	if _, err := os.Stat(filepath.Join(source, "Makefile")); err != nil {
		h.skip("cloudmask: payloads/cloudmask has no Makefile yet")
		h.budgetAbsent(smallBudget, atMost, 1, "no payload")
		h.budgetAbsent(largeBudget, atMost, 1.02, "no payload")
		h.budgetAbsent(pythonBudget, atMost, 1, "no payload")
		return nil
	}
	if _, err := h.textOf(ctx, "make", "-C", source, "OUT="+h.cloudmaskDir()); err != nil {
		return err
	}

	w, err := h.cloudmaskFrame("cloudmask", 0)
	if err != nil {
		return err
	}
	rounds := h.rounds(41, 3)
	h.logf("cloudmask: %d rounds of pairs", rounds)
	r, err := h.alternate(ctx, inPairs(h.contenders(ctx, w, runtimes)), 1, rounds)
	if err != nil {
		return err
	}
	h.timeTable("cloudmask", "cloudmask on one published frame (100 x 101)",
		"Start to exit, milliseconds, the second of two runs in a row. Each run's probability and mask are compared byte by byte with the published ones.",
		"crun", r, column{"ms", wall, 1e-3, 2})
	h.budgetRatio(smallBudget, r, "cell", "crun", wall, atMost, 1)

	return h.measureLargeCloudmask(ctx, only(runtimes, "native", "cell", "crun"))
}

func (h *harness) measureLargeCloudmask(ctx context.Context, runtimes []*runtime) error {
	w, err := h.cloudmaskFrame("cloudmask-large", largeSide)
	if err != nil {
		return err
	}
	r, err := h.measure(ctx, w, runtimes, h.rounds(81, 2))
	if err != nil {
		return err
	}
	note := h.budgetSteady(largeBudget, r, "cell", "native", wall, atMost, 1.02)
	h.timeTable("cloudmask-large", "cloudmask on 1098 x 1098 (the frames tiled)",
		"Start to exit, milliseconds. Each run's probability is compared byte by byte with the published ones, tiled; its mask with that of the first run. "+note,
		"native", r, column{"ms", wall, 1e-3, 1})
	return h.measurePython(ctx, w, only(runtimes, "native", "cell"))
}

// pixelTime is the part of a sample that is seconds a pixel: for a program the
// whole run, for s2cloudless its computing alone, without Python's start.
const pixelTime = "pixel"

// measurePython sets s2cloudless beside the C program on the frame of w, in a
// few rounds of their own, since it takes so long.
func (h *harness) measurePython(ctx context.Context, w workload, runtimes []*runtime) error {
	const pixels = largeSide * largeSide
	python, err := h.s2cloudless(ctx, w, pixels)
	if err != nil {
		h.skip("s2cloudless in Python: %v", err)
		h.budgetAbsent(pythonBudget, atMost, 1, "no s2cloudless")
		return nil
	}
	list := []contender{python}
	for _, c := range h.contenders(ctx, w, runtimes) {
		list = append(list, contender{c.name, func(ctx context.Context) (map[string]float64, error) {
			parts, err := c.once(ctx)
			if err == nil {
				parts[pixelTime] = parts[wall] / pixels
			}
			return parts, err
		}})
	}
	rounds := h.rounds(3, 1)
	h.logf("cloudmask beside s2cloudless: %d rounds", rounds)
	r, err := h.alternate(ctx, list, 0, rounds)
	if err != nil {
		return err
	}
	h.timeTable("s2cloudless", "cloudmask beside s2cloudless in Python, on one thread, 1098 x 1098",
		"Microseconds a pixel are of the whole run, for s2cloudless of its computing alone, without the start of Python and the loading of the model.",
		"s2cloudless", r, column{"whole run, s", wall, 1, 2}, column{"us a pixel", pixelTime, 1e-6, 2})
	h.budgetRatio(pythonBudget, r, "native", "s2cloudless", pixelTime, atMost, 1)
	return nil
}

// cloudmaskFrame makes the folders of a run: frame 0 as published, or all that
// are published, tiled to side x side, and the check of its results.
func (h *harness) cloudmaskFrame(name string, side int) (workload, error) {
	pattern := "frame0.hdr"
	if side > 0 {
		pattern = "frame?.hdr"
	}
	headers, _ := filepath.Glob(filepath.Join(h.root, "payloads", "cloudmask", "testdata", pattern)) // the pattern is well formed
	if len(headers) == 0 {
		return workload{}, fmt.Errorf("there is no published frame %s in payloads/cloudmask/testdata", pattern)
	}
	published := map[string][]*raster{}
	for _, header := range headers {
		for _, kind := range []string{"", ".clp", ".mask"} {
			r, err := readRaster(strings.TrimSuffix(header, ".hdr") + kind)
			if err != nil {
				return workload{}, err
			}
			published[kind] = append(published[kind], r)
		}
	}
	frame, probability, mask := published[""][0], published[".clp"][0], published[".mask"][0].data
	if side > 0 {
		// Probability belongs to one sample alone, so it tiles; the mask of
		// a tile depends on its neighbours.
		frame, probability, mask = tile(published[""], side, side), tile(published[".clp"], side, side), nil
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
