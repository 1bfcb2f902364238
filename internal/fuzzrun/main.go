// Command fuzzrun runs the project's fuzz targets for a while each, two at a
// time, and says for each how many inputs it tried and how many of them reached
// something new. It fails when one finds a fault: go test has then put the
// input into the target's testdata/fuzz.
//
// It is test support. What the targets test is said at each of them.
//
//	go run ./internal/fuzzrun [-time 30s] [-keep 100] [TARGET...]
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A target is a fuzz test and the folder of its package. Those of images,
// manifests and trust read small documents, and run half as long.
type target struct{ name, dir string }

func (t target) time(d time.Duration) time.Duration {
	switch top, _, _ := strings.Cut(t.dir, "/"); top {
	case "canonical", "image", "manifest", "trust":
		return d / 2
	}
	return d
}

// targets are those that make test runs, dearest first.
var targets = []target{
	{"FuzzCalls", "libos"},
	{"FuzzLoad", "libos"},
	{"FuzzKernel", "world"},
	{"FuzzResolve", "world"},
	{"FuzzRequests", "world"},
	{"FuzzReadMessage", "cell"},
	{"FuzzParse", "canonical"},
	{"FuzzManifest", "manifest"},
	{"FuzzYAML", "manifest/author"},
	{"FuzzDocuments", "trust"},
	{"FuzzUnpack", "trust/wire"},
	{"FuzzFiles", "trust/repository"},
	{"FuzzOpenTar", "image"},
	{"FuzzDecode", "image"},
	{"FuzzProgram", "image/sbom"},
	{"FuzzApply", "image/delta"},
}

func main() {
	duration := flag.Duration("time", 30*time.Second, "how long each target runs; those of small documents run half as long")
	keep := flag.Int("keep", 0, "put new inputs into testdata/fuzz, until a target has this many")
	flag.Parse()
	chosen := slices.DeleteFunc(slices.Clone(targets), func(t target) bool {
		return flag.NArg() > 0 && !slices.Contains(flag.Args(), t.name)
	})
	if len(chosen) == 0 {
		fmt.Fprintf(os.Stderr, "fuzzrun: none of %q is a target: there are %v\n", flag.Args(), targets)
		os.Exit(2)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	queue := make(chan target)
	for range 2 {
		wait.Go(func() {
			for t := range queue {
				text, err := t.run(t.time(*duration))
				if err == nil && *keep > 0 {
					err = t.keep(*keep)
				}
				mu.Lock()
				fmt.Print(text)
				if err != nil {
					failed++
					fmt.Printf("%s in %s failed: %v\n", t.name, t.dir, err)
				}
				mu.Unlock()
			}
		})
	}
	for _, t := range chosen {
		queue <- t
	}
	close(queue)
	wait.Wait()
	if failed > 0 {
		os.Exit(1)
	}
}

// progress is the last line that go test prints of a target that found nothing.
var progress = regexp.MustCompile(`elapsed: (\S+), execs: (\d+) .*new interesting: (\d+) \(total: (\d+)\)`)

// run fuzzes one target with one worker and gives a line for people, or all
// that go test said if it failed.
func (t target) run(d time.Duration) (string, error) {
	cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", d.String(),
		// Making found inputs small would take most of the time.
		"-fuzzminimizetime", "10x", "-parallel", "1", "./"+t.dir)
	cmd.Env = append(cmd.Environ(), temporary()...)
	out, err := cmd.CombinedOutput()
	lines := progress.FindAllSubmatch(out, -1)
	if err != nil && t.onlyOverdue(out) {
		err = nil
	}
	if err != nil || len(lines) == 0 {
		return string(out), cmp.Or(err, fmt.Errorf("it ended without a word of what it did"))
	}
	last := lines[len(lines)-1]
	return fmt.Sprintf("fuzz  %-16s %9s executions in %s, %4s new inputs, %5s in all\n", t.name, last[2], last[1], last[3], last[4]), nil
}

// onlyOverdue says that all a target failed of is the end of its time: up to
// Go 1.26 an input that is being tried just then may be reported so
// (go.dev/issue/75804). A fault has a failing input, or words of its own.
func (t target) onlyOverdue(out []byte) bool {
	overdue := regexp.MustCompile(`(?m)^--- FAIL: ` + t.name + ` \(\S+\)\n    context deadline exceeded\nFAIL$`)
	return overdue.Match(out) && bytes.Count(out, []byte("--- FAIL")) == 1 && !bytes.Contains(out, []byte("Failing input")) && !bytes.Contains(out, []byte("panic"))
}

// temporary gives targets that make folders a file system in memory, if there
// is one.
func temporary() []string {
	const shared, tmpfs = "/dev/shm", 0x01021994
	var st unix.Statfs_t
	if unix.Statfs(shared, &st) != nil || st.Type != tmpfs || unix.Access(shared, unix.W_OK) != nil {
		return nil
	}
	return []string{"TMPDIR=" + shared}
}

// maxKept is the size of the greatest input that is worth its place, in bytes.
const maxKept = 4 << 10

// keep copies inputs that go test keeps in its cache to testdata/fuzz, the
// smallest first, until there are n.
func (t target) keep(n int) error {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	from := filepath.Join(string(bytes.TrimSpace(out)), "fuzz", "spaceos", t.dir, t.name)
	to := filepath.Join(t.dir, "testdata", "fuzz", t.name)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	have, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	inputs, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	size := func(e os.DirEntry) int64 {
		info, err := e.Info()
		if err != nil {
			return maxKept + 1 // gone
		}
		return info.Size()
	}
	slices.SortFunc(inputs, func(a, b os.DirEntry) int {
		return cmp.Or(cmp.Compare(size(a), size(b)), strings.Compare(a.Name(), b.Name()))
	})
	for _, e := range inputs[:max(0, min(len(inputs), n-len(have)))] {
		if size(e) > maxKept {
			break
		}
		if err := copyFile(filepath.Join(to, e.Name()), filepath.Join(from, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return cmp.Or(err, out.Close())
}
