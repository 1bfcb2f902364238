package cell

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"spaceos/libos"
)

// ReportSchema names the format of Report; report.schema.json describes it.
const ReportSchema = "spaceos.run.v1"

// Report is what became of a run. Times are in microseconds, sizes in bytes.
type Report struct {
	Schema  string     `json:"schema"`
	Image   *Image     `json:"image,omitempty"` // what was sealed; absent for a plain program
	Program string     `json:"program"`         // its path in the world
	Digest  string     `json:"digest"`          // of the program's file; "" if it was refused
	Engine  string     `json:"engine"`
	Host    hostInfo   `json:"host,omitzero"` // absent if the machine did not come to be, or its runner died
	Ended   Ended      `json:"ended"`
	Time    Times      `json:"time_us"`
	Exits   Exits      `json:"exits"`
	Memory  Memory     `json:"memory"`
	Bytes   Traffic    `json:"bytes"`
	Calls   CallCounts `json:"calls"`
}

// Image is the sealed image that was run, and what it asked for. The caller of
// Run fills it in.
type Image struct {
	Tenant   string            `json:"tenant"`
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	Digest   string            `json:"digest"`
	Subjects []string          `json:"subjects"`
	Limits   map[string]uint64 `json:"limits"` // bytes, and milliseconds under names that end in -ms
}

// hostInfo is what the machine found out about its host.
type hostInfo struct {
	KVM          string `json:"kvm"`
	CPUID        string `json:"cpuid"`         // "chosen", or "visible" where the guest sees the processor's own
	CycleCounter string `json:"cycle_counter"` // "visible": RDTSC shows the host's; "hidden": the world's clock
	HugePages    string `json:"huge_pages"`    // the host's setting, or "off"
}

// Ended says how the run ended.
type Ended struct {
	Cause      cause  `json:"cause"`
	Status     int    `json:"status"` // as the command line gives it
	Signal     int    `json:"signal,omitempty"`
	SignalName string `json:"signal_name,omitempty"`
	Message    string `json:"message,omitempty"`
	Fault      *Fault `json:"fault,omitempty"`
}

// cause is the kind of end.
type cause string

// The causes.
const (
	causeExited      cause = "exited"
	causeSignal      cause = "signal"
	causeTimeout     cause = "timeout"
	causeCPUTime     cause = "cpu-time"
	causeOutOfMemory cause = "out-of-memory"
	causeKilled      cause = "killed"        // from outside
	causeRefused     cause = "refused"       // the program cannot run
	causeBroken      cause = "machine-error" // KVM could not go on
	causeRunnerDied  cause = "runner-died"
)

// Fault is the exception behind a deadly signal.
type Fault struct {
	Vector    int               `json:"vector"`
	ErrorCode uint32            `json:"error_code"`
	Code      int               `json:"si_code"`
	Address   string            `json:"address"`
	RIP       string            `json:"rip"`
	Registers map[string]string `json:"registers"`
}

// Times of a run.
type Times struct {
	Setup     int64 `json:"setup"`      // from Run to the guest's first instruction
	Wall      int64 `json:"wall"`       // from Run to its return
	GuestCPU  int64 `json:"guest_cpu"`  // the processor's thread inside KVM_RUN
	LibraryOS int64 `json:"library_os"` // serving calls and faults, without waits
	RunnerCPU int64 `json:"runner_cpu"` // user and system time of the whole runner
}

// Exits of the machine.
type Exits struct {
	Calls      uint64 `json:"calls"`
	Faults     uint64 `json:"faults"`
	Interrupts uint64 `json:"interrupts"`
}

// Memory that a run used.
type Memory struct {
	Limit        uint64 `json:"limit"`
	Mapped       uint64 `json:"mapped"`  // by the guest, at the end
	Backed       uint64 `json:"backed"`  // frames, page tables and /tmp at the end
	Peak         uint64 `json:"peak"`    // the most that was backed at once
	Touched      uint64 `json:"touched"` // 4 KiB pages that guest or library OS touched in the whole run
	Refused      uint64 `json:"refused"` // requests for more than Limit at once
	HostResident uint64 `json:"host_resident"`
	// RunnerPeak is the greatest resident size of the runner's process (ru_maxrss
	// of getrusage(2)), the guest's memory included. It is never less than the
	// owner's at the runner's start: Linux counts that in (exec_mmap in fs/exec.c).
	RunnerPeak uint64 `json:"runner_peak"`
}

// Traffic counts bytes by mount and standard stream.
type Traffic struct {
	Read    map[string]uint64 `json:"read"`
	Written map[string]uint64 `json:"written"`
}

// CallCounts counts calls by name.
type CallCounts struct {
	Served      map[string]uint64 `json:"served"`
	Unsupported map[string]uint64 `json:"unsupported"`
}

