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
	for _, more := range [][]call{statCalls(), folderCalls(), nameCalls(), attributeCalls(), spaceCalls(), xattrCalls()} {
		rows = append(rows, more...)
	}
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

func folderCalls() []call {
	dirent := Arg{Name: "dirp", Kind: ArgBufOut}
	return []call{
		fileRow(unix.SYS_GETDENTS, "getdents", sysGetdents, argFD, dirent, argCount),
		fileRow(unix.SYS_GETDENTS64, "getdents64", sysGetdents64, argFD, dirent, argCount),
		fileRow(unix.SYS_GETCWD, "getcwd", sysGetcwd, argBufOut, Arg{Name: "size", Kind: ArgSize}),
		fileRow(unix.SYS_CHDIR, "chdir", sysChdir, argPath),
		fileRow(unix.SYS_FCHDIR, "fchdir", sysFchdir, argFD),
		fileRow(unix.SYS_MKDIR, "mkdir", sysMkdir, argPath, argMode),
		fileRow(unix.SYS_MKDIRAT, "mkdirat", sysMkdirat, argDirFD, argPath, argMode),
		fileRow(unix.SYS_RMDIR, "rmdir", sysRmdir, argPath),
	}
}

func nameCalls() []call {
	oldFD, oldPath := Arg{Name: "olddirfd", Kind: ArgDirFD}, Arg{Name: "oldpath", Kind: ArgPath}
	newFD, newPath := Arg{Name: "newdirfd", Kind: ArgDirFD}, Arg{Name: "newpath", Kind: ArgPath}
	target, dev := Arg{Name: "target", Kind: ArgString}, Arg{Name: "dev", Kind: ArgHex}
	size := Arg{Name: "bufsiz", Kind: ArgSize}
	return []call{
		fileRow(unix.SYS_UNLINK, "unlink", sysUnlink, argPath),
		fileRow(unix.SYS_UNLINKAT, "unlinkat", sysUnlinkat, argDirFD, argPath, argAtFlags),
		fileRow(unix.SYS_RENAME, "rename", sysRename, oldPath, newPath),
		fileRow(unix.SYS_RENAMEAT, "renameat", sysRenameat, oldFD, oldPath, newFD, newPath),
		fileRow(unix.SYS_RENAMEAT2, "renameat2", sysRenameat2, oldFD, oldPath, newFD, newPath, argFlags),
		fileRow(unix.SYS_READLINK, "readlink", sysReadlink, argPath, argBufOut, size),
		fileRow(unix.SYS_READLINKAT, "readlinkat", sysReadlinkat, argDirFD, argPath, argBufOut, size),
		fileRow(unix.SYS_SYMLINK, "symlink", sysSymlink, target, argPath),
		fileRow(unix.SYS_SYMLINKAT, "symlinkat", sysSymlinkat, target, argDirFD, argPath),
		fileRow(unix.SYS_LINK, "link", sysLink, oldPath, newPath),
		fileRow(unix.SYS_LINKAT, "linkat", sysLinkat, oldFD, oldPath, newFD, newPath, argAtFlags),
		fileRow(unix.SYS_MKNOD, "mknod", sysMknod, argPath, argMode, dev),
		fileRow(unix.SYS_MKNODAT, "mknodat", sysMknodat, argDirFD, argPath, argMode, dev),
	}
}

func attributeCalls() []call {
	uid, gid := Arg{Name: "uid", Kind: ArgInt}, Arg{Name: "gid", Kind: ArgInt}
	times := Arg{Name: "times", Kind: ArgStructIn, Size: 32}
	statfs := Arg{Name: "buf", Kind: ArgStructOut, Size: statfsSize}
	return []call{
		fileRow(unix.SYS_ACCESS, "access", sysAccess, argPath, argMode),
		fileRow(unix.SYS_FACCESSAT, "faccessat", sysFaccessat, argDirFD, argPath, argMode),
		fileRow(unix.SYS_FACCESSAT2, "faccessat2", sysFaccessat2, argDirFD, argPath, argMode, argAtFlags),
		fileRow(unix.SYS_CHMOD, "chmod", sysChmod, argPath, argMode),
		fileRow(unix.SYS_FCHMOD, "fchmod", sysFchmod, argFD, argMode),
		fileRow(unix.SYS_FCHMODAT, "fchmodat", sysFchmodat, argDirFD, argPath, argMode),
		fileRow(unix.SYS_FCHMODAT2, "fchmodat2", sysFchmodat2, argDirFD, argPath, argMode, argAtFlags),
		fileRow(unix.SYS_UMASK, "umask", sysUmask, argMode),
		fileRow(unix.SYS_CHOWN, "chown", sysChown, argPath, uid, gid),
		fileRow(unix.SYS_LCHOWN, "lchown", sysLchown, argPath, uid, gid),
		fileRow(unix.SYS_FCHOWN, "fchown", sysFchown, argFD, uid, gid),
		fileRow(unix.SYS_FCHOWNAT, "fchownat", sysFchownat, argDirFD, argPath, uid, gid, argAtFlags),
		fileRow(unix.SYS_UTIMENSAT, "utimensat", sysUtimensat, argDirFD, argPath, times, argAtFlags),
		fileRow(unix.SYS_UTIME, "utime", sysUtime, argPath, Arg{Name: "times", Kind: ArgStructIn, Size: 16}),
		fileRow(unix.SYS_UTIMES, "utimes", sysUtimes, argPath, times),
		fileRow(unix.SYS_FUTIMESAT, "futimesat", sysFutimesat, argDirFD, argPath, times),
		fileRow(unix.SYS_STATFS, "statfs", sysStatfs, argPath, statfs),
		fileRow(unix.SYS_FSTATFS, "fstatfs", sysFstatfs, argFD, statfs),
	}
}

