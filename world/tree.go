package world

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// utcZone is a TZif file, version 1, without a transition: UTC (RFC 9636,
// section 3): header, one local time type of offset 0, its name.
const utcZone = "TZif" + "\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + // reserved
	"\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + // isutcnt, isstdcnt, leapcnt
	"\x00\x00\x00\x00" + "\x00\x00\x00\x01" + "\x00\x00\x00\x04" + // timecnt, typecnt, charcnt
	"\x00\x00\x00\x00" + "\x00" + "\x00" + // utoff, isdst, desigidx
	"UTC\x00"

// buildRoot makes the part of the tree that the world itself holds.
func (s *Server) buildRoot(o Options) error {
	m := &mount{id: MountNone, srv: s, readOnly: true}
	s.mounts[MountNone] = m
	folder := func(kids map[string]*memNode) *memNode {
		n := m.newNode(KindDir, 0555)
		n.kids = kids
		for _, k := range kids {
			if k.kind == KindDir {
				n.subs++
			}
		}
		return n
	}
	text := func(text string) *memNode {
		n := m.newNode(KindText, 0444)
		n.text = text
		return n
	}
	device := func(kind Kind, minor uint32) *memNode { // Linux, drivers/char/mem.c
		n := m.newNode(kind, 0666)
		n.rdev = unix.Mkdev(1, minor)
		return n
	}
	type kids = map[string]*memNode
	self := kids{"maps": m.newNode(KindMaps, 0444)}
	if o.Program != nil {
		exe := m.newNode(KindLink, 0777)
		exe.target = "/app/" + o.ProgramName
		self["exe"] = exe
	}
	root := folder(kids{
		"dev": folder(kids{
			"null": device(KindNull, 3), "zero": device(KindZero, 5),
			"random": device(KindRandom, 8), "urandom": device(KindRandom, 9),
		}),
		"etc": folder(kids{
			"passwd":    text("root:x:0:0:root:/:/bin/sh\n"),
			"localtime": text(utcZone),
		}),
		"proc": folder(kids{
			"self": folder(self), "meminfo": m.newNode(KindMeminfo, 0444),
		}),
		"sys": folder(kids{"devices": folder(kids{"system": folder(kids{"cpu": folder(kids{
			"online": text(onlineCPUs(o.CPUs)),
		})})})}),
	})
	root.subs += uint32(mounts) - 1
	s.root = &dir{folder: memFolder{root}, mount: m, fixed: true}
	s.root.parent = s.root
	m.root = s.root
	return nil
}

// onlineCPUs is the list format of cpu/online (Linux,
// Documentation/admin-guide/cputopology.rst).
func onlineCPUs(n int) string {
	if n <= 1 {
		return "0\n"
	}
	return fmt.Sprintf("0-%d\n", n-1)
}

// addProgram shows the program in /app.
func (s *Server) addProgram(o Options) error {
	m := s.mounts[MountApp]
	n := m.newNode(KindFile, 0555)
	n.memfd, n.program = int(o.Program.Fd()), true
	var st unix.Stat_t
	if err := unix.Fstat(n.memfd, &st); err != nil {
		return fmt.Errorf("the program %q cannot be examined: %w", o.ProgramName, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("the program %q is not a regular file: name an executable file", o.ProgramName)
	}
	m.root.over = map[string]*memNode{o.ProgramName: n}
	return nil
}
