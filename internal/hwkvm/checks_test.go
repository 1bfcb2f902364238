package hwkvm

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spaceos/internal/conformance"
	"spaceos/internal/hostile"
)

// A builder makes the programs that the machine runs.
type builder struct {
	t     *testing.T
	dir   string
	bench *conformance.Bench
}

func newBuilder(t *testing.T) *builder {
	t.Helper()
	dir := t.TempDir()
	bench, err := conformance.NewBench(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &builder{t: t, dir: dir, bench: bench}
}

// command runs a command in the project's folder.
func (b *builder) command(name string, args ...string) {
	b.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = root(b.t)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0") // programs that need nothing of the machine
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func (b *builder) program(pkg string) string {
	b.t.Helper()
	to := filepath.Join(b.dir, filepath.Base(pkg))
	b.command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)
	return to
}

func (b *builder) spaceos() string { return b.program("./cmd/spaceos") }

// testJob runs the tests of a package.
func (b *builder) testJob(pkg string, limit time.Duration, args ...string) Job {
	b.t.Helper()
	name := filepath.Base(pkg) + ".test"
	file := filepath.Join(b.dir, name)
	b.command("go", "test", "-c", "-ldflags", "-s -w", "-o", file, pkg)
	return Job{
		Name:  filepath.Base(pkg),
		Args:  append([]string{"/" + name, "-test.v=test2json", "-test.timeout=" + limit.String()}, args...),
		Env:   []string{"SPACEOS_EMULATED=1", "SPACEOS_KICKS=300"},
		Files: map[string]string{"/" + name: file},
		Limit: limit + 10*time.Second,
	}
}

// checks are all that runs in the machine, in this order; only, if not empty,
// chooses one by its name.
func (b *builder) checks(only string) []check {
	b.t.Helper()
	var checks []check
	for _, s := range suites() {
		if name := filepath.Base(s.pkg); only == "" || only == name {
			j := b.testJob(s.pkg, s.limit, s.args...)
			b.ship(&j, s.programs...)
			if s.facts != nil {
				linux, err := s.facts(b.t.Context(), b.bench)
				if err != nil {
					b.t.Fatal(err)
				}
				b.tell(&j, linux)
			}
			checks = append(checks, check{job: j})
		}
	}
	for _, c := range []struct {
		name string
		make func() check
	}{{"doctor", b.doctor}, {"hello", b.hello}, {"demo", b.demo}, {"conformance", b.conformance}} {
		if only == "" || only == c.name {
			checks = append(checks, c.make())
		}
	}
	return checks
}

// A suite is a package whose own tests run in the machine.
type suite struct {
	pkg   string
	limit time.Duration // for what hangs: ten times what it takes
	// args are go test's, with the prefix -test.
	args []string
	// programs are what its tests ask a conformance.Bench for.
	programs []conformance.Program
	// facts asks this machine's Linux what its tests ask; nil: nothing.
	facts func(context.Context, *conformance.Bench) (conformance.Facts, error)
}

func suites() []suite {
	return []suite{
		// The comparison with the kernel's headers takes a compiler.
		{pkg: "./kvm", limit: time.Minute, args: []string{"-test.skip=^TestABIIsThatOfTheKernelsHeaders$"}},
		{pkg: "./vmm", limit: 2 * time.Minute},
		// The other tests are about processes, which are Linux's on any KVM.
		{pkg: "./internal/hostile", limit: 8 * time.Minute, args: []string{"-test.run=^TestGuestsEndCleanly$"},
			programs: hostile.Programs(), facts: hostile.OnLinux},
	}
}

// ship gives a job programs, compiled here, where a bench looks for those of
// an earlier run.
func (b *builder) ship(j *Job, programs ...conformance.Program) {
	b.t.Helper()
	for _, p := range programs {
		from, err := b.bench.Executable(p)
		if err != nil {
			b.t.Fatal(err)
		}
		to := from
		if p.Path == "" {
			to = "/tmp/spaceos-conformance/" + filepath.Base(from)
		}
		j.Files[to] = from
	}
}

// tell gives a job what this machine's Linux did.
func (b *builder) tell(j *Job, linux conformance.Facts) {
	b.t.Helper()
	from, to := filepath.Join(b.dir, j.Name+".facts"), "/"+j.Name+".facts"
	if err := linux.Write(from); err != nil {
		b.t.Fatal(err)
	}
	j.Files[to] = from
	j.Env = append(j.Env, conformance.FactsVariable+"="+to)
}

func (b *builder) doctor() check {
	j := Job{Name: "doctor", Args: []string{"/bin/spaceos", "doctor"}, Files: map[string]string{"/bin/spaceos": b.spaceos()}}
	return check{j, func(t *testing.T, r Result) {
		const want = "SYSCALL enters ring 0"
		if r.Status != 0 || !strings.Contains(string(r.Output), want) {
			t.Errorf("status %d, want 0 and %q in:\n%s", r.Status, want, r.Output)
		}
	}}
}

// hello runs a program of musl's in a cell there and natively here.
func (b *builder) hello() check {
	b.t.Helper()
	program := filepath.Join(b.dir, "hello")
	b.command("musl-gcc", "-static", "-O1", "-o", program, "internal/hwkvm/testdata/hello.c")
	args := []string{"Earth", "", "a moon of Saturn"}
	native := exec.Command(program, args...)
	native.Env = []string{"NAME=Huygens"}
	want, err := native.Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	status := native.ProcessState.ExitCode()
	j := Job{
		Name:  "hello",
		Args:  append([]string{"/bin/spaceos", "run", "--env", "NAME=Huygens", "/bin/hello"}, args...),
		Files: map[string]string{"/bin/spaceos": b.spaceos(), "/bin/hello": program},
	}
	return check{j, func(t *testing.T, r Result) {
		if string(r.Output) != string(want) || r.Status != status {
			t.Errorf("in the cell: status %d\n%s\nnatively: status %d\n%s", r.Status, r.Output, status, want)
		}
	}}
}

// demo runs the reference payload over real frames and compares what it makes
// with the published results, byte for byte, as make demo does here.
func (b *builder) demo() check {
	b.t.Helper()
	payload := filepath.Join(b.dir, "payload")
	b.command("make", "--no-print-directory", "-C", "payloads/cloudmask", "OUT="+payload)
	image := filepath.Join(b.dir, "cloudmask.oci")
	b.command(b.program("./cmd/spaceos-ground"), "seal", "--output", image, filepath.Join(payload, "sealed"))
	j := Job{
		Name: "demo",
		Args: []string{"/bin/demo"},
		Dir:  "/spaceos",
		Files: map[string]string{
			"/bin/demo":                            b.program("./payloads/cloudmask/demo"),
			"/spaceos/bin/spaceos":                 b.spaceos(),
			"/spaceos/bin/cloudmask.oci":           image,
			"/spaceos/payloads/cloudmask/testdata": filepath.Join(root(b.t), "payloads/cloudmask/testdata"),
		},
	}
	return check{j, func(t *testing.T, r Result) {
		t.Logf("\n%s", r.Output)
		frames, err := filepath.Glob(filepath.Join(root(t), "payloads/cloudmask/testdata/*.mask.img"))
		if err != nil || len(frames) == 0 {
			t.Fatalf("no frames: %v", err)
		}
		same := strings.Count(string(r.Output), "identical to the published result")
		if r.Status != 0 || same != len(frames) {
			t.Errorf("status %d, %d of %d frames identical; want 0 and all", r.Status, same, len(frames))
		}
	}}
}

// conformance runs each case natively here and in a cell there, and compares
// there; some run twice.
func (b *builder) conformance() check {
	b.t.Helper()
	const limit = 15 * time.Minute
	j := Job{
		Name:  "conformance",
		Args:  []string{"/bin/cases", "-test.v=test2json", "-test.timeout=" + limit.String()},
		Files: map[string]string{"/bin/cases": b.program("./internal/hwkvm/cases")},
		Limit: limit + 10*time.Second,
	}
	linux := conformance.Facts{}
	for _, c := range conformance.Cases() {
		b.ship(&j, c.Program)
		var err error
		if linux[c.Name], err = (conformance.Linux{}).Run(b.t.Context(), b.bench, c.Brief()); err != nil {
			b.t.Fatal(err)
		}
	}
	repeatable, err := conformance.Repeatable()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range repeatable {
		b.ship(&j, c.Program)
	}
	b.tell(&j, linux)
	return check{job: j}
}
