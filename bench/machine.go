package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine describes where a report was made.
type machine struct {
	Date       string
	Processor  string
	CPUs       int
	Memory     string
	System     string
	Kernel     string
	Hypervisor string
	KVM        string
	HugePages  string // the setting in force, such as "madvise"
	Load       string // before the first measure: others on the machine make figures worthless
	Versions   [][2]string
}

func describeMachine(ctx context.Context, h *harness) machine {
	m := machine{
		Date:      time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Processor: lineValue("/proc/cpuinfo", "model name", ":"),
		CPUs:      goruntime.NumCPU(),
		System:    strings.Trim(lineValue("/etc/os-release", "PRETTY_NAME", "="), `"`),
		KVM:       kvmKind(),
		HugePages: selected("/sys/kernel/mm/transparent_hugepage/enabled"),
		Load:      firstFields("/proc/loadavg", 3),
	}
	if total, err := kibibytes("/proc/meminfo", "MemTotal:"); err == nil {
		m.Memory = fmt.Sprintf("%.1f GiB", total/(1<<30))
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		m.Kernel = "Linux " + unix.ByteSliceToString(uts.Release[:])
	}
	m.Hypervisor = "none"
	if strings.Contains(" "+lineValue("/proc/cpuinfo", "flags", ":")+" ", " hypervisor ") {
		m.Hypervisor = "the machine is itself a virtual one"
	}
	m.Versions = append(m.Versions, [2]string{"Go", goruntime.Version()})
	for _, command := range []string{"musl-gcc"} {
		if text, err := h.textOf(ctx, command, "--version"); err == nil {
			first, _, _ := strings.Cut(text, "\n")
			m.Versions = append(m.Versions, [2]string{"C compiler", first + h.debianVersion(ctx, command)})
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		m.Versions = append(m.Versions, [2]string{"bench", info.Main.Version})
	}
	return m
}

// kvmKind names the loaded KVM modules; on kernels with KVM built in there are
// none to name.
func kvmKind() string {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return "no /dev/kvm"
	}
	var kinds []string
	paths, _ := filepath.Glob("/sys/module/kvm*")
	for _, path := range paths {
		kinds = append(kinds, filepath.Base(path))
	}
	return "/dev/kvm, modules " + strings.Join(kinds, " ")
}

// selected reads a sysfs choice such as "always [madvise] never".
func selected(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(data), "[")
	choice, _, ok := strings.Cut(rest, "]")
	if !ok {
		return "unknown"
	}
	return choice
}

// lineValue finds "KEY<separator>VALUE" in a text file.
func lineValue(path, key, separator string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(line, separator)
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstFields(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	fields := strings.Fields(string(data))
	return strings.Join(fields[:min(n, len(fields))], " ")
}

// debianVersion gives ", Debian VERSION" of the package that has a command, or
// nothing on other systems.
func (h *harness) debianVersion(ctx context.Context, command string) string {
	path, err := findProgram(command)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	for _, candidate := range []string{path, strings.TrimPrefix(path, "/usr")} {
		owner, err := h.textOf(ctx, "dpkg-query", "--search", candidate)
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(owner, ":")
		version, err := h.textOf(ctx, "dpkg-query", "--show", "--showformat=${Version}", name)
		if err == nil {
			return fmt.Sprintf(" (Debian %s %s)", name, version)
		}
	}
	return ""
}
