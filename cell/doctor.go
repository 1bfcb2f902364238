package cell

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"spaceos"
	"spaceos/vmm"
)

// Diagnosis is what this computer can do for cells.
type Diagnosis struct {
	OK       bool      `json:"ok"` // cells can run
	Findings []Finding `json:"findings"`
}

// Finding is one thing that was looked at.
type Finding struct {
	Subject string `json:"subject"`
	OK      bool   `json:"ok"`
	Fact    string `json:"fact"`
	Note    string `json:"note,omitempty"` // what follows from the fact
	Help    string `json:"help,omitempty"` // how to get what is missing
}

// Examine finds out by doing: it makes a machine and lets its probe run.
func Examine() Diagnosis {
	d := Diagnosis{OK: true}
	d.add(kernelFinding())
	host, err := examineMachine()
	if err != nil {
		d.add(missing("KVM", err))
	} else {
		d.add(Finding{Subject: "KVM", OK: true, Fact: devKVM + " works, with all that a cell needs"})
		d.addHost(host)
	}
	d.add(hugePageFinding())
	d.add(memoryFinding())
	return d
}

func (d *Diagnosis) add(f Finding) {
	d.Findings = append(d.Findings, f)
	d.OK = d.OK && f.OK
}

func examineMachine() (vmm.Host, error) {
	runtime.LockOSThread() // as for a runner's machine
	defer runtime.UnlockOSThread()
	sys, err := vmm.OpenSystem(devKVM)
	if err != nil {
		return vmm.Host{}, err
	}
	defer sys.Close()
	m, err := vmm.New(sys, vmm.Options{Memory: uint64(minMemory), HideRandom: true, HideCycles: true})
	if err != nil {
		return vmm.Host{}, err
	}
	return m.Host(), m.Close()
}

func missing(subject string, err error) Finding {
	f := Finding{Subject: subject, Fact: err.Error()}
	var m *vmm.Missing
	if errors.As(err, &m) {
		f.Fact, f.Help = m.What, m.Help
	}
	return f
}

func (d *Diagnosis) addHost(h vmm.Host) {
	d.add(Finding{Subject: "system calls", OK: true, Fact: h.Stub.String()})
	var on []string
	for _, f := range []struct {
		on   bool
		name string
	}{{h.SMEP, "SMEP"}, {h.SMAP, "SMAP"}, {h.UMIP, "UMIP"}} {
		if f.on {
			on = append(on, f.name)
		}
	}
	f := Finding{Subject: "ring 0 guards", OK: true, Fact: strings.Join(on, " ")}
	if len(on) == 0 {
		f.Fact, f.Note = "none of SMEP, SMAP, UMIP", "page permissions alone keep the guest out of ring 0's pages"
	}
	d.add(f)
	if h.CPUIDVisible {
		d.add(Finding{Subject: "CPUID", OK: true, Fact: "visible", Note: "this KVM shows the guest the processor's own CPUID, whatever we choose"})
	} else {
		d.add(Finding{Subject: "CPUID", OK: true, Fact: "chosen leaf by leaf"})
	}
	if h.CyclesHidden {
		d.add(Finding{Subject: "cycle counter", OK: true, Fact: "can be hidden", Note: "with --clock, RDTSC shows the world's time"})
	} else {
		d.add(Finding{Subject: "cycle counter", OK: true, Fact: "visible", Note: "this KVM shows the guest the processor's own counter, whatever we choose"})
	}
	d.add(Finding{Subject: "address bits", OK: true, Fact: fmt.Sprintf("%d", h.PhysBits)})
}

func kernelFinding() Finding {
	var u unix.Utsname
	f := Finding{Subject: "kernel", OK: true, Fact: "unknown"}
	if unix.Uname(&u) == nil {
		f.Fact = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
	}
	return f
}

func hugePageFinding() Finding {
	s := hugePageSetting()
	f := Finding{Subject: "huge pages", OK: true, Fact: s}
	switch s {
	case "never", "unknown":
		f.Note = "large memory will be slower: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
	}
	return f
}

func memoryFinding() Finding {
	b, err := os.ReadFile("/proc/meminfo")
	f := Finding{Subject: "memory", OK: true, Fact: "unknown"}
	if err != nil {
		return f
	}
	for line := range strings.Lines(string(b)) {
		var kib uint64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); err == nil {
			f.Fact = (spaceos.Bytes(kib) * spaceos.KiB).Approx() + " available"
		}
	}
	return f
}