func spaceCalls() []call {
	length := Arg{Name: "length", Kind: ArgOffset}
	offIn, offOut := Arg{Name: "off_in", Kind: ArgStructIO, Size: 8}, Arg{Name: "off_out", Kind: ArgStructIO, Size: 8}
	in, out := Arg{Name: "fd_in", Kind: ArgFD}, Arg{Name: "fd_out", Kind: ArgFD}
	return []call{
		fileRow(unix.SYS_TRUNCATE, "truncate", sysTruncate, argPath, length),
		fileRow(unix.SYS_FTRUNCATE, "ftruncate", sysFtruncate, argFD, length),
		fileRow(unix.SYS_FALLOCATE, "fallocate", sysFallocate, argFD, argFlags, argOffset, length),
		fileRow(unix.SYS_FSYNC, "fsync", sysFsync, argFD),
		fileRow(unix.SYS_FDATASYNC, "fdatasync", sysFsync, argFD),
		fileRow(unix.SYS_SYNC, "sync", sysSync),
		fileRow(unix.SYS_SYNCFS, "syncfs", sysSyncfs, argFD),
		fileRow(unix.SYS_SYNC_FILE_RANGE, "sync_file_range", sysSyncFileRange, argFD, argOffset, length, argFlags),
		fileRow(unix.SYS_FADVISE64, "fadvise64", sysFadvise64, argFD, argOffset, length, Arg{Name: "advice", Kind: ArgInt}),
		fileRow(unix.SYS_READAHEAD, "readahead", sysReadahead, argFD, argOffset, argCount),
		fileRow(unix.SYS_SENDFILE, "sendfile", sysSendfile, out, in, Arg{Name: "offset", Kind: ArgStructIO, Size: 8}, argCount),
		fileRow(unix.SYS_COPY_FILE_RANGE, "copy_file_range", sysCopyFileRange, in, offIn, out, offOut, argCount, argFlags),
	}
}

// pollCalls are the calls that wait for descriptors.
func pollCalls() []call {
	fds, nfds := Arg{Name: "fds", Kind: ArgStructIO, Size: pollfdSize}, Arg{Name: "nfds", Kind: ArgUint}
	set := func(name string) Arg { return Arg{Name: name, Kind: ArgStructIO, Size: 128} }
	timeout := Arg{Name: "timeout", Kind: ArgStructIO, Size: 16}
	n := Arg{Name: "nfds", Kind: ArgInt}
	rows := []call{
		fileRow(unix.SYS_POLL, "poll", sysPoll, fds, nfds, Arg{Name: "timeout", Kind: ArgInt}),
		fileRow(unix.SYS_PPOLL, "ppoll", sysPpoll, fds, nfds, timeout, Arg{Name: "sigmask", Kind: ArgStructIn, Size: 8}, Arg{Name: "sigsetsize", Kind: ArgUint}),
		fileRow(unix.SYS_SELECT, "select", sysSelect, n, set("readfds"), set("writefds"), set("exceptfds"), timeout),
		fileRow(unix.SYS_PSELECT6, "pselect6", sysPselect6, n, set("readfds"), set("writefds"), set("exceptfds"), timeout, Arg{Name: "sigmask", Kind: ArgStructIn, Size: 16}),
	}
	for i := range rows {
		rows[i].subject = SubjectPoll
	}
	return rows
}
