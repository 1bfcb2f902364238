package sbom

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"io"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"unicode"
)

// What reading a stranger's program may cost.
const (
	maxRead     = 512 << 20 // bytes read of it, before it is given up
	maxComment  = 64 << 10  // bytes of its .comment section
	maxTools    = 16
	maxModules  = 4096
	maxProperty = 512 // bytes of one build setting
)

// program is what a program says of its making.
type program struct {
	linked     []component
	properties []property
	whole      bool // linked is all that went into it
}

// readProgram reads what the linker and the compiler left in an executable.
// One that is of no known kind has nothing to say, which is no error.
func readProgram(content io.ReaderAt, size int64) program {
	r := &bounded{content, maxRead}
	var p program
	info, err := buildinfo.Read(r)
	if err == nil {
		p.goModules(info)
	}
	if p.whole {
		return p
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return p
	}
	defer f.Close()
	p.libc(f, r, size)
	p.compilers(f)
	return p
}

// bounded gives up after so many bytes: headers may claim anything.
type bounded struct {
	io.ReaderAt
	left int64
}

var errTooMuch = errors.New("too much to read")

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errTooMuch
	}
	return b.ReaderAt.ReadAt(p, off)
}

// goModules takes what the Go linker wrote (runtime/debug.BuildInfo). Without
// cgo, that is all there is in the program.
func (p *program) goModules(info *debug.BuildInfo) {
	version := strings.TrimPrefix(info.GoVersion, "go")
	version, _, _ = strings.Cut(version, "-X:") // experiments of the build
	p.linked = append(p.linked, component{
		Type: "library", Ref: "pkg:golang/std@" + escaped(version), Name: "std", Version: clean(version),
		Description: "Go standard library and runtime", PURL: "pkg:golang/std@" + escaped(version),
		Licenses: declared("BSD-3-Clause"),
	})
	if len(info.Deps) > maxModules {
		return
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component{Type: "library", Name: clean(m.Path), Version: clean(m.Version)}
		c.PURL = "pkg:golang/" + escapedPath(m.Path)
		if m.Version != "" {
			c.PURL += "@" + escaped(m.Version)
		}
		c.Ref = c.PURL
		if m.Sum != "" {
			c.Properties = []property{{"go:sum", clean(m.Sum)}}
		}
		p.linked = append(p.linked, c)
	}
	p.whole = true
	for _, s := range info.Settings {
		if s.Key == "CGO_ENABLED" && s.Value != "0" {
			p.whole = false
		}
		if len(p.properties) < 64 {
			p.properties = append(p.properties, property{"go:build:" + clean(s.Key), clean(s.Value)})
		}
	}
}

// banner is what glibc prints of itself (csu/version.c).
var banner = regexp.MustCompile(`GNU C Library \(([^)]{1,64})\) (?:stable|development) release version ([0-9.]{1,16}[0-9])`)

// Words that are in each program of some size which a C library was linked
// into statically: of musl's vfprintf.c and __strerror.h, of glibc's libc-start
// and its loader's cache. musl leaves no version behind.
var (
	muslWords  = [][]byte{[]byte("-0X+0X 0X-0x+0x 0x\x00"), []byte("No error information\x00")}
	glibcWords = [][]byte{[]byte("Fatal glibc error: "), []byte("glibc-ld.so.cache1.1")}
)

// libc finds out which C library was linked in.
func (p *program) libc(f *elf.File, r io.ReaderAt, size int64) {
	var musl, glibc bool
	c := component{Type: "library"}
	scan(r, size, func(chunk []byte) {
		contains := func(word []byte) bool { return bytes.Contains(chunk, word) }
		musl = musl || slices.ContainsFunc(muslWords, contains)
		glibc = glibc || slices.ContainsFunc(glibcWords, contains)
		if m := banner.FindSubmatch(chunk); m != nil {
			c.Version, c.Description = string(m[2]), clean(string(m[0]))
		}
	})
	switch {
	case glibc && f.Section(".note.ABI-tag") != nil:
		c.Ref, c.Name = "libc:glibc", "glibc"
		c.Licenses = declared("LGPL-2.1-or-later")
	case musl && !glibc:
		c.Ref, c.Name, c.Version, c.Description = "libc:musl", "musl", "", ""
		c.Licenses = declared("MIT")
	default:
		p.properties = append(p.properties, property{"spaceos:libc", "not detected"})
		return
	}
	if c.Version != "" {
		c.Ref += "@" + c.Version
	} else {
		c.Properties = []property{{"spaceos:version", "not detectable in the program"}}
	}
	p.linked = append(p.linked, c)
}

// scan gives all of r in pieces that overlap by more than any word or banner.
func scan(r io.ReaderAt, size int64, look func(chunk []byte)) {
	const step, overlap = 1 << 20, 256
	buffer := make([]byte, min(step+overlap, size))
	for at := int64(0); at < size; at += step {
		n, err := r.ReadAt(buffer, at)
		look(buffer[:n])
		if err != nil {
			return
		}
	}
}

// Lines of .comment, into which each compiler and linker writes its name.
var (
	gccLine  = regexp.MustCompile(`^GCC: \(.*\) (\S+)$`)
	toolLine = regexp.MustCompile(`^(?:\S+ )?(clang|rustc|LLD|zig) (?:version )?([0-9]\S*)`)
)

// compilers takes the tools that the program was made with: they are not in it
// (scope excluded), but what they did is.
func (p *program) compilers(f *elf.File) {
	section := f.Section(".comment")
	if section == nil || section.Size > maxComment || section.FileSize > maxComment || section.Flags&elf.SHF_COMPRESSED != 0 {
		return
	}
	data, err := section.Data()
	if err != nil {
		return
	}
	seen := map[string]bool{}
	for _, raw := range bytes.Split(data, []byte{0}) {
		line := clean(string(raw))
		if line == "" || seen[line] || len(seen) == maxTools {
			continue
		}
		seen[line] = true
		c := component{Type: "application", Ref: "tool:" + line, Name: line, Scope: "excluded", Description: line}
		tool := strings.TrimPrefix(line, "Linker: ")
		if m := gccLine.FindStringSubmatch(line); m != nil {
			c.Name, c.Version = "gcc", m[1]
		} else if m := toolLine.FindStringSubmatch(tool); m != nil {
			c.Name, c.Version = m[1], m[2]
		}
		p.linked = append(p.linked, c)
	}
}

// clean keeps a stranger's words to one line of printable characters.
func clean(s string) string {
	if len(s) > maxProperty {
		s = s[:maxProperty]
	}
	s = strings.ToValidUTF8(s, "?")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s))
}

// escaped percent-encodes what a package URL's part may not hold as it is
// (purl specification, "Character encoding").
func escaped(s string) string {
	var b strings.Builder
	for _, c := range []byte(clean(s)) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		const digits = "0123456789ABCDEF"
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

// escapedPath does so with each part of a module's path.
func escapedPath(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = escaped(parts[i])
	}
	return strings.Join(parts, "/")
}
