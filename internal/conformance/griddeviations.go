package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// A gridDeviation is a family of lines of the grid that a cell answers
// otherwise than Linux, on purpose. Each must show.
type gridDeviation struct {
	// call matches the line up to its result; linux and cell match the results.
	call, linux, cell string
	reason            string
}

const (
	noAttributes   = "a world's files have a content, a mode and times, which is what reaches the ground: no extended attributes"
	noNotification = "nobody is told of changes, holds leases or advises a disk in a cell"
	sizesCount     = "a quota counts a file's size, holes included, and a file is at most as long as ext4 has them"
	noPIFutex      = "futexes that hand on priority are for several threads"
	ownMounts      = "each of a world's folders is a file system of its own"
	noSuchOption   = "options about capabilities, children, checkpoints and processors' faults are of no use in a cell"
	ownMemory      = "a cell has the memory it was given, the machine has more"
)

// gridDeviations are all of them.
var gridDeviations = []gridDeviation{
	{`^[lf]?(get|set|remove)xattr\(`, `^([0-9].*|ENODATA|EPERM|EROFS|EINVAL|ENOSPC)$`, `^EOPNOTSUPP$`, noAttributes},
	{`^(symlink|link|mknod)(at)?\(`, `^0$`, `^EPERM$`, noNewNames},
	{`^mmap\(.*prot=(-1|2\^31-1),`, `^address$`, `^EACCES$`, writeOrExecute},
	{`^mmap\(.*prot=3, flags=(1|3|1<<0), fd=rdwr,`, `^(address|arena.*)$`, `^ENODEV$`, noSharedFiles},
	{`^mmap\(.*length=(2\^31|0x7ffff000|2\^32\+16),`, `^address$`, `^ENOMEM$`, ownMemory},
	{`^fcntl\(.*cmd=(8|9|10|11|15|16|17|1024|1025|1026|1029|103[1-9]|1040),`, `.*`, `^EINVAL$`, noNotification},
	{`^ioctl\(`, `.*`, `^ENOTTY$`, noNotification},
	{`^(p?write(64|v|v2)?|f?truncate|fallocate)\(.*=(2\^31|2\^32|2\^62|2\^63-1)`, `^(0|16|ENOSPC)$`, `^(ENOSPC|EFBIG)$`, sizesCount},
	{`^open(at)?\(.*flags=0x410002,`, `^16$`, `^EOPNOTSUPP$`, noNewNames},
	{`^renameat2\(.*flags=(2|4|5|1<<2)\)`, `^0$`, `^EINVAL$`, noExchange},
	{`^copy_file_range\(fd_in=in-text, .*fd_out=(write-only|append),`, `^16`, `^EXDEV$`, ownMounts},
	{`^futex\(.*op=(5|6|7|8|11|12|13)(\+128|\+256)?,`, `.*`, `^ENOSYS$`, noPIFutex},
	{`^(arch_)?prctl\(`, `.*`, `^(EINVAL|ENODEV)$`, noSuchOption},
}

// gridLines compares the lines of the grid, and gives the differences that no
// deviation covers and how often each deviation showed.
func gridLines(linux, cell string) (differences []string, used map[string]int) {
	used = map[string]int{}
	list := make([]*compiledDeviation, len(gridDeviations))
	for i, d := range gridDeviations {
		list[i] = d.compile()
	}
	onLinux, inCell := strings.Split(linux, "\n"), strings.Split(cell, "\n")
	for n := range max(len(onLinux), len(inCell)) {
		var a, b string
		if n < len(onLinux) {
			a = onLinux[n]
		}
		if n < len(inCell) {
			b = inCell[n]
		}
		if a == b {
			continue
		}
		if d := find(list, a, b); d != nil {
			used[d.call.String()]++
			continue
		}
		differences = append(differences, fmt.Sprintf("- Linux: %s\n  + cell:  %s\n", a, b))
	}
	return differences, used
}

type compiledDeviation struct{ call, linux, cell *regexp.Regexp }

func (d gridDeviation) compile() *compiledDeviation {
	return &compiledDeviation{regexp.MustCompile(d.call), regexp.MustCompile(d.linux), regexp.MustCompile(d.cell)}
}

func find(list []*compiledDeviation, linux, cell string) *compiledDeviation {
	call, want := cutResult(linux)
	same, got := cutResult(cell)
	if call != same {
		return nil
	}
	for _, d := range list {
		if d.call.MatchString(call) && d.linux.MatchString(want) && d.cell.MatchString(got) {
			return d
		}
	}
	return nil
}

// cutResult splits a line before its result.
func cutResult(line string) (call, result string) {
	i := strings.LastIndex(line, ") = ")
	if i < 0 {
		return line, ""
	}
	return line[:i+1], line[i+4:]
}
