package main

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// place is a folder in which one bad input stands.
type place struct {
	t   *testing.T
	dir string
}

func (p place) path(name string) string { return filepath.Join(p.dir, name) }

// write makes a file that can be executed.
func (p place) write(name string, content []byte) string {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), content, 0o755); err != nil {
		p.t.Fatal(err)
	}
	return p.path(name)
}

func (p place) mkdir(name string, mode os.FileMode) string {
	p.t.Helper()
	if err := os.Mkdir(p.path(name), mode); err != nil {
		p.t.Fatal(err)
	}
	return p.path(name)
}

// build compiles a C program with flags of its own.
func (p place) build(compiler string, flags ...string) string {
	p.t.Helper()
	source := p.write("main.c", []byte("int main(void) { return 0; }\n"))
	cmd := exec.Command(compiler, slices.Concat(flags, []string{"-o", p.path("program"), source})...)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	if err := os.Remove(source); err != nil {
		p.t.Fatal(err)
	}
	return p.path("program")
}

// patch is a good program with a few bytes changed.
func (p place) patch(change func(elf []byte) []byte) string {
	p.t.Helper()
	elf, err := os.ReadFile(guest("ends"))
	if err != nil {
		p.t.Fatal(err)
	}
	return p.write("program", change(elf))
}

// Offsets in an ELF file (gABI, chapter 4): in its header, and in a program
// header.
const (
	elfClass, elfMachine, elfEntry = 4, 18, 24
	elfPhoff, elfPhnum             = 32, 56

	phOffset, phVaddr, phFilesz, phMemsz = 8, 16, 32, 40
	phSize                               = 56
)

func put16(b []byte, at int, v uint16) { binary.LittleEndian.PutUint16(b[at:], v) }
func put64(b []byte, at int, v uint64) { binary.LittleEndian.PutUint64(b[at:], v) }

// load is where the n-th PT_LOAD header is.
func load(elf []byte, n int) int {
	at := int(binary.LittleEndian.Uint64(elf[elfPhoff:]))
	for ; ; at += phSize {
		if binary.LittleEndian.Uint32(elf[at:]) == 1 {
			if n == 0 {
				return at
			}
			n--
		}
	}
}

// segmentField patches one field of the n-th PT_LOAD.
func segmentField(n, field int, v uint64) func([]byte) []byte {
	return func(elf []byte) []byte {
		put64(elf, load(elf, n)+field, v)
		return elf
	}
}

// badInput is one bad input and what a user gets for it.
type badInput struct {
	name   string
	args   func(p place) []string // behind "spaceos run"
	status int
	want   string // the whole sentence; $D is the place, * is anything
}

func program(make func(p place) string) func(place) []string {
	return func(p place) []string {
		bad := make(p)
		return []string{"--out", p.mkdir("out", 0o755), bad}
	}
}

func flags(list ...string) func(place) []string {
	return func(place) []string { return append(list, guest("ends"), "exit", "0") }
}

