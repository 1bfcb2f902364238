package hwkvm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spaceos/internal/conformance"
)

// logVariable names a file that gets what the jobs print while they run.
const logVariable = "HWKVM_LOG"

// onlyVariable chooses a job by its name, and behind a slash the tests of it,
// as go test -run has them: "conformance/TestCell/memory".
const onlyVariable = "HWKVM_ONLY"

// root is the project's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	conformance.Enter() // this program starts itself again to run cases natively
	os.Exit(m.Run())
}

// A check is a job with what must come of it.
type check struct {
	job   Job
	judge func(t *testing.T, r Result) // nil: a Go test binary
}

func TestOnEmulatedSVM(t *testing.T) {
	// It takes four minutes on a processor of its own; the limits are for what hangs.
	ctx, cancel := context.WithTimeout(t.Context(), 18*time.Minute)
	defer cancel()
	kernel, err := Fetch(ctx, filepath.Join(root(t), "build", "hwkvm"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBuilder(t)
	job, tests, _ := strings.Cut(os.Getenv(onlyVariable), "/")
	checks := b.checks(job)
	if len(checks) == 0 {
		t.Fatalf("%s: there is no job %q", onlyVariable, job)
	}
	if tests != "" {
		checks[0].job.Args = append(checks[0].job.Args, "-test.run="+tests)
	}
	m := Machine{Init: b.program("./internal/hwkvm/guest")}
	if path := os.Getenv(logVariable); path != "" {
		log, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		m.Log = log
	}
	for _, c := range checks {
		m.Jobs = append(m.Jobs, c.job)
	}
	out, err := Boot(ctx, kernel, m)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d jobs in %.1f s, from start to end, with %.1f s of processor time", len(m.Jobs), out.Time.Seconds(), out.CPU.Seconds())
	if out.Console != "" {
		t.Logf("the kernel said:\n%s", out.Console)
	}
	for i, r := range out.Results {
		t.Run(r.Job.Name, func(t *testing.T) {
			t.Logf("%q: status %d after %.1f s", r.Job.Args, r.Status, r.Time.Seconds())
			judge := checks[i].judge
			if judge == nil {
				judge = goTests
			}
			if !r.Ended || r.Error != "" {
				t.Errorf("it did not end by itself: %s", r.Error)
			}
			judge(t, r)
		})
	}
}

// goTests judges a Go test binary by its tests.
func goTests(t *testing.T, r Result) {
	root := parseTests(t, r.Output)
	root.replay(t)
	counts := root.count()
	t.Logf("%d passed, %d failed, %d skipped", counts["pass"], counts["fail"], counts["skip"])
	t.Logf("the slowest:\n%s", root.slowest(10))
	if counts["pass"]+counts["fail"]+counts["skip"] == 0 || r.Status != 0 {
		t.Errorf("status %d, %v\n%s", r.Status, counts, root.text())
	}
}
