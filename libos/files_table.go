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

// openCalls are the calls on descriptors and pipes.
var openCalls = []call{
	{unix.SYS_OPEN, "open", SubjectFiles, []Arg{argPath, argOpen, argMode}, sysOpen},
	{unix.SYS_OPENAT, "openat", SubjectFiles, []Arg{argDirFD, argPath, argOpen, argMode}, sysOpenat},
	{unix.SYS_CREAT, "creat", SubjectFiles, []Arg{argPath, argMode}, sysCreat},
	{unix.SYS_CLOSE, "close", SubjectCore, []Arg{argFD}, sysClose},
	{unix.SYS_CLOSE_RANGE, "close_range", SubjectFiles, []Arg{{Name: "first", Kind: ArgUint}, {Name: "last", Kind: ArgUint}, argFlags}, sysCloseRange},
	{unix.SYS_DUP, "dup", SubjectFiles, []Arg{argFD}, sysDup},
	{unix.SYS_DUP2, "dup2", SubjectFiles, []Arg{argFD, {Name: "newfd", Kind: ArgFD}}, sysDup2},
	{unix.SYS_DUP3, "dup3", SubjectFiles, []Arg{argFD, {Name: "newfd", Kind: ArgFD}, argOpen}, sysDup3},
	{unix.SYS_FCNTL, "fcntl", SubjectFiles, []Arg{argFD, {Name: "cmd", Kind: ArgCommand}, {Name: "arg", Kind: ArgHex}}, sysFcntl},
	{unix.SYS_IOCTL, "ioctl", SubjectFiles, []Arg{argFD, {Name: "request", Kind: ArgCommand}, {Name: "arg", Kind: ArgStructIO, Size: 36}}, sysIoctl},
	{unix.SYS_FLOCK, "flock", SubjectFiles, []Arg{argFD, {Name: "operation", Kind: ArgInt}}, sysFlock},
	{unix.SYS_PIPE, "pipe", SubjectFiles, []Arg{{Name: "pipefd", Kind: ArgStructOut, Size: 8}}, sysPipe},
	{unix.SYS_PIPE2, "pipe2", SubjectFiles, []Arg{{Name: "pipefd", Kind: ArgStructOut, Size: 8}, argOpen}, sysPipe2},
}

// transferCalls are the calls that move bytes.
var transferCalls = []call{
	{unix.SYS_READ, "read", SubjectCore, []Arg{argFD, argBufOut, argCount}, sysRead},
	{unix.SYS_WRITE, "write", SubjectCore, []Arg{argFD, argBufIn, argCount}, sysWrite},
	{unix.SYS_PREAD64, "pread64", SubjectFiles, []Arg{argFD, argBufOut, argCount, argOffset}, sysPread64},
	{unix.SYS_PWRITE64, "pwrite64", SubjectFiles, []Arg{argFD, argBufIn, argCount, argOffset}, sysPwrite64},
	{unix.SYS_READV, "readv", SubjectCore, []Arg{argFD, argIovecOut, argIovcnt}, sysReadv},
	{unix.SYS_WRITEV, "writev", SubjectCore, []Arg{argFD, argIovecIn, argIovcnt}, sysWritev},
	{unix.SYS_PREADV, "preadv", SubjectFiles, []Arg{argFD, argIovecOut, argIovcnt, argOffset, argHigh}, sysPreadv},
	{unix.SYS_PWRITEV, "pwritev", SubjectFiles, []Arg{argFD, argIovecIn, argIovcnt, argOffset, argHigh}, sysPwritev},
	{unix.SYS_PREADV2, "preadv2", SubjectFiles, []Arg{argFD, argIovecOut, argIovcnt, argOffset, argHigh, argFlags}, sysPreadv2},
	{unix.SYS_PWRITEV2, "pwritev2", SubjectFiles, []Arg{argFD, argIovecIn, argIovcnt, argOffset, argHigh, argFlags}, sysPwritev2},
	{unix.SYS_LSEEK, "lseek", SubjectFiles, []Arg{argFD, argOffset, {Name: "whence", Kind: ArgWhence}}, sysLseek},
}