func badPrograms() []badInput {
	return []badInput{
		{"no such program", program(func(p place) string { return p.path("none") }), 127,
			"there is no program $D/none: give the path of a static Linux program"},
		{"no such folder", program(func(p place) string { return p.write("file", nil) + "/program" }), 127,
			"there is no program $D/file/program: give the path of a static Linux program"},
		{"an empty name", program(func(place) string { return "" }), 127,
			"the program's name is empty: give the path of a static Linux program"},
		{"a folder", program(func(p place) string { return p.dir }), 126,
			"$D is a folder and no sealed image: give the path of a static Linux program, or of an image (spaceos seal makes one)"},
		{"a pipe", program(func(p place) string {
			if err := syscall.Mkfifo(p.path("pipe"), 0o700); err != nil {
				p.t.Fatal(err)
			}
			return p.path("pipe")
		}), 126, "$D/pipe is not a file but a pipe: give the path of a static Linux program"},
		{"a device", program(func(place) string { return os.DevNull }), 126,
			"/dev/null is not a file but a device: give the path of a static Linux program"},
		{"an empty file", program(func(p place) string { return p.write("program", nil) }), 126,
			"$D/program is not an ELF program: build it as a static program for x86-64 Linux"},
		{"text", program(func(p place) string { return p.write("program", []byte("hello\n")) }), 126,
			"$D/program is not an ELF program: build it as a static program for x86-64 Linux"},
		{"a script", program(func(p place) string { return p.write("program", []byte("#!/bin/sh\n")) }), 126,
			"$D/program is a script, not an ELF program: a cell has no interpreter; build a static program for x86-64 Linux"},
		{"not executable", program(func(p place) string {
			path := p.build("musl-gcc", "-static")
			if err := os.Chmod(path, 0o644); err != nil {
				p.t.Fatal(err)
			}
			return path
		}), 126, "$D/program is not executable: make it so with chmod +x"},
		{"an object file", program(func(p place) string { return p.build("gcc", "-c") }), 126,
			"$D/program is an object file, not a program: link it (static, for x86-64 Linux)"},
		{"dynamically linked", program(func(p place) string { return p.build("gcc") }), 126,
			"$D/program is dynamically linked, and a cell has no shared libraries: build it static: cc -static (musl or glibc)"},
		{"another architecture", program(func(p place) string {
			return p.patch(func(elf []byte) []byte { put16(elf, elfMachine, 183); return elf })
		}), 126, "$D/program is for another architecture (EM_AARCH64): build it for x86-64 Linux"},
		{"32-bit", program(func(p place) string {
			return p.patch(func(elf []byte) []byte { elf[elfClass] = 1; put16(elf, elfMachine, 3); return elf })
		}), 126, "$D/program is a 32-bit program, and cells run 64-bit ones alone: build it for x86-64 (without -m32 or -mx32)"},
		{"code that is writable", program(func(p place) string { return p.build("musl-gcc", "-static", "-Wl,-N") }), 126,
			"$D/program has a segment that is both writable and executable, which a cell never maps: link it without -N, -z execstack or the like"},
	}
}

func damagedPrograms() []badInput {
	patched := func(change func([]byte) []byte) func(place) []string {
		return program(func(p place) string { return p.patch(change) })
	}
	const damaged = "$D/program is a damaged ELF file: "
	return []badInput{
		{"cut within its header", patched(func(elf []byte) []byte { return elf[:40] }), 126,
			damaged + "it ends within its header; copy or build it again"},
		{"cut within its program headers", patched(func(elf []byte) []byte { return elf[:100] }), 126,
			damaged + "its program headers would end behind the end of the file (100 bytes): it is cut short; copy or build it again"},
		{"cut within its code", patched(func(elf []byte) []byte { return elf[:5000] }), 126,
			damaged + "segment 1 would end behind the end of the file (5000 bytes): it is cut short; copy or build it again"},
		{"no program headers", patched(func(elf []byte) []byte { put16(elf, elfPhnum, 0); return elf }), 126,
			damaged + "it has 0 program headers of 56 bytes, where *; copy or build it again"},
		{"program headers nowhere", patched(func(elf []byte) []byte { put64(elf, elfPhoff, 1<<63); return elf }), 126,
			damaged + "its program headers would end behind the end of the file *"},
		{"entry outside", patched(func(elf []byte) []byte { put64(elf, elfEntry, 0x1000); return elf }), 126,
			damaged + "its entry point (0x1000) is outside of its code; copy or build it again"},
		{"entry in data", patched(func(elf []byte) []byte {
			put64(elf, elfEntry, binary.LittleEndian.Uint64(elf[load(elf, 3)+phVaddr:]))
			return elf
		}), 126, damaged + "its entry point (0x*) is outside of its code; copy or build it again"},
		{"overlapping segments", patched(segmentField(1, phVaddr, 0x400000)), 126,
			damaged + "segment 1 (0x400000) overlaps the one before it, or stands below it; copy or build it again"},
		{"a segment with more in the file than in memory", patched(segmentField(1, phMemsz, 1)), 126,
			damaged + "segment 1 has * bytes in the file and only 1 in memory; copy or build it again"},
		{"a segment larger than the file", patched(segmentField(1, phOffset, 1<<62)), 126,
			damaged + "segment 1 would end behind the end of the file *"},
		{"a segment beyond all addresses", patched(segmentField(3, phMemsz, 1<<63)), 126,
			damaged + "segment 3 (*) ends outside of a program's addresses; copy or build it again"},
		{"a segment in the null page", patched(segmentField(0, phVaddr, 0)), 126,
			damaged + "segment 0 stands at 0x0, below the first address of a program (0x10000); copy or build it again"},
		{"larger than the memory limit", patched(segmentField(3, phMemsz, 1<<40)), 126,
			"$D/program needs * KiB of memory for its segments alone, and the limit is 65536 KiB: give it more with --memory"},
	}
}

