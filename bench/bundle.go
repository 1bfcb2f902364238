package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// mount is a folder of the host at a path of the payload.
type mount struct {
	host, guest string
	readOnly    bool
}

// mounts lists the folders that w sees, as a container with bind mounts has
// them.
func (w workload) mounts() []mount {
	var list []mount
	for _, m := range []mount{{w.in, "/in", true}, {w.out, "/out", false}, {w.app, "/app", true}} {
		if m.host != "" {
			list = append(list, m)
		}
	}
	return list
}

// rootfs makes the root of a container: the program, and the points where
// folders are mounted. Nothing else is there, since the program is static.
func (h *harness) rootfs(w workload) (string, error) {
	dir := filepath.Join(h.dir, "bundles", w.name, "rootfs")
	for _, sub := range []string{"in", "out", "app", "proc", "dev", "sys"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", err
		}
	}
	data, err := os.ReadFile(w.program)
	if err != nil {
		return "", err
	}
	// A file that is being run can't be written, so it is replaced.
	temporary := filepath.Join(dir, ".program")
	if err := os.WriteFile(temporary, data, 0o755); err != nil {
		return "", err
	}
	return dir, os.Rename(temporary, filepath.Join(dir, "program"))
}

// bundle makes the OCI bundle of w for crun, runc and runsc: exactly what
// `runc spec` writes (namespaces, mounts, capabilities), without the terminal,
// with w's command and folders.
func (h *harness) bundle(ctx context.Context, w workload) (string, error) {
	rootfs, err := h.rootfs(w)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(rootfs)
	config := filepath.Join(dir, "config.json")
	if err := os.Remove(config); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	if _, err := h.textOf(ctx, "runc", "spec", "--bundle", dir); err != nil {
		return "", err
	}
	data, err := os.ReadFile(config)
	if err != nil {
		return "", err
	}
	if data, err = bundleConfig(data, w); err != nil {
		return "", fmt.Errorf("%s: %w", config, err)
	}
	return dir, os.WriteFile(config, data, 0o644)
}

// bundleConfig puts w into a configuration of the OCI runtime specification,
// of which only the fields that change are known here.
func bundleConfig(data []byte, w workload) ([]byte, error) {
	var config map[string]any
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, err
	}
	process, ok := config["process"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no object \"process\"")
	}
	process["terminal"] = false
	process["args"] = append([]string{"/program"}, w.args...)
	mounts, ok := config["mounts"].([]any)
	if !ok {
		return nil, fmt.Errorf("no list \"mounts\"")
	}
	for _, m := range w.mounts() {
		options := []string{"bind", "rw"}
		if m.readOnly {
			options[1] = "ro"
		}
		mounts = append(mounts, map[string]any{
			"destination": m.guest, "type": "bind", "source": m.host, "options": options,
		})
	}
	config["mounts"] = mounts
	return json.MarshalIndent(config, "", "\t")
}
