package libos

import (
	"fmt"
	"strings"
)

// mapsText is /proc/self/maps as fs/proc/task_mmu.c prints it. Devices and
// inode numbers are zero.
func (p *Process) mapsText() string {
	const nameColumn = 73 // 25 + 6 pointers of 8 bytes
	var text strings.Builder
	for _, r := range p.mem.regions.list {
		off := uint64(0)
		if r.file != nil {
			off = uint64(r.off)
		}
		line := fmt.Sprintf("%08x-%08x %s %08x 00:00 0 ", r.start, r.end, r.mode(), off)
		if name := p.regionName(r); name != "" {
			line = fmt.Sprintf("%-*s%s", nameColumn, line, name)
		}
		text.WriteString(line + "\n")
	}
	return text.String()
}

// mode is a region's permissions as maps shows them.
func (r *region) mode() string {
	mode := []byte("---p")
	for i, prot := range []Prot{ProtRead, ProtWrite, ProtExec} {
		if r.prot&prot != 0 {
			mode[i] = "rwx"[i]
		}
	}
	if r.flags&regionShared != 0 {
		mode[3] = 's'
	}
	return string(mode)
}

func (p *Process) regionName(r *region) string {
	switch {
	case r.file != nil:
		// What would look like another line is escaped, as seq_path does.
		return strings.ReplaceAll(r.file.Name(), "\n", `\012`)
	case r.flags&regionHeap != 0:
		return "[heap]"
	case r.end == p.mem.stackTop:
		return "[stack]"
	}
	return ""
}

// meminfoText is /proc/meminfo (fs/proc/meminfo.c) with the lines that mean
// something in a cell: what the memory limit leaves.
func (p *Process) meminfoText() string {
	usage := p.cfg.Meter.Usage()
	free := (usage.Limit - min(usage.Backed, usage.Limit)) >> 10
	var text strings.Builder
	for _, line := range []struct {
		name string
		kib  uint64
	}{
		{"MemTotal", usage.Limit >> 10}, {"MemFree", free}, {"MemAvailable", free},
		{"Buffers", 0}, {"Cached", 0}, {"SwapCached", 0},
		{"SwapTotal", 0}, {"SwapFree", 0}, {"Shmem", 0},
	} {
		fmt.Fprintf(&text, "%-16s%8d kB\n", line.name+":", line.kib)
	}
	return text.String()
}
