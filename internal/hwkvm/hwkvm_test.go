package hwkvm

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// root is the project's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// goTool builds without C: programs that need nothing of the machine.
func goTool(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root(t)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %q: %v\n%s", args, err, out)
	}
}

// A check is a job with what must come of it.
type check struct {
	job   Job
	judge func(t *testing.T, r Result) // nil: a Go test binary
}

func TestOnEmulatedSVM(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	kernel, err := Fetch(ctx, filepath.Join(root(t), "build", "hwkvm"))
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{t: t, dir: t.TempDir()}
	checks := b.checks()
	m := Machine{Init: b.program("./internal/hwkvm/guest")}
	for _, c := range checks {
		m.Jobs = append(m.Jobs, c.job)
	}
	started := time.Now()
	out, err := Boot(ctx, kernel, m)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d jobs in %.1f s, from start to power-off", len(m.Jobs), time.Since(started).Seconds())
	if out.Console != "" {
		t.Logf("the kernel said:\n%s", out.Console)
	}
	for i, r := range out.Results {
		t.Run(r.Job.Name, func(t *testing.T) {
			t.Logf("%q: status %d after %.1f s", r.Job.Args, r.Status, r.Time.Seconds())
			judge := checks[i].judge
			if judge == nil {
				judge = tests
			}
			if !r.Ended || r.Error != "" {
				t.Errorf("it did not end by itself: %s", r.Error)
			}
			judge(t, r)
		})
	}
}

// tests judges a Go test binary by its tests.
func tests(t *testing.T, r Result) {
	root := parseTests(t, r.Output)
	root.replay(t)
	counts := map[string]int{}
	root.count(counts)
	t.Logf("%d passed, %d failed, %d skipped", counts["pass"], counts["fail"], counts["skip"])
	if counts["pass"]+counts["fail"]+counts["skip"] == 0 || r.Status != 0 {
		t.Errorf("status %d, %v\n%s", r.Status, counts, root.text())
	}
}

// A builder makes the programs that the machine runs.
type builder struct {
	t   *testing.T
	dir string
}

func (b *builder) program(pkg string) string {
	b.t.Helper()
	to := filepath.Join(b.dir, filepath.Base(pkg))
	goTool(b.t, "build", "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)
	return to
}

func (b *builder) testBinary(pkg string) string {
	b.t.Helper()
	to := filepath.Join(b.dir, filepath.Base(pkg)+".test")
	goTool(b.t, "test", "-c", "-ldflags", "-s -w", "-o", to, pkg)
	return to
}

// testJob runs the tests of a package.
func (b *builder) testJob(pkg string, limit time.Duration, args ...string) Job {
	b.t.Helper()
	name := filepath.Base(pkg)
	path := "/" + name + ".test"
	return Job{
		Name:  name,
		Args:  append([]string{path, "-test.v=test2json", "-test.timeout=" + limit.String()}, args...),
		Files: map[string]string{path: b.testBinary(pkg)},
		Limit: limit + 10*time.Second,
	}
}

func (b *builder) checks() []check {
	return []check{
		{job: b.testJob("./vmm", time.Minute)},
	}
}
