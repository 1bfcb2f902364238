package conformance

// A Deviation is a line of standard output that a cell prints otherwise than
// Linux, on purpose. Both lines are asserted: a deviation that no longer shows
// fails the case.
type Deviation struct {
	// Subject is the program of ours it belongs to.
	Subject string
	// Linux and Cell are the two lines, whole.
	Linux, Cell string
	// Reason says why a cell differs.
	Reason string
}

const (
	writeOrExecute = "a page is never writable and executable at once"
	noSharedFiles  = "a file's pages can't be shared writable: the file is in another process, behind requests"
)

// deviations are all of them.
var deviations = []Deviation{
	{"memory", "mmap(0, PAGE, RW | PROT_EXEC, ANON, -1, 0) = ok", "mmap(0, PAGE, RW | PROT_EXEC, ANON, -1, 0) = EACCES", writeOrExecute},
	{"memory", "mprotect(c, PAGE, RW | PROT_EXEC) = 0", "mprotect(c, PAGE, RW | PROT_EXEC) = EACCES", writeOrExecute},
	{"memory", "mmap(0, PAGE, RW, MAP_SHARED, fd, 0) = ok", "mmap(0, PAGE, RW, MAP_SHARED, fd, 0) = ENODEV", noSharedFiles},
}

// deviationsOf gives the deviations that a case must show.
func deviationsOf(c Case) []Deviation {
	var of []Deviation
	for _, d := range deviations {
		if d.Subject == c.Program.Subject {
			of = append(of, d)
		}
	}
	return of
}
