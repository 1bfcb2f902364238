package hostile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/cell"
	"spaceos/internal/seed"
)

// binaryVariable names a spaceos to test in place of the one built here.
const binaryVariable = "SPACEOS_BINARY"

func spaceosBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv(binaryVariable); path != "" {
		return path
	}
	path := filepath.Join(shared.dir, "spaceos")
	build := exec.Command("go", "build", "-o", path, "./cmd/spaceos")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build spaceos: %v\n%s", err, out)
	}
	return path
}

// Owner or runner are killed or stopped at any moment from the start on; then
// no process, no file and no half report is left, and a new run works.
func TestKilledAtAnyMoment(t *testing.T) {
	spaceos := spaceosBinary(t)
	program, err := shared.bench.Executable(Program(Ordinary))
	if err != nil {
		t.Fatal(err)
	}
	draw := moments(t)
	rounds := 36
	if emulation() {
		rounds = 4
	}
	for i := range rounds {
		b := blow{owner: draw.IntN(2) == 0, stop: draw.IntN(3) == 0, after: time.Duration(draw.IntN(60_000)) * time.Microsecond}
		t.Run(fmt.Sprint(i, " ", b), func(t *testing.T) { b.strike(t, spaceos, program) })
	}
}

// Owner or runner are stopped at any moment and go on after a while: the run
// ends as if nothing had been.
func TestGoesOnAfterAStop(t *testing.T) {
	spaceos := spaceosBinary(t)
	program, err := shared.bench.Executable(Program(Ordinary))
	if err != nil {
		t.Fatal(err)
	}
	draw := moments(t)
	rounds := 5
	if emulation() {
		rounds = 1
	}
	for i := range 2 * rounds {
		b := blow{owner: i%2 == 0, stop: true, after: time.Duration(draw.IntN(40_000)) * time.Microsecond}
		t.Run(fmt.Sprint(i, " ", b), func(t *testing.T) { b.pause(t, spaceos, program) })
	}
}

// moments is where a test draws its moments from.
func moments(t *testing.T) *rand.Rand {
	from, err := strconv.ParseUint(os.Getenv(seed.Variable), 10, 64)
	if err != nil {
		from = rand.Uint64()
	}
	t.Logf("%s=%d draws the same moments", seed.Variable, from)
	return rand.New(rand.NewPCG(from, 0))
}

// A blow is a signal at a moment.
type blow struct {
	owner bool // else the runner
	stop  bool // else SIGKILL
	after time.Duration
}

func (b blow) String() string {
	who, what := "runner", "killed"
	if b.owner {
		who = "owner"
	}
	if b.stop {
		what = "stopped"
	}
	return fmt.Sprintf("%s %s after %v", who, what, b.after)
}

// A struck run is one that takes a blow.
type struck struct {
	cmd     *exec.Cmd
	session int
	folders map[string]string
	report  string
}

// start starts a run in a session of its own.
func (b blow) start(t *testing.T, spaceos, timeout, program string) struck {
	dir := t.TempDir()
	f := map[string]string{}
	for _, name := range []string{"out", "data", "tmp", "reports"} {
		f[name] = filepath.Join(dir, name)
		if err := os.Mkdir(f[name], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	report := filepath.Join(f["reports"], "report.json")
	cmd := exec.Command(spaceos, "run", "--timeout="+timeout, "--out", f["out"], "--data", f["data"], "--report", report, program, "none")
	cmd.Env = []string{"TMPDIR=" + f["tmp"], "MARK=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return struck{cmd, cmd.Process.Pid, f, report}
}

// victim waits for the moment and gives whom the blow hits: 0 if there is no
// runner yet, or no more.
func (b blow) victim(session int) int {
	time.Sleep(b.after)
	if b.owner {
		return session
	}
	for _, p := range members(session) {
		if p != session {
			return p
		}
	}
	return 0
}

func (b blow) strike(t *testing.T, spaceos, program string) {
	run := b.start(t, spaceos, "2s", program)
	if victim := b.victim(run.session); victim != 0 {
		sig := unix.SIGKILL
		if b.stop {
			sig = unix.SIGSTOP
		}
		_ = unix.Kill(victim, sig) // it may have ended
		if b.stop && b.owner {
			time.Sleep(20 * time.Millisecond)
			_ = unix.Kill(victim, unix.SIGKILL)
		}
	}
	_ = run.cmd.Wait() // whichever way
	run.check(t)
}

// pause stops the victim until it has been standing for a while.
func (b blow) pause(t *testing.T, spaceos, program string) {
	run := b.start(t, spaceos, "10m", program)
	if victim := b.victim(run.session); victim != 0 {
		_ = unix.Kill(victim, unix.SIGSTOP) // it may have ended
		time.Sleep(30 * time.Millisecond)
		_ = unix.Kill(victim, unix.SIGCONT)
	}
	late := time.AfterFunc(time.Minute, func() { _ = run.cmd.Process.Kill() })
	defer late.Stop()
	if err := run.cmd.Wait(); err != nil {
		t.Errorf("the run ended with %v, want status 0", err)
	}
	run.check(t)
	text, err := os.ReadFile(run.report)
	var r cell.Report
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || r.Ended.Cause != "exited" || r.Ended.Status != 0 {
		t.Errorf("the report (%v) says %+v, want exited with 0", err, r.Ended)
	}
	if _, err := os.Stat(filepath.Join(run.folders["out"], "result")); !os.IsNotExist(err) {
		t.Errorf("the program has not deleted its result: %v", err)
	}
}

// check waits for the end of all processes and looks at what they left.
func (s struck) check(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); len(members(s.session)) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("processes %v are left", members(s.session))
		}
	}
	checkFiles(t, s.folders, s.report)
}

// checkFiles looks at what a run has left in its folders.
func checkFiles(t *testing.T, f map[string]string, report string) {
	t.Helper()
	for _, name := range []string{"out", "data", "tmp", "reports"} {
		entries, err := os.ReadDir(f[name])
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			// What the program was about to delete is the program's own.
			if at := name + "/" + e.Name(); at != "reports/report.json" && at != "out/result" {
				t.Errorf("left behind: %s", at)
			}
		}
	}
	text, err := os.ReadFile(report)
	if os.IsNotExist(err) {
		return
	}
	var r cell.Report
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || r.Schema != cell.ReportSchema || !strings.HasSuffix(string(text), "}\n") {
		t.Errorf("half a report: %v\n%s", err, text)
	}
}

// members are the processes of a session that have not ended.
func members(session int) (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, _ := os.ReadFile("/proc/" + e.Name() + "/stat") // one that is gone is no member
		_, after, _ := strings.Cut(string(text), ") ")
		// State, parent, group, session (proc_pid_stat(5)).
		if fields := strings.Fields(after); len(fields) > 3 && fields[3] == strconv.Itoa(session) && fields[0] != "Z" && fields[0] != "X" {
			pids = append(pids, pid)
		}
	}
	return pids
}
