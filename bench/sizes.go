package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// measureSizes is what has to be carried and stored: our programs and payloads,
// and beside them what a container needs.
func (h *harness) measureSizes(ctx context.Context, runtimes []*runtime) error {
	t := &table{Title: "Sizes", Header: []string{"what", "bytes", "gzip -9"},
		Note: "Files as they are on this machine."}
	h.report.Tables = append(h.report.Tables, t)
	rows := []struct {
		what  string
		paths []string
	}{
		{"bin/spaceos", []string{h.cellPath()}},
		{"cloudmask, static program", []string{filepath.Join(h.cloudmaskDir(), "cloudmask")}},
		{"cloudmask, app folder", []string{filepath.Join(h.cloudmaskDir(), "app")}},
		{"cloudmask, program and app", []string{filepath.Join(h.cloudmaskDir(), "cloudmask"), filepath.Join(h.cloudmaskDir(), "app")}},
		{"no-op, static program", []string{h.program("noop")}},
		{"crun", commands("crun")},
		{"runc", commands("runc")},
		{"runsc", []string{h.runscPath()}},
		{"Docker: dockerd, docker, containerd, shim, runc", commands("dockerd", "docker", "containerd", "containerd-shim-runc-v2", "runc")},
	}
	for _, row := range rows {
		raw, packed, err := sizeOf(row.paths)
		if err != nil {
			t.Rows = append(t.Rows, []string{row.what, "not here", "-"})
			continue
		}
		t.Rows = append(t.Rows, []string{row.what, fmt.Sprint(raw), fmt.Sprint(packed)})
	}
	return h.measureImages(ctx)
}

// commands are the paths of commands, "" for one that is missing.
func commands(list ...string) []string {
	var paths []string
	for _, name := range list {
		path, err := findProgram(name)
		if err != nil {
			path = ""
		}
		paths = append(paths, path)
	}
	return paths
}

// sizeOf adds up the files at paths and below, as they are and compressed
// together.
func sizeOf(paths []string) (raw, packed int64, err error) {
	counter := &countingWriter{}
	compressor, err := gzip.NewWriterLevel(counter, gzip.BestCompression)
	if err != nil {
		return 0, 0, err
	}
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			n, err := io.Copy(compressor, f)
			raw += n
			return err
		})
		if err != nil {
			return 0, 0, err
		}
	}
	err = compressor.Close()
	return raw, counter.n, err
}

type countingWriter struct{ n int64 }

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