func badLimits() []badInput {
	const noLim = "is no limit that can be held: "
	list := []badInput{}
	for _, c := range []struct{ flag, value, want string }{
		{"memory", "0", "--memory: 0 " + noLim + "give a size like 64MiB"},
		{"memory", "-1", `--memory: "-1" is not a quantity of bytes: write a whole number and a unit, as 64MiB`},
		{"memory", "1", "a memory limit of 1B is not between 1MiB and 16GiB: give --memory a size like 64MiB"},
		{"memory", "1000TiB", "a memory limit of 1000TiB is not between 1MiB and 16GiB: give --memory a size like 64MiB"},
		{"memory", "99999999TiB", `--memory: "99999999TiB" is not a quantity of bytes: it is more than 64 bits hold`},
		{"memory", "64Mb", `--memory: "64Mb" is not a quantity of bytes: the unit "Mb" is none of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB`},
		{"memory", "", "--memory: nothing is no limit: give a size like 64MiB"},
		{"timeout", "0", "--timeout: 0s " + noLim + "give a time like 10s, or leave the flag out for none"},
		{"timeout", "-1s", "--timeout: -1s " + noLim + "give a time like 10s, or leave the flag out for none"},
		{"timeout", "1ns", "a limit of 1ns is not between 1ms and 8784h0m0s: give --timeout a time like 30s"},
		{"timeout", "1000000h", "a limit of 1000000h0m0s is not between 1ms and 8784h0m0s: give --timeout a time like 30s"},
		{"timeout", "99999999h", `--timeout: "99999999h" is not a time: write a number and a unit, as 30s; see spaceos run --help`},
		{"timeout", "10", `--timeout: "10" is not a time: write a number and a unit, as 30s; see spaceos run --help`},
		{"timeout", "soon", `--timeout: "soon" is not a time: write a number and a unit, as 30s; see spaceos run --help`},
		{"cpu-time", "0s", "--cpu-time: 0s " + noLim + "give a time like 10s, or leave the flag out for none"},
		{"cpu-time", "-5ms", "--cpu-time: -5ms " + noLim + "give a time like 10s, or leave the flag out for none"},
		{"cpu-time", "1us", "a limit of 1µs is not between 1ms and 8784h0m0s: give --cpu-time a time like 30s"},
		{"cpu-time", "much", `--cpu-time: "much" is not a time: write a number and a unit, as 30s; see spaceos run --help`},
		{"out-limit", "0", "--out-limit: 0 " + noLim + "give a size like 64MiB"},
		{"out-limit", "-1", `--out-limit: "-1" is not a quantity of bytes: write a whole number and a unit, as 64MiB`},
		{"out-limit", "9000000000GB", `--out-limit: 9000000000GB ` + noLim + "give a size like 64MiB"},
		{"data-limit", "0", "--data-limit: 0 " + noLim + "give a size like 64MiB"},
		{"data-limit", "full", `--data-limit: "full" is not a quantity of bytes: the unit "full" is none of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB`},
		{"files-limit", "0", "--files-limit: 0 " + noLim + "give a positive number"},
		{"files-limit", "-1", "--files-limit: -1 " + noLim + "give a positive number"},
		{"files-limit", "many", `--files-limit: "many" is not a whole number that can be held: write one, as 1000; see spaceos run --help`},
		{"files-limit", "99999999999999999999", `--files-limit: "99999999999999999999" is not a whole number that can be held: write one, as 1000; see spaceos run --help`},
		{"seed", "-1", `--seed: "-1" is not a number of 64 bits: write one, as 7 or 0xbeef`},
		{"seed", "18446744073709551616", `--seed: "18446744073709551616" is not a number of 64 bits: write one, as 7 or 0xbeef`},
		{"clock", "noon", `--clock: "noon" is not a time from 1970 to 2261: write one as 2026-01-01T00:00:00Z, alone or with ,frozen`},
		{"clock", "1969-12-31T23:59:59Z", `--clock: "1969-12-31T23:59:59Z" is not a time from 1970 to 2261: write one as 2026-01-01T00:00:00Z, alone or with ,frozen`},
		{"clock", "2026-01-01T00:00:00Z,melting", `--clock: "2026-01-01T00:00:00Z,melting" is not a time from 1970 to 2261: write one as 2026-01-01T00:00:00Z, alone or with ,frozen`},
		{"clock", "2500-01-01T00:00:00Z", `--clock: "2500-01-01T00:00:00Z" is not a time from 1970 to 2261: write one as 2026-01-01T00:00:00Z, alone or with ,frozen`},
		{"out", "", "--out: the path is empty: name one, or leave the flag out"},
		{"env", "NOVALUE", `--env: "NOVALUE" is not of the form K=V: write the value too, since nothing is inherited`},
		{"env", "=x", `--env: "=x" is not of the form K=V: write the value too, since nothing is inherited`},
		{"huge-pages", "always", `--huge-pages: "always" is neither auto nor never: write one of them`},
		{"trace", "perhaps", `--trace: "perhaps" is not true or false: write the flag alone for true; see spaceos run --help`},
		{"memry", "64MiB", "there is no flag --memry (did you mean --memory?); see spaceos run --help"},
	} {
		list = append(list, badInput{"--" + c.flag + "=" + c.value, flags("--" + c.flag + "=" + c.value), 125, c.want})
	}
	return list
}