// statCalls are the calls that ask about a file.
var statCalls = []call{
	{unix.SYS_STAT, "stat", SubjectFiles, []Arg{argPath, argStat}, sysStat},
	{unix.SYS_LSTAT, "lstat", SubjectFiles, []Arg{argPath, argStat}, sysLstat},
	{unix.SYS_FSTAT, "fstat", SubjectCore, []Arg{argFD, argStat}, sysFstat},
	{unix.SYS_NEWFSTATAT, "newfstatat", SubjectFiles, []Arg{argDirFD, argPath, argStat, argAtFlags}, sysNewfstatat},
	{unix.SYS_STATX, "statx", SubjectFiles, []Arg{argDirFD, argPath, argAtFlags, {Name: "mask", Kind: ArgHex}, {Name: "statxbuf", Kind: ArgStructOut, Size: statxSize}}, sysStatx},
}

// folderCalls are the calls that are about folders.
var folderCalls = []call{
	{unix.SYS_GETDENTS, "getdents", SubjectFiles, []Arg{argFD, {Name: "dirp", Kind: ArgBufOut}, argCount}, sysGetdents},
	{unix.SYS_GETDENTS64, "getdents64", SubjectFiles, []Arg{argFD, {Name: "dirp", Kind: ArgBufOut}, argCount}, sysGetdents64},
	{unix.SYS_GETCWD, "getcwd", SubjectFiles, []Arg{argBufOut, {Name: "size", Kind: ArgSize}}, sysGetcwd},
	{unix.SYS_CHDIR, "chdir", SubjectFiles, []Arg{argPath}, sysChdir},
	{unix.SYS_FCHDIR, "fchdir", SubjectFiles, []Arg{argFD}, sysFchdir},
	{unix.SYS_MKDIR, "mkdir", SubjectFiles, []Arg{argPath, argMode}, sysMkdir},
	{unix.SYS_MKDIRAT, "mkdirat", SubjectFiles, []Arg{argDirFD, argPath, argMode}, sysMkdirat},
	{unix.SYS_RMDIR, "rmdir", SubjectFiles, []Arg{argPath}, sysRmdir},
}

// nameCalls are the calls that change and read names.
var nameCalls = []call{
	{unix.SYS_UNLINK, "unlink", SubjectFiles, []Arg{argPath}, sysUnlink},
	{unix.SYS_UNLINKAT, "unlinkat", SubjectFiles, []Arg{argDirFD, argPath, argAtFlags}, sysUnlinkat},
	{unix.SYS_RENAME, "rename", SubjectFiles, []Arg{{Name: "oldpath", Kind: ArgPath}, {Name: "newpath", Kind: ArgPath}}, sysRename},
	{unix.SYS_RENAMEAT, "renameat", SubjectFiles, []Arg{{Name: "olddirfd", Kind: ArgDirFD}, {Name: "oldpath", Kind: ArgPath}, {Name: "newdirfd", Kind: ArgDirFD}, {Name: "newpath", Kind: ArgPath}}, sysRenameat},
	{unix.SYS_RENAMEAT2, "renameat2", SubjectFiles, []Arg{{Name: "olddirfd", Kind: ArgDirFD}, {Name: "oldpath", Kind: ArgPath}, {Name: "newdirfd", Kind: ArgDirFD}, {Name: "newpath", Kind: ArgPath}, argFlags}, sysRenameat2},
	{unix.SYS_READLINK, "readlink", SubjectFiles, []Arg{argPath, argBufOut, {Name: "bufsiz", Kind: ArgSize}}, sysReadlink},
	{unix.SYS_READLINKAT, "readlinkat", SubjectFiles, []Arg{argDirFD, argPath, argBufOut, {Name: "bufsiz", Kind: ArgSize}}, sysReadlinkat},
	{unix.SYS_SYMLINK, "symlink", SubjectFiles, []Arg{{Name: "target", Kind: ArgString}, argPath}, sysSymlink},
	{unix.SYS_SYMLINKAT, "symlinkat", SubjectFiles, []Arg{{Name: "target", Kind: ArgString}, argDirFD, argPath}, sysSymlinkat},
	{unix.SYS_LINK, "link", SubjectFiles, []Arg{{Name: "oldpath", Kind: ArgPath}, {Name: "newpath", Kind: ArgPath}}, sysLink},
	{unix.SYS_LINKAT, "linkat", SubjectFiles, []Arg{{Name: "olddirfd", Kind: ArgDirFD}, {Name: "oldpath", Kind: ArgPath}, {Name: "newdirfd", Kind: ArgDirFD}, {Name: "newpath", Kind: ArgPath}, argAtFlags}, sysLinkat},
	{unix.SYS_MKNOD, "mknod", SubjectFiles, []Arg{argPath, argMode, {Name: "dev", Kind: ArgHex}}, sysMknod},
	{unix.SYS_MKNODAT, "mknodat", SubjectFiles, []Arg{argDirFD, argPath, argMode, {Name: "dev", Kind: ArgHex}}, sysMknodat},
}

