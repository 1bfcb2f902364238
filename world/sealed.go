package world

import (
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// SealedFile is one file of an image in /app.
type SealedFile struct {
	Path       string   // below /app: relative and clean
	File       *os.File // open for reading; all of it is the content
	Executable bool     // mode 0555, else 0444
}

// addSealed makes /app of the files of an image. Modes are as sealed, and all
// times are zero: where and when an image was stored is none of the payload's
// business.
func (s *Server) addSealed(o Options) error {
	m := s.mounts[MountApp]
	top := m.root.folder.(memFolder).n
	top.settleTimes()
	for _, f := range o.Sealed {
		if f.Path == "" || f.Path == "." || f.Path[0] == '/' || path.Clean(f.Path) != f.Path || f.Path == ".." || strings.HasPrefix(f.Path, "../") || len(f.Path) >= PathMax {
			return fmt.Errorf("a sealed file cannot stand at %.80q in /app: its path is to be relative and clean", f.Path)
		}
		dir, name := path.Split(f.Path)
		folder, err := top.folders(strings.TrimSuffix(dir, "/"))
		if err != nil {
			return err
		}
		if err := folder.addSealed(name, f, o); err != nil {
			return err
		}
	}
	return nil
}

// folders makes the folders of a path, "" for n itself.
func (n *memNode) folders(p string) (*memNode, error) {
	if p == "" {
		return n, nil
	}
	for name := range strings.SplitSeq(p, "/") {
		next := n.kids[name]
		if next == nil {
			next = n.mount.newNode(KindDir, 0555)
			next.kids = make(map[string]*memNode)
			next.settleTimes()
			n.kids[name] = next
			n.subs++
		}
		if next.kind != KindDir {
			return nil, fmt.Errorf("%.80q is both a file and a folder among the sealed files", p)
		}
		n = next
	}
	return n, nil
}

func (n *memNode) addSealed(name string, f SealedFile, o Options) error {
	if len(name) > NameMax || n.kids[name] != nil {
		return fmt.Errorf("the sealed file %.80q has a name that is too long, or is there twice", f.Path)
	}
	mode := uint32(0444)
	if f.Executable {
		mode = 0555
	}
	file := n.mount.newNode(KindFile, mode)
	file.settleTimes()
	file.memfd, file.sealed, file.program = int(f.File.Fd()), true, f.Path == o.ProgramName && o.Program != nil
	var st unix.Stat_t
	if err := unix.Fstat(file.memfd, &st); err != nil {
		return fmt.Errorf("the sealed file %.80q cannot be examined: %w", f.Path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("the sealed file %.80q is not a regular file on the host", f.Path)
	}
	n.kids[name] = file
	return nil
}

// settleTimes sets all times to the epoch's.
func (n *memNode) settleTimes() { n.atime, n.mtime, n.ctime = Timespec{}, Timespec{}, Timespec{} }