func badFolders() []badInput {
	with := func(flag string, make func(p place) string) func(place) []string {
		return func(p place) []string { return []string{"--" + flag, make(p), guest("ends"), "exit", "0"} }
	}
	missing := func(p place) string { return p.path("none") }
	file := func(p place) string { return p.write("file", nil) }
	list := []badInput{
		{"--out missing", with("out", missing), 125, "the output folder $D/none does not exist: make it with mkdir, or give another --out"},
		{"--out a file", with("out", file), 125, "the output folder $D/file is not a folder but a file: give --out an empty folder"},
		{"--out not empty", with("out", func(p place) string {
			dir := p.mkdir("out", 0o755)
			p.write("out/old", []byte("precious"))
			return dir
		}), 125, `the output folder $D/out is not empty (it holds "old"): empty it, or give another --out`},
		{"--data is --in", func(p place) []string {
			dir := p.mkdir("both", 0o755)
			return []string{"--data", dir, "--in", dir, guest("ends"), "exit", "0"}
		}, 125, "--data $D/both and --in $D/both are the same folder, and the program may write to /data: give --data a folder of its own"},
		{"--out inside --in", func(p place) []string {
			return []string{"--in", p.mkdir("in", 0o755), "--out", p.mkdir("in/out", 0o755), guest("ends"), "exit", "0"}
		}, 125, "--out $D/in/out lies inside --in $D/in, and the program may write to /out: give --out a folder of its own, apart from the others"},
		{"--report in no folder", with("report", func(p place) string { return p.path("none/report.json") }), 125,
			"the report cannot be written to $D/none/report.json (no such file or directory): give --report a path in a folder that exists and is writable"},
		{"--report a folder", with("report", func(p place) string { return p.mkdir("folder", 0o755) }), 125,
			"the report cannot be written to $D/folder, which is a folder: give --report the path of a file"},
		{"--report the program itself", func(p place) []string {
			program := p.patch(func(elf []byte) []byte { return elf })
			return []string{"--report", p.dir + "/./program", program, "exit", "0"}
		}, 125, "--report $D/./program is what shall run, and the report would replace it: give --report the path of another file"},
		{"--report inside --in, through a link", func(p place) []string {
			p.mkdir("in", 0o755)
			p.mkdir("in/deep", 0o755)
			if err := os.Symlink("in/deep", p.path("link")); err != nil {
				p.t.Fatal(err)
			}
			p.write("in/deep/frame", []byte("precious"))
			return []string{"--in", p.path("in"), "--report", p.path("link/frame"), guest("ends"), "exit", "0"}
		}, 125, "--report $D/link/frame lies in --in $D/in, whose files are not the run's to change: give --report a path outside of it"},
		{"--report inside --app", func(p place) []string {
			dir := p.mkdir("app", 0o755)
			return []string{"--app", dir, "--report", p.write("app/model", []byte("precious")), guest("ends"), "exit", "0"}
		}, 125, "--report $D/app/model lies in --app $D/app, whose files are not the run's to change: give --report a path outside of it"},
		{"--report inside --data", func(p place) []string {
			dir := p.mkdir("data", 0o755)
			return []string{"--data", dir, "--report", p.write("data/state", []byte("precious")), guest("ends"), "exit", "0"}
		}, 125, "--report $D/data/state lies in --data $D/data, whose files are not the run's to change: give --report a path outside of it"},
		{"--report on a full device", func(place) []string {
			return []string{"--report", "/dev/full", guest("ends"), "exit", "0"}
		}, 125, "the report cannot be written to /dev/full (no space left on device): make room there, or give --report another path"},
	}
	for _, flag := range []string{"in", "app", "data"} {
		list = append(list,
			badInput{"--" + flag + " missing", with(flag, missing), 125, `the folder "$D/none" for /` + flag + " does not exist: create it or name another"},
			badInput{"--" + flag + " a file", with(flag, file), 125, `the folder "$D/file" for /` + flag + " is not a folder: name the folder that holds the files"})
	}
	return list
}

