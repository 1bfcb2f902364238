package libos

import "fmt"

// Subject groups calls that a payload asks for together; a manifest switches
// subjects on.
type Subject uint8

// The subjects. SubjectCore is always on: memory, identity and exit, which every
// C library needs at start, and read, write, close and fstat on the standard
// streams that the program was started with, so that the least payload has a
// log. Without SubjectFiles it cannot open anything else.
const (
	SubjectCore Subject = iota
	SubjectFiles
	SubjectTime
	SubjectSignals
	SubjectRandom
	SubjectPoll
	SubjectProcess
	subjects
)

// SubjectSet is a set of subjects, one bit each. The empty set stands for all.
type SubjectSet uint32

// Only is the set of some subjects and the core, by the names that manifests
// use.
func Only(names []string) (SubjectSet, error) {
	set := SubjectSet(1 << SubjectCore)
next:
	for _, name := range names {
		for s := SubjectCore + 1; s < subjects; s++ {
			if s.String() == name {
				set |= 1 << s
				continue next
			}
		}
		return 0, fmt.Errorf("%.40q is no subject of calls", name)
	}
	return set, nil
}

// Allows says whether calls of a subject exist.
func (s SubjectSet) Allows(subject Subject) bool {
	return s == 0 || subject == SubjectCore || s&(1<<subject) != 0
}

// ArgKind says what one argument of a call is: how --trace prints it, and
// which good and bad values a generated test gives it.
type ArgKind uint8

// The kinds of arguments. Buffers and structures are addresses in the guest.
const (
	ArgInt       ArgKind = iota // signed number
	ArgUint                     // unsigned number
	ArgHex                      // bits without names
	ArgSize                     // bytes of a buffer: a count or length
	ArgOffset                   // position in a file
	ArgAddr                     // an address that is not read or written by the call
	ArgFD                       // descriptor
	ArgDirFD                    // descriptor of a folder, or AT_FDCWD
	ArgPath                     // string ending in NUL
	ArgString                   // another string ending in NUL
	ArgBufIn                    // bytes that the call reads; the next ArgSize is their number
	ArgBufOut                   // bytes that the call writes; the next ArgSize is their room
	ArgIovecIn                  // iovec array of bytes that the call reads; the next ArgInt is its length
	ArgIovecOut                 // the same, written
	ArgStructIn                 // a structure that the call reads
	ArgStructOut                // a structure that the call writes
	ArgStructIO                 // a structure that the call reads and writes
	ArgMode                     // permission bits, octal
	ArgOpenFlags
	ArgProt
	ArgMapFlags
	ArgAtFlags
	ArgWhence
	ArgSignal
	ArgClock
	ArgResource
	ArgCommand // a request number of ioctl, fcntl, futex, prctl, ...
)

// Arg describes one argument.
type Arg struct {
	Name string
	Kind ArgKind
	Size int // bytes of a structure
}

// args are the six arguments of a call as they stand in registers. Linux takes
// the low 32 bits of an int argument; use the methods.
type args [6]uint64

func (a *args) int(i int) int32    { return int32(a[i]) }
func (a *args) uint(i int) uint32  { return uint32(a[i]) }
func (a *args) fd(i int) int       { return int(int32(a[i])) }
func (a *args) offset(i int) int64 { return int64(a[i]) }

// call is one row of the table of calls. The function returns the value for
// RAX, or an errno.
type call struct {
	nr      uint32
	name    string
	subject Subject
	args    []Arg
	fn      func(*Thread, args) (uint64, errno)
}
