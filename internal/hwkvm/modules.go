package hwkvm

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// wanted are the modules for KVM on AMD's processors.
var wanted = []string{"kvm-amd"}

// A module is a kernel module, ready to be loaded.
type module struct {
	name string
	elf  []byte
}

// modules reads the named modules and those they depend on, each behind its
// dependencies.
func (k Kernel) modules(ctx context.Context, names []string) ([]module, error) {
	paths, err := k.index()
	if err != nil {
		return nil, err
	}
	var list []module
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		name = canonical(name)
		if seen[name] {
			return nil
		}
		seen[name] = true
		path, ok := paths[name]
		if !ok {
			return fmt.Errorf("hwkvm: the kernel has no module %s", name)
		}
		data, err := readModule(ctx, path)
		if err != nil {
			return err
		}
		needs, err := depends(data)
		if err != nil {
			return fmt.Errorf("hwkvm: %s: %w", path, err)
		}
		for _, n := range needs {
			if err := add(n); err != nil {
				return err
			}
		}
		list = append(list, module{name, data})
		return nil
	}
	for _, n := range names {
		if err := add(n); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// canonical is a module's name as the kernel has it: - and _ are the same.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

// index finds the files of all modules.
func (k Kernel) index() (map[string]string, error) {
	paths := map[string]string{}
	err := filepath.WalkDir(k.Modules, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if name, ext, ok := strings.Cut(d.Name(), ".ko"); ok && (ext == "" || ext == ".xz") {
			paths[canonical(name)] = path
		}
		return nil
	})
	return paths, err
}

func readModule(ctx context.Context, path string) ([]byte, error) {
	if !strings.HasSuffix(path, ".xz") {
		return os.ReadFile(path)
	}
	out, err := exec.CommandContext(ctx, "xz", "-dc", path).Output()
	if err != nil {
		return nil, fmt.Errorf("hwkvm: xz -dc %s: %w", path, err)
	}
	return out, nil
}

// depends reads the line "depends=" of a module's section .modinfo
// (Linux: include/linux/module.h).
func depends(data []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(field, []byte("depends=")); ok && len(list) > 0 {
			return strings.Split(string(list), ","), nil
		}
	}
	return nil, nil
}
