package libos

import "golang.org/x/sys/unix"

// Arguments that many calls share.
var (
	argFD       = Arg{Name: "fd", Kind: ArgFD}
	argDirFD    = Arg{Name: "dirfd", Kind: ArgDirFD}
	argPath     = Arg{Name: "path", Kind: ArgPath}
	argBufIn    = Arg{Name: "buf", Kind: ArgBufIn}
	argBufOut   = Arg{Name: "buf", Kind: ArgBufOut}
	argCount    = Arg{Name: "count", Kind: ArgSize}
	argOffset   = Arg{Name: "offset", Kind: ArgOffset}
	argHigh     = Arg{Name: "offset_high", Kind: ArgHex}
	argIovecIn  = Arg{Name: "iov", Kind: ArgIovecIn}
	argIovecOut = Arg{Name: "iov", Kind: ArgIovecOut}
	argIovcnt   = Arg{Name: "iovcnt", Kind: ArgInt}
	argFlags    = Arg{Name: "flags", Kind: ArgHex}
	argAtFlags  = Arg{Name: "flags", Kind: ArgAtFlags}
	argMode     = Arg{Name: "mode", Kind: ArgMode}
	argOpen     = Arg{Name: "flags", Kind: ArgOpenFlags}
	argStat     = Arg{Name: "statbuf", Kind: ArgStructOut, Size: statSize}
)

// file makes a row of the table of calls.
func fileRow(nr uint32, name string, fn func(*Thread, args) (uint64, errno), list ...Arg) call {
	return call{nr: nr, name: name, subject: SubjectFiles, args: list, fn: fn}
}

// fileCalls are the calls on files, folders, descriptors and pipes.
func fileCalls() []call {
	rows := openCalls()
	rows = append(rows, transferCalls()...)
	rows = append(rows, statCalls()...)
	return rows
}

func openCalls() []call {
	return []call{
		fileRow(unix.SYS_OPEN, "open", sysOpen, argPath, argOpen, argMode),
		fileRow(unix.SYS_OPENAT, "openat", sysOpenat, argDirFD, argPath, argOpen, argMode),
		fileRow(unix.SYS_CREAT, "creat", sysCreat, argPath, argMode),
		fileRow(unix.SYS_CLOSE, "close", sysClose, argFD),
		fileRow(unix.SYS_CLOSE_RANGE, "close_range", sysCloseRange, Arg{Name: "first", Kind: ArgUint}, Arg{Name: "last", Kind: ArgUint}, argFlags),
		fileRow(unix.SYS_DUP, "dup", sysDup, argFD),
		fileRow(unix.SYS_DUP2, "dup2", sysDup2, argFD, Arg{Name: "newfd", Kind: ArgFD}),
		fileRow(unix.SYS_DUP3, "dup3", sysDup3, argFD, Arg{Name: "newfd", Kind: ArgFD}, argOpen),
		fileRow(unix.SYS_FCNTL, "fcntl", sysFcntl, argFD, Arg{Name: "cmd", Kind: ArgCommand}, Arg{Name: "arg", Kind: ArgHex}),
		fileRow(unix.SYS_IOCTL, "ioctl", sysIoctl, argFD, Arg{Name: "request", Kind: ArgCommand}, Arg{Name: "arg", Kind: ArgStructIO, Size: 36}),
		fileRow(unix.SYS_FLOCK, "flock", sysFlock, argFD, Arg{Name: "operation", Kind: ArgInt}),
		fileRow(unix.SYS_PIPE, "pipe", sysPipe, Arg{Name: "pipefd", Kind: ArgStructOut, Size: 8}),
		fileRow(unix.SYS_PIPE2, "pipe2", sysPipe2, Arg{Name: "pipefd", Kind: ArgStructOut, Size: 8}, argOpen),
	}
}

func transferCalls() []call {
	return []call{
		fileRow(unix.SYS_READ, "read", sysRead, argFD, argBufOut, argCount),
		fileRow(unix.SYS_WRITE, "write", sysWrite, argFD, argBufIn, argCount),
		fileRow(unix.SYS_PREAD64, "pread64", sysPread64, argFD, argBufOut, argCount, argOffset),
		fileRow(unix.SYS_PWRITE64, "pwrite64", sysPwrite64, argFD, argBufIn, argCount, argOffset),
		fileRow(unix.SYS_READV, "readv", sysReadv, argFD, argIovecOut, argIovcnt),
		fileRow(unix.SYS_WRITEV, "writev", sysWritev, argFD, argIovecIn, argIovcnt),
		fileRow(unix.SYS_PREADV, "preadv", sysPreadv, argFD, argIovecOut, argIovcnt, argOffset, argHigh),
		fileRow(unix.SYS_PWRITEV, "pwritev", sysPwritev, argFD, argIovecIn, argIovcnt, argOffset, argHigh),
		fileRow(unix.SYS_PREADV2, "preadv2", sysPreadv2, argFD, argIovecOut, argIovcnt, argOffset, argHigh, argFlags),
		fileRow(unix.SYS_PWRITEV2, "pwritev2", sysPwritev2, argFD, argIovecIn, argIovcnt, argOffset, argHigh, argFlags),
		fileRow(unix.SYS_LSEEK, "lseek", sysLseek, argFD, argOffset, Arg{Name: "whence", Kind: ArgWhence}),
	}
}

func statCalls() []call {
	return []call{
		fileRow(unix.SYS_STAT, "stat", sysStat, argPath, argStat),
		fileRow(unix.SYS_LSTAT, "lstat", sysLstat, argPath, argStat),
		fileRow(unix.SYS_FSTAT, "fstat", sysFstat, argFD, argStat),
		fileRow(unix.SYS_NEWFSTATAT, "newfstatat", sysNewfstatat, argDirFD, argPath, argStat, argAtFlags),
		fileRow(unix.SYS_STATX, "statx", sysStatx, argDirFD, argPath, argAtFlags, Arg{Name: "mask", Kind: ArgHex}, Arg{Name: "statxbuf", Kind: ArgStructOut, Size: statxSize}),
	}
}

func pollCalls() []call { return nil }