// fill takes over what the runner said.
func (r *Report) fill(res *result, started int64) {
	r.Host = res.Host
	r.Exits = res.Exits
	r.Memory.Mapped, r.Memory.Backed, r.Memory.Peak, r.Memory.Touched = res.Mapped, res.Backed, res.Peak, res.Touched
	r.Memory.Refused = res.MemoryRefused
	r.Memory.HostResident = max(r.Memory.HostResident, res.Resident)
	r.Time.GuestCPU, r.Time.LibraryOS = max(0, res.GuestCPU.Microseconds()), max(0, res.LibOS.Microseconds())
	if res.FirstRun != 0 {
		r.Time.Setup = max(0, time.Duration(res.FirstRun-started).Microseconds())
	}
	r.Bytes = Traffic{counted(res.Read), counted(res.Written)}
	r.Calls = CallCounts{counted(res.Calls), counted(res.Unsupported)}
	r.Ended = endOf(res)
}

// counted is a count that is written as {} and not as null when it is empty.
func counted(m map[string]uint64) map[string]uint64 {
	if m == nil {
		return map[string]uint64{}
	}
	return m
}

// endOf turns the runner's words into cause and status.
func endOf(res *result) Ended {
	switch {
	case res.Refused != "":
		return Ended{Cause: causeRefused, Status: StatusNotRunnable, Message: said(res.Refused)}
	case res.Broken != "":
		return Ended{Cause: causeBroken, Status: StatusFailure, Message: said(res.Broken)}
	case res.End.OOM:
		return Ended{Cause: causeOutOfMemory, Status: StatusOutOfMemory, Signal: int(unix.SIGKILL), SignalName: "SIGKILL", Message: "out of memory"}
	case res.Cause != "":
		return stopped(res.Cause)
	}
	if end := res.End; end.Signal < 0 || end.Signal > 64 || end.Code < 0 || end.Code > 255 {
		return Ended{Cause: causeBroken, Status: StatusFailure, Message: "the cell's runner told of an end that no program has: please report this"}
	}
	e := Ended{Cause: causeExited, Status: res.End.Status(), Message: said(res.End.Reason)}
	if sig := res.End.Signal; sig != 0 {
		e.Cause, e.Signal, e.SignalName = causeSignal, sig, unix.SignalName(unix.Signal(sig))
		e.Fault = faultOf(res.End.Fault)
	}
	return e
}

// said is what the runner said, fit for a terminal: a sentence of at most
// maxSaid bytes and the mark that something is missing, without characters that
// do not print.
func said(text string) string {
	const maxSaid = 500
	var b strings.Builder
	for _, r := range text {
		piece := string(r)
		if !unicode.IsPrint(r) {
			piece = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if b.Len()+len(piece) > maxSaid {
			return b.String() + "..."
		}
		b.WriteString(piece)
	}
	return b.String()
}

// stopped is the end by one of our own limits.
func stopped(c cause) Ended {
	switch c {
	case causeTimeout:
		return Ended{Cause: c, Status: StatusTimeout, Message: "the time limit was reached"}
	case causeCPUTime:
		return Ended{Cause: c, Status: StatusCPUTime, Signal: int(unix.SIGXCPU), SignalName: "SIGXCPU", Message: "the CPU time limit was reached"}
	}
	return Ended{Cause: causeKilled, Status: 128 + int(unix.SIGKILL), Signal: int(unix.SIGKILL), SignalName: "SIGKILL"}
}

func faultOf(f *libos.Fault) *Fault {
	if f == nil {
		return nil
	}
	r := f.Regs
	return &Fault{
		Vector: int(f.Trap.Vector), ErrorCode: f.Trap.ErrorCode, Code: f.Code, Address: hex(f.Addr), RIP: hex(r.RIP),
		Registers: map[string]string{
			"rax": hex(r.RAX), "rbx": hex(r.RBX), "rcx": hex(r.RCX), "rdx": hex(r.RDX),
			"rsi": hex(r.RSI), "rdi": hex(r.RDI), "rsp": hex(r.RSP), "rbp": hex(r.RBP),
			"r8": hex(r.R8), "r9": hex(r.R9), "r10": hex(r.R10), "r11": hex(r.R11),
			"r12": hex(r.R12), "r13": hex(r.R13), "r14": hex(r.R14), "r15": hex(r.R15),
			"rflags": hex(r.RFLAGS),
		},
	}
}

func hex(v uint64) string {
	const digits = "0123456789abcdef"
	b := []byte("0x0000000000000000")
	for i := len(b) - 1; i > 1; i-- {
		b[i] = digits[v&15]
		v >>= 4
	}
	return string(b)
}
