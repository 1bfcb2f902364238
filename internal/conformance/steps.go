package conformance

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A Walk is a sequence of file calls in a folder of its own, drawn from a seed.
// Many walks make one run of c/steps.c, which starts each as if the program had
// just begun, and prints one line a step.
type Walk struct {
	// Mount is where the folder is: "/tmp", "/out", "/data", or "/in" and
	// "/app", where all walks share one that nobody can change.
	Mount string
	// Number tells the walks of a run apart.
	Number int
	// Steps are the calls.
	Steps []Step
}

// A Step is one call of a walk.
type Step struct {
	nr   uint16
	name string
	args []stepArg
}

// A stepArg is an argument as it is shown and as c/steps.c reads it.
type stepArg struct {
	text string
	raw  []byte
}

// The kinds of arguments and the steps of its own that c/steps.c knows.
const (
	argNumber = iota
	argPath
	argData
	argRoom
	argDataParts
	argRoomParts
	argOffset
	argRaw
	argLock
	argStat
	argStatx
	argText
	argPair

	stepWalk = 0xff00
	stepTree = 0xff01
	stepList = 0xff02
	stepSame = 0xff03
	stepPeek = 0xff04
	stepPoke = 0xff05
	stepSeek = 0xff06
	stepCopy = 0xff07
	stepSend = 0xff08
)

// String shows the step as a C program would have it.
func (s Step) String() string {
	texts := make([]string, len(s.args))
	for i, a := range s.args {
		texts[i] = a.text
	}
	return s.name + "(" + strings.Join(texts, ", ") + ")"
}

// root is the walk's folder, where it starts.
func (w Walk) root() string {
	if w.Mount == "/in" || w.Mount == "/app" {
		return w.Mount + "/tree"
	}
	return fmt.Sprintf("%s/w%d/r", w.Mount, w.Number)
}

// String shows the walk as calls, one a line.
func (w Walk) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  chdir(%q)\n", w.root())
	for _, s := range w.Steps {
		fmt.Fprintf(&b, "  %v\n", s)
	}
	return b.String()
}

func call(nr uint16, name string, args ...stepArg) Step {
	return Step{nr, name, args}
}

func num(v int64) stepArg {
	return named(v, fmt.Sprint(v))
}

// named is a number that is shown by a name.
func named(v int64, text string) stepArg {
	return stepArg{text, binary.LittleEndian.AppendUint64([]byte{argNumber}, uint64(v))}
}

func octal(v uint32) stepArg {
	return named(int64(v), fmt.Sprintf("%#o", v))
}

func path(p string) stepArg {
	text := fmt.Sprintf("%q", p)
	if len(p) > 100 {
		text = fmt.Sprintf("%q... (%d bytes)", p[:20], len(p))
	}
	raw := binary.LittleEndian.AppendUint16([]byte{argPath}, uint16(len(p)+1))
	return stepArg{text, append(append(raw, p...), 0)}
}

// data is memory with n bytes that the byte fill tells apart.
func data(n int, fill byte) stepArg {
	raw := binary.LittleEndian.AppendUint32([]byte{argData}, uint32(n))
	return stepArg{fmt.Sprintf("%q...", fill), append(raw, fill)}
}

// room is memory that the call fills, and of which as much is shown as it
// returned; text is shown as it is.
func room(kind byte, n int) stepArg {
	return stepArg{"buffer", binary.LittleEndian.AppendUint32([]byte{kind}, uint32(n))}
}

// parts is an array of iovec over memory for as many bytes.
func parts(kind, fill byte, lengths []int) stepArg {
	raw := []byte{kind, byte(len(lengths)), fill}
	for _, n := range lengths {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(n))
	}
	return stepArg{fmt.Sprintf("parts %v of %q", lengths, fill), raw}
}

// offset is a pointer to a file offset.
func offset(v int64) stepArg {
	return stepArg{fmt.Sprintf("&%d", v), binary.LittleEndian.AppendUint64([]byte{argOffset}, uint64(v))}
}

// structure is memory of which the call fills or reads a structure.
func structure(kind byte, text string, bytes []byte) stepArg {
	raw := []byte{kind}
	if kind == argRaw || kind == argLock {
		raw = append(binary.LittleEndian.AppendUint16(raw, uint16(len(bytes))), bytes...)
	}
	return stepArg{text, raw}
}

// times are two timespecs.
func times(a, b unix.Timespec) stepArg {
	var raw []byte
	for _, v := range []int64{a.Sec, a.Nsec, b.Sec, b.Nsec} {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return structure(argRaw, fmt.Sprintf("{{%d, %#x}, {%d, %#x}}", a.Sec, a.Nsec, b.Sec, b.Nsec), raw)
}

// lock is a struct flock.
func lock(kind, whence int16, start, length int64) stepArg {
	raw := binary.LittleEndian.AppendUint16(nil, uint16(kind))
	raw = binary.LittleEndian.AppendUint16(raw, uint16(whence))
	raw = append(raw, 0, 0, 0, 0)
	raw = binary.LittleEndian.AppendUint64(raw, uint64(start))
	raw = binary.LittleEndian.AppendUint64(raw, uint64(length))
	return structure(argLock, fmt.Sprintf("{%d, %d, %d, %d}", kind, whence, start, length), append(raw, make([]byte, 8)...))
}

// encode gives the walks as c/steps.c reads them.
func encode(walks []Walk) string {
	var b []byte
	for _, w := range walks {
		start := call(stepWalk, "walk", num(int64(w.Number)), path(w.root()))
		for _, s := range append([]Step{start}, w.Steps...) {
			b = binary.LittleEndian.AppendUint16(b, s.nr)
			b = append(b, byte(len(s.args)))
			for _, a := range s.args {
				b = append(b, a.raw...)
			}
		}
	}
	return string(b)
}

// stepsCase is one run of walks.
func stepsCase(name string, walks []Walk) Case {
	c := Case{
		Name:    name,
		Program: Program{Subject: "steps", Build: Musl},
		In:      Tree{"steps": encode(walks)},
		App:     Tree{},
		Data:    Tree{},
	}
	for path, content := range walkTree {
		c.In["tree/"+path], c.App["tree/"+path] = content, content
	}
	for _, w := range walks {
		if w.Mount != "/data" {
			continue
		}
		for path, content := range walkTree {
			c.Data[strings.TrimPrefix(w.root(), "/data/")+"/"+path] = content
		}
	}
	return c
}

// walkTree is what a walk finds in its folder, where the folder is one of the
// host: files, folders, and links of each kind, which no call in a cell makes.
var walkTree = Tree{
	"a":     strings.Repeat("the file a. ", 800),
	"b":     "a short file",
	"c":     "",
	"d/a":   strings.Repeat("one below", 500),
	"d/e/a": "two below",
	"e/":    "",
	"l":     linkMark + "a",
	"m":     linkMark + "d",
	"n":     linkMark + "../r/d/e/../x",
	"o":     linkMark + "/tmp/../data",
	"p":     linkMark + "p",
	"d/l":   linkMark + "../b",
}