// attributeCalls are the calls that change and check what is known of a file.
var attributeCalls = []call{
	{unix.SYS_ACCESS, "access", SubjectFiles, []Arg{argPath, argMode}, sysAccess},
	{unix.SYS_FACCESSAT, "faccessat", SubjectFiles, []Arg{argDirFD, argPath, argMode}, sysFaccessat},
	{unix.SYS_FACCESSAT2, "faccessat2", SubjectFiles, []Arg{argDirFD, argPath, argMode, argAtFlags}, sysFaccessat2},
	{unix.SYS_CHMOD, "chmod", SubjectFiles, []Arg{argPath, argMode}, sysChmod},
	{unix.SYS_FCHMOD, "fchmod", SubjectFiles, []Arg{argFD, argMode}, sysFchmod},
	{unix.SYS_FCHMODAT, "fchmodat", SubjectFiles, []Arg{argDirFD, argPath, argMode}, sysFchmodat},
	{unix.SYS_FCHMODAT2, "fchmodat2", SubjectFiles, []Arg{argDirFD, argPath, argMode, argAtFlags}, sysFchmodat2},
	{unix.SYS_UMASK, "umask", SubjectFiles, []Arg{argMode}, sysUmask},
	{unix.SYS_CHOWN, "chown", SubjectFiles, []Arg{argPath, {Name: "uid", Kind: ArgInt}, {Name: "gid", Kind: ArgInt}}, sysChown},
	{unix.SYS_LCHOWN, "lchown", SubjectFiles, []Arg{argPath, {Name: "uid", Kind: ArgInt}, {Name: "gid", Kind: ArgInt}}, sysLchown},
	{unix.SYS_FCHOWN, "fchown", SubjectFiles, []Arg{argFD, {Name: "uid", Kind: ArgInt}, {Name: "gid", Kind: ArgInt}}, sysFchown},
	{unix.SYS_FCHOWNAT, "fchownat", SubjectFiles, []Arg{argDirFD, argPath, {Name: "uid", Kind: ArgInt}, {Name: "gid", Kind: ArgInt}, argAtFlags}, sysFchownat},
	{unix.SYS_UTIMENSAT, "utimensat", SubjectFiles, []Arg{argDirFD, argPath, {Name: "times", Kind: ArgStructIn, Size: 32}, argAtFlags}, sysUtimensat},
	{unix.SYS_UTIME, "utime", SubjectFiles, []Arg{argPath, {Name: "times", Kind: ArgStructIn, Size: 16}}, sysUtime},
	{unix.SYS_UTIMES, "utimes", SubjectFiles, []Arg{argPath, {Name: "times", Kind: ArgStructIn, Size: 32}}, sysUtimes},
	{unix.SYS_FUTIMESAT, "futimesat", SubjectFiles, []Arg{argDirFD, argPath, {Name: "times", Kind: ArgStructIn, Size: 32}}, sysFutimesat},
	{unix.SYS_STATFS, "statfs", SubjectFiles, []Arg{argPath, {Name: "buf", Kind: ArgStructOut, Size: statfsSize}}, sysStatfs},
	{unix.SYS_FSTATFS, "fstatfs", SubjectFiles, []Arg{argFD, {Name: "buf", Kind: ArgStructOut, Size: statfsSize}}, sysFstatfs},
}

