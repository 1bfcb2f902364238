package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spaceos/cell"
)

// A computer without a proper KVM is made of this one: in a mount namespace
// something else stands in /dev, or strace changes what KVM answers
// (strace(1), Tampering).
const (
	noDevKVM    = `mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"`
	nullForKVM  = `mount --bind /dev/null /dev/kvm && exec "$@"`
	zeroForKVM  = `mount --bind /dev/zero /dev/kvm && exec "$@"`
	fileForKVM  = `mount --bind /etc/passwd /dev/kvm && exec "$@"`
	noModule    = `mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/kvm c 240 200 && exec "$@"`
	forbidden   = `mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 600 /dev/kvm c 10 232 && cd / && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"`
	tamper      = `exec strace -f -qq -o /dev/null -P /dev/kvm -e trace=ioctl,openat -e inject=`
	noCaps      = tamper + `ioctl:retval=0:when=2+ "$@"`
	otherAPI    = tamper + `ioctl:retval=11:when=1 "$@"`
	noVM        = `exec python3 -c "` + failCreateVM + `" "$@"`
	busyKVM     = tamper + `openat:error=EBUSY "$@"`
	helpToLoad  = "load the kernel module (modprobe kvm_intel or kvm_amd), or switch on virtualisation in the firmware or in the surrounding virtual machine"
	helpToOpen  = "add your user to the group that owns it (usermod -aG kvm tester) and log in again, or run as root"
	notKVM      = "this is not a KVM device"
	helpNotKVM  = "KVM_GET_API_VERSION failed (kvm: KVM_GET_API_VERSION: inappropriate ioctl for device); give the real /dev/kvm"
	allCapsGone = "this KVM lacks KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_SYNC_REGS, KVM_CAP_XSAVE, KVM_CAP_XCRS, KVM_CAP_X86_MSR_FILTER, KVM_CAP_DISABLE_QUIRKS2, KVM_CAP_SPLIT_IRQCHIP"
)

// failCreateVM installs a seccomp filter under which ioctl(_, KVM_CREATE_VM)
// gives ENOMEM, and goes on with its arguments as a command (seccomp(2); the
// offsets are those of struct seccomp_data: the number at 0, args[1] at 24).
const failCreateVM = `
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 3, 16), (0x20, 0, 0, 24), (0x15, 0, 1, 0xAE01), (6, 0, 0, 0x50000 | 12), (6, 0, 0, 0x7fff0000)]
filter = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *c) for c in code))
program = struct.pack('HxxxxxxQ', len(code), ctypes.addressof(filter))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program): sys.exit('no filter')
os.execvp(sys.argv[1], sys.argv[1:])
`

// computers are kinds of computers on which cells cannot run.
var computers = []struct {
	name, setup string
	fact, help  string // help "": package vmm does not know any
}{
	{"no /dev/kvm", noDevKVM, "there is no /dev/kvm", helpToLoad},
	{"a /dev/kvm without a module", noModule, "there is no /dev/kvm", helpToLoad},
	{"a /dev/kvm that is forbidden", forbidden, "no permission to open /dev/kvm", helpToOpen},
	{"another device as /dev/kvm", nullForKVM, notKVM, helpNotKVM},
	{"yet another", zeroForKVM, notKVM, helpNotKVM},
	{"a file as /dev/kvm", fileForKVM, notKVM, helpNotKVM},
	{"a KVM without what is needed", noCaps, allCapsGone, "use a Linux kernel of 5.19 or later"},
	{"a KVM of another version", otherAPI, "KVM's API version is 11, not 12", "use a Linux kernel of 5.10 or later"},
	{"a KVM without room", noVM, "KVM gives no machine (kvm: KVM_CREATE_VM: cannot allocate memory)", ""},
	{"a KVM that is busy", busyKVM, "KVM gives no machine (kvm: open /dev/kvm: device or resource busy)", ""},
}

