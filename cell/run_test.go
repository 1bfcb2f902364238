package cell

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos"
)

// TestMain makes the test binary the runner under the runner's name.
func TestMain(m *testing.M) {
	if os.Args[0] == RunnerName {
		hostileRunner()
		os.Exit(RunnerMain())
	}
	os.Exit(m.Run())
}

// program builds a C program of one statement.
func program(t *testing.T, statement string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.c")
	text := "#include <fcntl.h>\n#include <unistd.h>\nint main(void)\n{\n\t" + statement + "\n}\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program")
	if out, err := exec.Command("musl-gcc", "-static", "-w", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("musl-gcc (install musl-tools): %v\n%s", err, out)
	}
	return path
}

// run runs a payload as a caller of the package does.
func run(t *testing.T, ctx context.Context, spec Spec) (*Report, error) {
	t.Helper()
	runtime.LockOSThread() // a runner dies with the thread that started it
	defer runtime.UnlockOSThread()
	r, err := Run(ctx, spec)
	if r == nil {
		t.Fatalf("Run gave no report, and %v", err)
	}
	checkReport(t, r)
	return r, err
}

func TestRun(t *testing.T) {
	out := t.TempDir()
	r, err := run(t, context.Background(), Spec{
		Program: program(t, `int fd = open("/out/result", O_WRONLY|O_CREAT, 0644); write(fd, "42\n", 3); return 7;`), Out: out,
	})
	if err != nil || r.Ended.Cause != causeExited || r.Ended.Status != 7 {
		t.Errorf("got %+v and %v, want exit status 7", r.Ended, err)
	}
	if got, err := os.ReadFile(filepath.Join(out, "result")); string(got) != "42\n" {
		t.Errorf("the output holds %q (%v)", got, err)
	}
}

func TestRunWithoutHugePages(t *testing.T) {
	r, err := run(t, context.Background(), Spec{Program: program(t, "return 0;"), NoHugePages: true})
	if err != nil || r.Host.HugePages != "off" {
		t.Errorf("got %+v and %v, want huge pages off", r.Host, err)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   Spec
		status int
	}{
		{"no program", Spec{Program: "/no/such/program"}, StatusNotFound},
		{"this test", Spec{Program: "run_test.go"}, StatusNotRunnable},
		{"a bad limit", Spec{Program: "run_test.go", Memory: 1}, StatusFailure},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := run(t, context.Background(), c.spec)
			if err == nil || Status(err) != c.status || r.Ended.Status != c.status || r.Ended.Cause != causeRefused || r.Ended.Message != err.Error() {
				t.Errorf("got %v with status %d and %+v, want status %d in both", err, Status(err), r.Ended, c.status)
			}
		})
	}
}

// Cancelling the context ends the payload, whatever it does, and is no failure
// of ours.
func TestRunIsCancelled(t *testing.T) {
	for _, c := range []struct{ name, statement string }{
		{"asleep", "for (;;) sleep(1000);"},
		{"spinning", "for (;;);"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			timer := time.AfterFunc(100*time.Millisecond, cancel)
			defer timer.Stop()
			r, err := run(t, ctx, Spec{Program: program(t, c.statement), Timeout: 20 * time.Second})
			if err != nil || r.Ended.Cause != causeKilled || r.Ended.Status != 137 {
				t.Errorf("got %+v and %v, want that it was killed", r.Ended, err)
			}
		})
	}
}

// Signals arrive through Spec, from whoever sends them.
func TestRunPassesSignals(t *testing.T) {
	signals := make(chan os.Signal, 2)
	signals <- syscall.SIGTERM
	r, err := run(t, context.Background(), Spec{Program: program(t, "for (;;) sleep(1000);"), Signals: signals, Timeout: 20 * time.Second})
	if err != nil || r.Ended.Cause != causeSignal || r.Ended.Signal != 15 {
		t.Errorf("got %+v and %v, want death by SIGTERM", r.Ended, err)
	}
}

// What was refused did not run, and is not read for its name.
func TestRefusedProgramHasNoDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("no ELF file"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := run(t, context.Background(), Spec{Program: path})
	if Status(err) != StatusNotRunnable || r.Digest != "" {
		t.Errorf("got digest %q and %v, want none and a refusal", r.Digest, err)
	}
}

// The digest is the open file's, as long as it was, and costs no memory.
func TestDigestOfTheProgram(t *testing.T) {
	const size = 64 << 20
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("start"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	o := &owner{spec: Spec{Program: path}}
	if err := o.openProgram(); err != nil {
		t.Fatal(err)
	}
	defer o.program.Close()
	if err := os.Truncate(path, size+100); err != nil { // it grows while it runs
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := o.digest()
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("the digest of %d bytes allocated %d bytes", size, grown)
	}
	if want := spaceos.DigestOf(append([]byte("start"), make([]byte, size-5)...)).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := os.Truncate(path, size-1); err != nil {
		t.Fatal(err)
	}
	if got := o.digest(); got != "" {
		t.Errorf("a file that was cut has digest %s, want none", got)
	}
}

// Many runs leave no descriptor open.
func TestRunClosesWhatItOpens(t *testing.T) {
	path := program(t, "return 0;")
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	once := func() {
		if _, err := run(t, context.Background(), Spec{Program: path, In: t.TempDir(), Out: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
	}
	once()
	before := open()
	for range 5 {
		once()
		_, _ = run(t, context.Background(), Spec{Program: "run_test.go"})
	}
	// The world's server closes its last files on its own time.
	for deadline := time.Now().Add(5 * time.Second); open() > before && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if after := open(); after > before {
		t.Errorf("%d descriptors were open before five runs, %d after them", before, after)
	}
}

// A runner that says nothing sensible gives no result, and no panic.
func TestOwnerHearsGarbage(t *testing.T) {
	for _, c := range []struct {
		name string
		said []byte
	}{
		{"nothing", nil},
		{"noise", []byte("\xff\xff\xff\xffnoise")},
		{"half a message", frame(100, `{"Refused":"`)},
		{"another type", frame(4, `"hi"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = theirs.Write(c.said)
				theirs.Close()
			}()
			var r result
			if err := readMessage(ours, maxMessage, &r); err == nil {
				t.Errorf("%q is taken for %+v", c.said, r)
			}
			o := &owner{}
			o.report.Schema = ReportSchema
			var killed unix.WaitStatus = 9
			digest := make(chan string, 1)
			digest <- ""
			if err := o.finish(nil, exited{status: killed}, "", digest); Status(err) != StatusFailure {
				t.Errorf("got %v, want a failure", err)
			}
		})
	}
}

func TestStreamsOfItsOwn(t *testing.T) {
	var ends [3][2]*os.File // read and write, for each stream
	for i := range ends {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		ends[i] = [2]*os.File{r, w}
	}
	if _, err := ends[0][1].WriteString("ab"); err != nil {
		t.Fatal(err)
	}
	r, err := run(t, context.Background(), Spec{
		Program: program(t, `char c[2]; if (read(0, c, 2) != 2) return 1; write(1, c, 1); write(2, c + 1, 1); return 0;`),
		Stdin:   ends[0][0], Stdout: ends[1][1], Stderr: ends[2][1],
	})
	if err != nil || r.Ended.Status != 0 {
		t.Fatalf("got %+v and %v, want exit status 0", r.Ended, err)
	}
	for i, want := range []string{1: "a", 2: "b"} {
		if want == "" {
			continue
		}
		ends[i][1].Close()
		if got, err := io.ReadAll(ends[i][0]); string(got) != want || err != nil {
			t.Errorf("stream %d got %q (%v), want %q", i, got, err, want)
		}
	}
}
