package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// s2cloudless is the Python program that cloudmask's results are equal to, as
// a contender: payloads/cloudmask/compare.py on one thread, on the folders of
// w, held to the same check.
func (h *harness) s2cloudless(ctx context.Context, w workload, pixels int) (contender, error) {
	folder := filepath.Join(h.root, "payloads", "cloudmask")
	script := filepath.Join(folder, "compare.py")
	if _, err := os.Stat(script); err != nil {
		return contender{}, errors.New("payloads/cloudmask/compare.py is not there")
	}
	python, err := h.pythonEnvironment(ctx, filepath.Join(folder, "requirements.txt"))
	if err != nil {
		return contender{}, err
	}
	argv := []string{python, script, "time", "--in", w.in, "--out", w.out}
	h.report.Commands = append(h.report.Commands, [2]string{w.name, h.relative(strings.Join(argv, " "))})
	return contender{"s2cloudless", func(ctx context.Context) (map[string]float64, error) {
		if err := w.before(); err != nil {
			return nil, err
		}
		o, err := h.once(ctx, argv)
		if err != nil {
			return nil, err
		}
		if err := o.expect(0, w.check); err != nil {
			return nil, err
		}
		var said struct {
			Pixels int     `json:"pixels"`
			Time   float64 `json:"microseconds_per_pixel"`
		}
		if err := json.Unmarshal([]byte(lastLine(o.stdout)), &said); err != nil {
			return nil, fmt.Errorf("compare.py printed %q: %w", lastLine(o.stdout), err)
		}
		if said.Pixels != pixels || said.Time <= 0 {
			return nil, fmt.Errorf("compare.py took %d pixels in %g us each, want %d", said.Pixels, said.Time, pixels)
		}
		return map[string]float64{wall: o.wall.Seconds(), pixelTime: said.Time * 1e-6}, nil
	}}, nil
}

// pythonEnvironment makes a virtual environment with the packages of a
// requirements file and returns its interpreter. It is made once for each
// content of the file.
func (h *harness) pythonEnvironment(ctx context.Context, requirements string) (string, error) {
	data, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(h.dir, fmt.Sprintf("venv-%.6x", sha256.Sum256(data)))
	python := filepath.Join(dir, "bin", "python")
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return python, nil
	}
	h.logf("installing s2cloudless for Python (once)")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if _, err := exec.LookPath("python3"); err != nil {
		return "", errors.New("no python3; install with: sudo apt-get install -y python3 python3-venv")
	}
	if _, err := h.textOf(ctx, "python3", "-m", "venv", dir); err != nil {
		return "", err
	}
	if _, err := h.textOf(ctx, "nice", python, "-m", "pip", "install", "--quiet", "--requirement", requirements); err != nil {
		return "", err
	}
	return python, os.WriteFile(done, nil, 0o644)
}
