// Package world is what a payload can see and reach: a small file tree
// (/app /in /out /data /tmp and a few files that programs look for), clocks,
// entropy, and the quotas on all of them.
//
// The world has two sides. The Server lives in the process that owns the run;
// it alone opens, stats and lists paths of the host. The other side, in the
// process that holds the guest, is a Service: one method that takes a Request
// and gives a Response. A Service may be the Server itself (tests, engines
// without a process boundary) or a Client that carries the same requests over
// a socket; files that were opened come back as descriptors.
//
// The package knows nothing of system calls, guests or machines: package libos
// makes Linux out of it, and other personalities can stand beside that.
package world

import "syscall"

// Service answers one request at a time. It never blocks on a guest's account
// longer than the host's file system does.
type Service interface {
	Do(Request) Response
}

// Op says what a Request asks for.
type Op uint8

// The operations. "The node" is what (Dir, Path) names: Path is resolved from
// the folder Dir (or from the root if it starts with '/'); an empty Path names
// Dir itself, which may then be an open file too. Links are resolved inside
// the world, at most 40 of them. A final link is followed unless Flags has
// NoFollow (or the operation acts on the name itself: Unlink, Rmdir, Rename,
// Readlink, Mkdir).
const (
	OpInvalid  Op = iota
	OpOpen        // open or create the node: Flags (O_*), Mode -> Handle, Kind, FD (never in append mode: appending is the caller's), Stat, Text, Room
	OpClose       // forget Handle Dir; has no response worth waiting for
	OpStat        // -> Stat
	OpList        // folder Dir, entries from position Offset on -> Entries, "." and ".." first, then sorted by name; Size: the position behind the last
	OpReadlink    // -> Text
	OpMkdir       // Mode
	OpUnlink      // remove a file's name
	OpRmdir       // remove an empty folder
	OpRename      // Dir, Path to Dir2, Path2; Flags: Rename...
	OpTruncate    // Size; on an open file (Path empty) or by path
	OpGrow        // make room so that open file Dir may have Size bytes, to write from Offset on -> Size granted (less when the quota ends it, ENOSPC when none beyond Offset), Room
	OpAllocate    // fallocate: Flags as fallocate(2), Offset, Size
	OpChmod       // Mode
	OpUtimens     // Times
	OpAccess      // Mode: R_OK W_OK X_OK
	OpStatfs      // -> Statfs
	OpSync        // make open file or folder Dir durable on the host
	OpPath        // absolute path of the folder Dir -> Text; ENOENT when it was removed
	OpCreate      // symlink, link, mknod at the node: checks the path as Linux does, then EPERM
)

// Handle names an open file or folder; Root is the world's root folder and
// always open.
type Handle uint32

// Root is the handle of "/".
const Root Handle = 0

// Flags of Request beside the O_* of OpOpen.
const (
	NoFollow        uint32 = 1 << 0 // do not follow a final link
	RenameNoReplace uint32 = 1 << 1 // RENAME_NOREPLACE of renameat2(2)
	RenameExchange  uint32 = 1 << 2 // RENAME_EXCHANGE: checked, then refused (EINVAL)
	RenameWhiteout  uint32 = 1 << 3 // RENAME_WHITEOUT: the same
)

// Request is one question to the world. Which fields count is said at each Op.
type Request struct {
	Op     Op
	Dir    Handle
	Path   string // at most PathMax-1 bytes, no NUL
	Dir2   Handle
	Path2  string
	Flags  uint32
	Mode   uint32 // permission bits, umask already applied; or access mode
	Offset int64
	Size   int64
	Times  [2]Time // access, modification

	// Scratch is how many bytes /tmp, and /out and /data without a folder of
	// the host, may hold in all when this request is done: what the cell's
	// memory has left beside the guest's frames. Content counts in pages, and
	// each file or folder 1 KiB.
	Scratch int64

	// Uptime is how far a frozen clock has come on the sender's side, in
	// nanoseconds; the server's goes on to there. It never goes back.
	Uptime int64
}

// PathMax is Linux's PATH_MAX: bytes of a path with its NUL.
const PathMax = 4096

// NameMax is the longest name of one folder entry, in bytes.
const NameMax = 255

// MaxLinks is how many symbolic links one resolution follows before ELOOP
// (Linux: MAXSYMLINKS in include/linux/namei.h).
const MaxLinks = 40

// Time is a file time to set.
type Time struct {
	Omit bool // leave it (UTIME_OMIT)
	Now  bool // the world's clock (UTIME_NOW)
	Sec  int64
	Nsec int64
}

// Kind says how the bytes of an opened node are reached.
type Kind uint8

// The kinds of nodes.
const (
	KindFile    Kind = iota // FD is a descriptor of the host: a regular file
	KindDir                 // a folder; OpList
	KindText                // Text is the whole content, read-only
	KindNull                // /dev/null
	KindZero                // /dev/zero
	KindRandom              // /dev/urandom
	KindMaps                // /proc/self/maps, made by the library OS
	KindMeminfo             // /proc/meminfo, made by the library OS
	KindLink                // a symbolic link (entries and stats only)
)

// Response answers a Request. Errno is 0 for success.
type Response struct {
	Errno   syscall.Errno
	Handle  Handle
	Kind    Kind
	FD      int // owned by the receiver; -1: none
	Size    int64
	Stat    Stat
	Statfs  Statfs
	Entries []Entry
	Text    string
	Scratch int64 // bytes held now of what Request.Scratch limits

	// Room is the size to which the file may be written without OpGrow, 0: none,
	// for as long as answers show the same Epoch: another one ends all rooms. It
	// is for a world with one client, which waits for its answers.
	Room  int64
	Epoch uint64
}

// Stat is what stat(2) tells of a node. Device and inode numbers are the
// world's own; the owner is always 0:0.
type Stat struct {
	Dev, Ino uint64
	Mode     uint32 // type and permission bits as S_IF*
	Nlink    uint32
	Rdev     uint64
	Size     int64
	Blocks   int64 // of 512 bytes
	Blksize  int32
	Atime    Timespec
	Mtime    Timespec
	Ctime    Timespec
	Mount    Mount
}

// Timespec is seconds and nanoseconds since 1970.
type Timespec struct {
	Sec, Nsec int64
}

// Statfs is what statfs(2) tells of a mount.
type Statfs struct {
	Type          int64 // f_type magic
	Bsize         int64
	Blocks, Bfree uint64 // of Bsize
	Files, Ffree  uint64
	ReadOnly      bool
}

// Entry is one name in a folder, "." and ".." included.
type Entry struct {
	Name string
	Ino  uint64
	Kind Kind // KindFile, KindDir, KindLink, or a device's kind
}

// Mount says which part of the tree a node belongs to; reports count bytes by
// mount.
type Mount uint8

// The mounts.
const (
	MountNone Mount = iota // root, /dev, /proc, /sys, /etc: made by the world
	MountApp               // /app: the image's own files, read-only
	MountIn                // /in: this run's input, read-only
	MountOut               // /out: results
	MountData              // /data: persistent
	MountTmp               // /tmp: scratch, counted as memory
	mounts
)

// String gives the mount's path.
func (m Mount) String() string {
	switch m {
	case MountApp:
		return "/app"
	case MountIn:
		return "/in"
	case MountOut:
		return "/out"
	case MountData:
		return "/data"
	case MountTmp:
		return "/tmp"
	}
	return "/"
}
