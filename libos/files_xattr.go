package libos

import "golang.org/x/sys/unix"

// The world's files have no extended attributes: the calls check what Linux
// checks and then answer as on a file system without them (fs/xattr.c).
const (
	xattrNameMax = 255
	xattrSizeMax = 65536
)

// xattrTarget says how a call of the family names its file.
type xattrTarget uint8

const (
	xattrPath xattrTarget = iota
	xattrLink             // a path whose final link is not followed
	xattrFD
	xattrFDOrFolder // a descriptor or AT_FDCWD: path_setxattrat() and path_getxattrat()
)

// xattrNode finds the file of a call.
func (t *Thread) xattrNode(kind xattrTarget, first uint64) errno {
	fd := int(int32(first))
	if kind == xattrFDOrFolder && fd == unix.AT_FDCWD {
		return 0
	}
	if kind == xattrFD || kind == xattrFDOrFolder {
		_, e := t.p.files.get(fd)
		return e
	}
	n, e := t.p.node(unix.AT_FDCWD, first, false)
	if e != 0 {
		return e
	}
	_, e = t.p.statNode(n, kind == xattrLink)
	return e
}

// xattrName is import_xattr_name(): ERANGE for a name that is empty or too
// long.
func (t *Thread) xattrName(addr uint64) errno {
	name, e := t.p.copyString(addr, xattrNameMax+1)
	if e == unix.ENAMETOOLONG || e == 0 && name == "" {
		return unix.ERANGE
	}
	return e
}

// noAttribute makes getxattr and removexattr.
func noAttribute(kind xattrTarget) func(*Thread, args) (uint64, errno) {
	return func(t *Thread, a args) (uint64, errno) {
		e := t.xattrName(a[1])
		if e == 0 {
			e = t.xattrNode(kind, a[0])
		}
		return 0, cmpErrno(e, unix.EOPNOTSUPP)
	}
}

// setAttribute makes setxattr.
func setAttribute(kind xattrTarget) func(*Thread, args) (uint64, errno) {
	return func(t *Thread, a args) (uint64, errno) {
		if a.uint(4)&^(unix.XATTR_CREATE|unix.XATTR_REPLACE) != 0 {
			return 0, unix.EINVAL
		}
		if e := t.xattrName(a[1]); e != 0 {
			return 0, e
		}
		if a[3] > xattrSizeMax {
			return 0, unix.E2BIG
		}
		value := make([]byte, a[3])
		if t.p.copyIn(value, a[2]) < len(value) {
			return 0, unix.EFAULT
		}
		return 0, cmpErrno(t.xattrNode(kind, a[0]), unix.EOPNOTSUPP)
	}
}

// listAttributes makes listxattr, which finds none.
func listAttributes(kind xattrTarget) func(*Thread, args) (uint64, errno) {
	return func(t *Thread, a args) (uint64, errno) {
		return 0, t.xattrNode(kind, a[0])
	}
}

var xattrCalls = []call{
	{unix.SYS_SETXATTR, "setxattr", SubjectFiles, []Arg{argPath, {Name: "name", Kind: ArgString}, argBufIn, {Name: "size", Kind: ArgSize}, argFlags}, setAttribute(xattrPath)},
	{unix.SYS_LSETXATTR, "lsetxattr", SubjectFiles, []Arg{argPath, {Name: "name", Kind: ArgString}, argBufIn, {Name: "size", Kind: ArgSize}, argFlags}, setAttribute(xattrLink)},
	{unix.SYS_FSETXATTR, "fsetxattr", SubjectFiles, []Arg{argFD, {Name: "name", Kind: ArgString}, argBufIn, {Name: "size", Kind: ArgSize}, argFlags}, setAttribute(xattrFDOrFolder)},
	{unix.SYS_GETXATTR, "getxattr", SubjectFiles, []Arg{argPath, {Name: "name", Kind: ArgString}, argBufOut, {Name: "size", Kind: ArgSize}}, noAttribute(xattrPath)},
	{unix.SYS_LGETXATTR, "lgetxattr", SubjectFiles, []Arg{argPath, {Name: "name", Kind: ArgString}, argBufOut, {Name: "size", Kind: ArgSize}}, noAttribute(xattrLink)},
	{unix.SYS_FGETXATTR, "fgetxattr", SubjectFiles, []Arg{argFD, {Name: "name", Kind: ArgString}, argBufOut, {Name: "size", Kind: ArgSize}}, noAttribute(xattrFDOrFolder)},
	{unix.SYS_LISTXATTR, "listxattr", SubjectFiles, []Arg{argPath, argBufOut, {Name: "size", Kind: ArgSize}}, listAttributes(xattrPath)},
	{unix.SYS_LLISTXATTR, "llistxattr", SubjectFiles, []Arg{argPath, argBufOut, {Name: "size", Kind: ArgSize}}, listAttributes(xattrLink)},
	{unix.SYS_FLISTXATTR, "flistxattr", SubjectFiles, []Arg{argFD, argBufOut, {Name: "size", Kind: ArgSize}}, listAttributes(xattrFD)},
	{unix.SYS_REMOVEXATTR, "removexattr", SubjectFiles, []Arg{argPath, {Name: "name", Kind: ArgString}}, noAttribute(xattrPath)},
	{unix.SYS_LREMOVEXATTR, "lremovexattr", SubjectFiles, []Arg{argPath, {Name: "name", Kind: ArgString}}, noAttribute(xattrLink)},
	{unix.SYS_FREMOVEXATTR, "fremovexattr", SubjectFiles, []Arg{argFD, {Name: "name", Kind: ArgString}}, noAttribute(xattrFD)},
}