// spaceCalls are the calls that are about a file's space, and copies within the world.
var spaceCalls = []call{
	{unix.SYS_TRUNCATE, "truncate", SubjectFiles, []Arg{argPath, {Name: "length", Kind: ArgOffset}}, sysTruncate},
	{unix.SYS_FTRUNCATE, "ftruncate", SubjectFiles, []Arg{argFD, {Name: "length", Kind: ArgOffset}}, sysFtruncate},
	{unix.SYS_FALLOCATE, "fallocate", SubjectFiles, []Arg{argFD, argFlags, argOffset, {Name: "length", Kind: ArgOffset}}, sysFallocate},
	{unix.SYS_FSYNC, "fsync", SubjectFiles, []Arg{argFD}, sysFsync},
	{unix.SYS_FDATASYNC, "fdatasync", SubjectFiles, []Arg{argFD}, sysFsync},
	{unix.SYS_SYNC, "sync", SubjectFiles, nil, sysSync},
	{unix.SYS_SYNCFS, "syncfs", SubjectFiles, []Arg{argFD}, sysSyncfs},
	{unix.SYS_SYNC_FILE_RANGE, "sync_file_range", SubjectFiles, []Arg{argFD, argOffset, {Name: "length", Kind: ArgOffset}, argFlags}, sysSyncFileRange},
	{unix.SYS_FADVISE64, "fadvise64", SubjectFiles, []Arg{argFD, argOffset, {Name: "length", Kind: ArgOffset}, {Name: "advice", Kind: ArgInt}}, sysFadvise64},
	{unix.SYS_READAHEAD, "readahead", SubjectFiles, []Arg{argFD, argOffset, argCount}, sysReadahead},
	{unix.SYS_SENDFILE, "sendfile", SubjectFiles, []Arg{{Name: "fd_out", Kind: ArgFD}, {Name: "fd_in", Kind: ArgFD}, {Name: "offset", Kind: ArgStructIO, Size: 8}, argCount}, sysSendfile},
	{unix.SYS_COPY_FILE_RANGE, "copy_file_range", SubjectFiles, []Arg{{Name: "fd_in", Kind: ArgFD}, {Name: "off_in", Kind: ArgStructIO, Size: 8}, {Name: "fd_out", Kind: ArgFD}, {Name: "off_out", Kind: ArgStructIO, Size: 8}, argCount, argFlags}, sysCopyFileRange},
}

// pollCalls are the calls that wait for descriptors.
var pollCalls = []call{
	{unix.SYS_POLL, "poll", SubjectPoll, []Arg{{Name: "fds", Kind: ArgStructIO, Size: pollfdSize}, {Name: "nfds", Kind: ArgUint}, {Name: "timeout", Kind: ArgInt}}, sysPoll},
	{unix.SYS_PPOLL, "ppoll", SubjectPoll, []Arg{{Name: "fds", Kind: ArgStructIO, Size: pollfdSize}, {Name: "nfds", Kind: ArgUint}, {Name: "timeout", Kind: ArgStructIO, Size: 16}, {Name: "sigmask", Kind: ArgStructIn, Size: 8}, {Name: "sigsetsize", Kind: ArgUint}}, sysPpoll},
	{unix.SYS_SELECT, "select", SubjectPoll, []Arg{{Name: "nfds", Kind: ArgInt}, {Name: "readfds", Kind: ArgStructIO, Size: 128}, {Name: "writefds", Kind: ArgStructIO, Size: 128}, {Name: "exceptfds", Kind: ArgStructIO, Size: 128}, {Name: "timeout", Kind: ArgStructIO, Size: 16}}, sysSelect},
	{unix.SYS_PSELECT6, "pselect6", SubjectPoll, []Arg{{Name: "nfds", Kind: ArgInt}, {Name: "readfds", Kind: ArgStructIO, Size: 128}, {Name: "writefds", Kind: ArgStructIO, Size: 128}, {Name: "exceptfds", Kind: ArgStructIO, Size: 128}, {Name: "timeout", Kind: ArgStructIO, Size: 16}, {Name: "sigmask", Kind: ArgStructIn, Size: 16}}, sysPselect6},
}