// on is a command of ours on another kind of computer.
func on(t *testing.T, setup string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("changing what stands in /dev takes root")
	}
	inside := append([]string{"-m", "bash", "-c", setup, "bash", guest("spaceos")}, args...)
	return isolate(t, exec.Command("unshare", inside...))
}

func TestRunWithoutKVM(t *testing.T) {
	for _, c := range computers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			if err := os.Chmod(out, 0o777); err != nil {
				t.Fatal(err)
			}
			help := c.help
			if help == "" {
				help = "see what spaceos doctor says"
			}
			checkSentence(t, finish(t, on(t, c.setup, "run", guest("ends"), "exit", "0")), 125, c.fact+": "+help)
		})
	}
}

func TestReportOfARunWithoutKVM(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, out := filepath.Join(dir, "report.json"), t.TempDir()
	finish(t, on(t, noDevKVM, "run", "--report", path, "--out", out, guest("ends"), "exit", "0"))
	r := report(t, path)
	if r.Ended.Cause != "refused" || r.Ended.Status != 125 || !strings.HasPrefix(r.Ended.Message, "there is no /dev/kvm: ") {
		t.Errorf("the report says %+v", r.Ended)
	}
	if names := append(listing(t, out), listing(t, dir)...); len(names) != 1 {
		t.Errorf("beside the report there is: %v", names)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	text := finish(t, command(t, "doctor"))
	if text.status != 0 || text.stderr != "" || !strings.HasSuffix(text.stdout, "\nCells can run here.\n") || strings.Contains(text.stdout, "MISSING") {
		t.Errorf("%v\nwant status 0 and that cells can run", text)
	}
	for _, subject := range []string{"kernel", "KVM", "system calls", "ring 0 guards", "CPUID", "address bits", "huge pages", "memory"} {
		if !strings.Contains(text.stdout, "  "+subject+" ") {
			t.Errorf("doctor says nothing about %s:\n%s", subject, text.stdout)
		}
	}
	d := diagnosis(t, finish(t, command(t, "doctor", "--json")), 0)
	if !d.OK {
		t.Errorf("JSON says that cells cannot run: %+v", d)
	}
	for _, f := range d.Findings {
		if !strings.Contains(text.stdout, f.Subject) {
			t.Errorf("the text lacks %+v:\n%s", f, text.stdout)
		}
	}
}

func TestDoctorWithoutKVM(t *testing.T) {
	for _, c := range computers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := finish(t, on(t, c.setup, "doctor"))
			for _, want := range []string{"MISSING  KVM            " + strings.TrimPrefix(c.fact, "KVM gives no machine ("), c.help, "\nCells cannot run here yet: see what is MISSING.\n"} {
				if text.status != 1 || !strings.Contains(text.stdout, strings.TrimSuffix(want, ")")) {
					t.Errorf("%v\nwant status 1 and %q", text, want)
				}
			}
			d := diagnosis(t, finish(t, on(t, c.setup, "doctor", "--json")), 1)
			if d.OK {
				t.Errorf("JSON says that cells can run: %+v", d)
			}
			for _, f := range d.Findings {
				if f.Subject == "KVM" && (f.OK || f.Help != c.help) {
					t.Errorf("got %+v, want help %q", f, c.help)
				}
			}
		})
	}
}

func diagnosis(t *testing.T, o outcome, status int) (d cell.Diagnosis) {
	t.Helper()
	if o.status != status || o.stderr != "" {
		t.Errorf("%v\nwant status %d and JSON", o, status)
	}
	if err := json.Unmarshal([]byte(o.stdout), &d); err != nil {
		t.Errorf("%v: %q", err, o.stdout)
	}
	return d
}

// nobody is a command of ours by a user who may use KVM and little else.
func nobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	const setup = `mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/kvm c 10 232 && cd / && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"`
	return on(t, setup, args...)
}

