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
	noNewNames     = "a world has files and folders alone: no second name and no device can be made"
	oneProcess     = "a cell is one process of one thread without a network"
	noSetuid       = "nobody in a cell becomes another user: the bits stay off the host's files"
	noExchange     = "a file system may refuse to exchange names (renameat2(2)): no program of ours does"
	noHoles        = "where holes lie depends on the host's file system; a file may say that it is data to its end (lseek(2))"
	ownPages       = "a mapped page is read at its first touch: the file is in another process"
	noSharedFiles  = "a file's pages can't be shared writable: the file is in another process, behind requests"
)

// deviations are all of them.
var deviations = []Deviation{
	{"signals_int80", "int 0x80: getpid", "int 0x80: signal 11 code 128", "a cell has no calls of 32-bit programs: int 0x80 is as any other"},
	{"memory", "mmap(0, PAGE, RW | PROT_EXEC, ANON, -1, 0) = ok", "mmap(0, PAGE, RW | PROT_EXEC, ANON, -1, 0) = EACCES", writeOrExecute},
	{"memory", "mprotect(c, PAGE, RW | PROT_EXEC) = 0", "mprotect(c, PAGE, RW | PROT_EXEC) = EACCES", writeOrExecute},
	{"memory", "mmap(0, PAGE, RW, MAP_SHARED, fd, 0) = ok", "mmap(0, PAGE, RW, MAP_SHARED, fd, 0) = ENODEV", noSharedFiles},
	{"tree", `symlink("/in/text", "/tmp/symbolic") = 0`, `symlink("/in/text", "/tmp/symbolic") = EPERM`, noNewNames},
	{"tree", `symlinkat("/in/text", AT_FDCWD, "/out/symbolic") = 0`, `symlinkat("/in/text", AT_FDCWD, "/out/symbolic") = EPERM`, noNewNames},
	{"tree", `link("/tmp/first", "/tmp/second") = 0`, `link("/tmp/first", "/tmp/second") = EPERM`, noNewNames},
	{"tree", `linkat(AT_FDCWD, "/tmp/first", AT_FDCWD, "/tmp/third", 0) = 0`, `linkat(AT_FDCWD, "/tmp/first", AT_FDCWD, "/tmp/third", 0) = EPERM`, noNewNames},
	{"tree", `mknod("/tmp/fifo", S_IFIFO | 0600, 0) = 0`, `mknod("/tmp/fifo", S_IFIFO | 0600, 0) = EPERM`, noNewNames},
	{"tree", `mknod("/tmp/device", S_IFCHR | 0600, 0x103) = 0`, `mknod("/tmp/device", S_IFCHR | 0600, 0x103) = EPERM`, noNewNames},
	{"tree", `mknodat(AT_FDCWD, "/tmp/regular", S_IFREG | 0600, 0) = 0`, `mknodat(AT_FDCWD, "/tmp/regular", S_IFREG | 0600, 0) = EPERM`, noNewNames},
	{"corners", "/out/plain: mode 106755", "/out/plain: mode 100755", noSetuid},
	{"corners", `syscall(SYS_renameat2, AT_FDCWD, "/tmp/one", AT_FDCWD, "/tmp/two", 2 ) = 0`, `syscall(SYS_renameat2, AT_FDCWD, "/tmp/one", AT_FDCWD, "/tmp/two", 2 ) = EINVAL`, noExchange},
	{"corners", "lseek(fd, 0, SEEK_DATA) = 8192", "lseek(fd, 0, SEEK_DATA) = 0", noHoles},
	{"corners", "lseek(fd, 0, SEEK_HOLE) = 0", "lseek(fd, 0, SEEK_HOLE) = 16384", noHoles},
	{"corners", "lseek(fd, 2 * PAGE, SEEK_HOLE) = 12288", "lseek(fd, 2 * PAGE, SEEK_HOLE) = 16384", noHoles},
	{"corners", "and after a write to the file: 121", "and after a write to the file: 0", ownPages},
	{"process", "syscall(SYS_clone, 0x10000L, 0L, 0L, 0L, 0L) = EINVAL", "syscall(SYS_clone, 0x10000L, 0L, 0L, 0L, 0L) = ENOSYS", oneProcess},
	{"process", "syscall(435L, 0L, 0L) = EINVAL", "syscall(435L, 0L, 0L) = ENOSYS", oneProcess},
	{"process", "syscall(334L, 0L, 0L, 0L, 0L) = EINVAL", "syscall(334L, 0L, 0L, 0L, 0L) = ENOSYS", oneProcess},
	{"process", `syscall(SYS_execve, "/in/text", 0L, 0L) = EACCES`, `syscall(SYS_execve, "/in/text", 0L, 0L) = ENOSYS`, oneProcess},
	{"process", "syscall(SYS_socket, 2L, 1L, 0L) = 3", "syscall(SYS_socket, 2L, 1L, 0L) = ENOSYS", oneProcess},
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

// suiteLacks names the public test programs that do not pass in a cell, with
// what they need.
func suiteLacks() map[string]string {
	const proc = "the C library changes a file that it opened with O_PATH by /proc/self/fd, which a world does not have"
	return map[string]string{
		"test-fchmodat": proc,
		"test-lchmod":   proc,
		"test-fstatat":  noNewNames,
		"test-remove":   noNewNames,
	}
}