func TestBadInput(t *testing.T) {
	for _, c := range slices.Concat(badPrograms(), damagedPrograms(), badLimits(), badFolders()) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := place{t, t.TempDir()}
			args := c.args(p)
			before := tree(t, p.dir)
			checkSentence(t, finish(t, command(t, append([]string{"run"}, args...)...)), c.status, strings.ReplaceAll(c.want, "$D", p.dir))
			if after := tree(t, p.dir); !slices.Equal(after, before) {
				t.Errorf("the files were %v and are %v", before, after)
			}
		})
	}
}

// tree lists files with their content.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		entry := path + " " + d.Type().String()
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			entry += " " + string(content)
		}
		list = append(list, entry)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// checkSentence wants one line on standard error and nothing on standard
// output. A * in the sentence stands for anything.
func checkSentence(t *testing.T, o outcome, status int, want string) {
	t.Helper()
	rest, found := strings.CutSuffix(o.stderr, "\n")
	rest, ours := strings.CutPrefix(rest, "spaceos: ")
	if o.status != status || o.stdout != "" || !found || !ours || strings.Contains(rest, "\n") || !matches(rest, want) {
		t.Errorf("%v\nwant status %d, nothing on stdout, and on stderr one line: spaceos: %s", o, status, want)
	}
}

func matches(text, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return text == pattern
	}
	text, ok := strings.CutPrefix(text, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if !ok || i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return ok && strings.HasSuffix(text, parts[len(parts)-1])
}