func TestFilesOfOthers(t *testing.T) {
	dir, err := os.MkdirTemp("", "spaceos-others-") // open to all, unlike t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := place{t, dir}
	secret := p.patch(func(elf []byte) []byte { return elf })
	for path, mode := range map[string]os.FileMode{dir: 0o755, secret: 0o700, p.mkdir("out", 0o755): 0o755, p.mkdir("closed", 0o700): 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"a run", []string{guest("ends"), "exit", "7"}, 7, ""},
		{"a program that cannot be read", []string{secret}, 126, "the program " + secret + " cannot be read (permission denied): change its permissions (chmod +r)"},
		{"an output folder that is not writable", []string{"--out", p.path("out"), guest("ends"), "exit", "0"}, 125,
			"the output folder " + p.path("out") + " is not writable (permission denied): change its permissions, or give another --out"},
		{"an output folder that is closed", []string{"--out", p.path("closed"), guest("ends"), "exit", "0"}, 125,
			"the output folder " + p.path("closed") + " cannot be read (permission denied): change its permissions, or give another --out"},
		{"an input folder that is closed", []string{"--in", p.path("closed"), guest("ends"), "exit", "0"}, 125,
			`the folder "` + p.path("closed") + `" for /in is not readable for this user: change its permissions or name another`},
		{"a report into a folder that is not writable", []string{"--report", p.path("out/report.json"), guest("ends"), "exit", "0"}, 125,
			"the report cannot be written to " + p.path("out/report.json") + " (permission denied): give --report a path in a folder that exists and is writable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := tree(t, dir)
			o := finish(t, nobody(t, append([]string{"run"}, c.args...)...))
			if c.want == "" {
				if o.status != c.status || o.stderr != "" {
					t.Errorf("%v\nwant status %d", o, c.status)
				}
				return
			}
			checkSentence(t, o, c.status, c.want)
			if after := tree(t, dir); len(after) != len(before) {
				t.Errorf("the files were %v and are %v", before, after)
			}
		})
	}
}

// A disk that is full: the payload gets what Linux would give it, a report
// that does not fit is said so, and nothing half-written stays.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a small disk takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	p := place{t, dir}
	out, where := p.mkdir("out", 0o755), filepath.Join(t.TempDir(), "report.json")

	o := finish(t, command(t, "run", "--out", out, "--report", where, guest("world"), "fill", "/out/big", "300000"))
	if want := (outcome{0, "a partial write\n1048576 bytes, then No space left on device\n", ""}); o != want {
		t.Errorf("got %v\nwant %v", o, want)
	}
	if r := report(t, where); r.Bytes.Written["/out"] != 1<<20 {
		t.Errorf("the report counts %v, want all of the disk in /out", r.Bytes.Written)
	}
	o = finish(t, command(t, "run", "--report", p.path("report.json"), guest("ends"), "exit", "0"))
	checkSentence(t, o, 125, "the report cannot be written to "+p.path("report.json")+" (no space left on device): make room there, or give --report another path")
	if names := listing(t, dir); len(names) != 1 {
		t.Errorf("left on the full disk: %v", names)
	}
}

// A quota ends a write as a full disk does: what fits is written first.
func TestFullQuota(t *testing.T) {
	for _, c := range []struct{ flag, folder, want string }{
		{"--out-limit=1000000", "/out", "a partial write\n1000000 bytes, then No space left on device\n"},
		{"--data-limit=500000", "/data", "a partial write\n500000 bytes, then No space left on device\n"},
	} {
		t.Run(c.folder, func(t *testing.T) {
			t.Parallel()
			o := finish(t, command(t, "run", "--out", t.TempDir(), "--data", t.TempDir(), c.flag, guest("world"), "fill", c.folder+"/big", "300000"))
			if want := (outcome{0, c.want, ""}); o != want {
				t.Errorf("got %v\nwant %v", o, want)
			}
		})
	}
}
