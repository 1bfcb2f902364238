package conformance

import (
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

//go:embed c
var sources embed.FS

// ErrNoProgram says that an executable of a Debian package is not installed.
var ErrNoProgram = errors.New("the program is not installed")

// A Bench holds what runs share: the folder they work in and the compiled
// programs. Its methods may be called from several goroutines.
type Bench struct {
	// Dir is where each run gets a folder of its own.
	Dir string
	// cache keeps compiled programs from one test run to the next.
	cache string

	mu    sync.Mutex
	built map[Program]string
}

// NewBench makes a bench that works in dir. Compiled programs are kept in the
// system's folder for temporary files, under a name made of their source.
func NewBench(dir string) (*Bench, error) {
	cache := filepath.Join(os.TempDir(), "spaceos-conformance")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the folder for compiled programs: %w", err)
	}
	return &Bench{Dir: dir, cache: cache, built: map[Program]string{}}, nil
}

// Executable gives the path of a program's static executable, compiling it
// when it is one of ours and not yet there. It returns an error that wraps
// [ErrNoProgram] for one of others that is not installed.
func (b *Bench) Executable(p Program) (string, error) {
	if p.Path != "" {
		if _, err := os.Stat(p.Path); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s: %w: apt-get install %s", p.Path, ErrNoProgram, p.Package)
		} else if err != nil {
			return "", err
		}
		return p.Path, nil
	}
	if p.Suite != "" {
		return b.compileSuite(p)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if path, ok := b.built[p]; ok {
		return path, nil
	}
	path, err := b.compile(p)
	if err == nil {
		b.built[p] = path
	}
	return path, err
}

// muslFiles is where Debian's musl-dev keeps its start files.
const muslFiles = "/usr/lib/x86_64-linux-musl/"

// compiler gives the compiler's command and the flags of a build.
func (b Build) compiler() []string {
	// No warnings: the programs are wrong on purpose.
	common := []string{"-std=gnu11", "-O1", "-g0", "-w", "-fno-builtin", "-fno-strict-aliasing", "-ffp-contract=off"}
	switch b {
	case Musl:
		return append([]string{"musl-gcc", "-static", "-no-pie"}, common...)
	case Glibc:
		return append([]string{"gcc", "-static", "-no-pie"}, common...)
	case MuslPIE:
		// musl-gcc knows no -static-pie: its start files are named one by one.
		return append([]string{"musl-gcc", "-static", "-fPIE", "-nostartfiles", "-Wl,-pie,--no-dynamic-linker,-z,text",
			muslFiles + "rcrt1.o", muslFiles + "crti.o", muslFiles + "crtn.o"}, common...)
	default:
		return append([]string{"gcc", "-static-pie", "-fPIE"}, common...)
	}
}

// compile builds one of our programs unless the cache has the same source
// compiled with the same flags.
func (b *Bench) compile(p Program) (string, error) {
	from := p.From
	if from == nil {
		from = sources
	}
	source, err := fs.ReadFile(from, "c/"+p.Subject+".c")
	if err != nil {
		return "", fmt.Errorf("no conformance program of that subject: %w", err)
	}
	headers, err := headersFor(p)
	if err != nil {
		return "", err
	}
	command := p.Build.compiler()
	digest := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", command, headers, source))
	to := filepath.Join(b.cache, fmt.Sprintf("%s-%s-%x", p.Subject, p.Build, digest[:8]))
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	work, err := os.MkdirTemp(b.cache, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	for name, header := range headers {
		if err := os.WriteFile(filepath.Join(work, name), header, 0o644); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(work, p.Subject+".c"), source, 0o644); err != nil {
		return "", err
	}
	args := append(command[1:], "-o", "program", p.Subject+".c", "-lm")
	cc := exec.Command(command[0], args...)
	cc.Dir = work
	if out, err := cc.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s cannot compile c/%s.c (apt-get install gcc musl-tools): %w\n%s",
			command[0], p.Subject, err, out)
	}
	return to, os.Rename(filepath.Join(work, "program"), to)
}

// headersFor gives the headers that a program of ours may include, by name:
// facts.h, and those beside it.
func headersFor(p Program) (map[string][]byte, error) {
	headers := map[string][]byte{}
	for _, from := range []fs.FS{sources, p.From} {
		if from == nil {
			continue
		}
		names, err := fs.Glob(from, "c/*.h")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if headers[filepath.Base(name)], err = fs.ReadFile(from, name); err != nil {
				return nil, err
			}
		}
	}
	return headers, nil
}

// stage makes the folders of one run: in, app, data, out.
func (b *Bench) stage(c Case) (string, error) {
	dir, err := os.MkdirTemp(b.Dir, "run-")
	if err != nil {
		return "", err
	}
	for name, tree := range map[string]Tree{"in": c.In, "app": c.App, "data": c.Data, "out": {}} {
		if err := tree.write(filepath.Join(dir, name)); err != nil {
			return dir, err
		}
	}
	return dir, nil
}
