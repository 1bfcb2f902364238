package cell

import (
	"slices"

	"golang.org/x/sys/unix"
)

// A given is a folder of the host that a run was given.
type given struct {
	flag, path string
	writable   bool
}

// A place tells a folder apart, whatever its path: inode(7), stat(2).
type place struct{ dev, ino uint64 }

// maxDepth bounds how far above a folder we look: as far as a path can lead.
const maxDepth = unix.PathMax / 2

// checkApart refuses a folder that the program may write to where it is
// another one that was given, lies in it, or holds it: the program would read
// what it writes, quotas would count it twice, and --out would not be the
// results alone. A folder that cannot be looked at is told by who opens it.
func (s *Spec) checkApart() error {
	if s.Out == "" && s.Data == "" {
		return nil
	}
	var folders []given
	for _, g := range [...]given{{"--out", s.Out, true}, {"--data", s.Data, true}, {"--in", s.In, false}, {"--app", s.App, false}} {
		if g.path != "" {
			folders = append(folders, g)
		}
	}
	if len(folders) < 2 {
		return nil
	}
	places := make([]place, len(folders))
	for i, g := range folders {
		places[i], _ = placeOf(g.path) // the zero place is none
	}
	var passed []place
	for i := range folders {
		var err error
		if passed, err = apart(folders, places, i, passed); err != nil {
			return err
		}
	}
	return nil
}

// apart goes from one folder up to the root, and looks for the others. It ends
// where another way came by, which found nothing above: those of writable
// folders come first, so that it looked for no less.
func apart(folders []given, places []place, inner int, passed []place) ([]place, error) {
	path, at := folders[inner].path, places[inner]
	for depth := 0; depth < maxDepth && at != (place{}); depth++ {
		for outer := range folders {
			if outer != inner && places[outer] == at && (folders[inner].writable || folders[outer].writable) {
				return nil, overlap(folders[inner], folders[outer], depth == 0)
			}
		}
		if slices.Contains(passed, at) {
			break
		}
		passed = append(passed, at)
		path += "/.." // of what a link leads to, since the kernel resolves it
		above, ok := placeOf(path)
		if !ok || above == at { // the root is above itself
			break
		}
		at = above
	}
	return passed, nil
}

func placeOf(path string) (place, bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return place{}, false
	}
	return place{st.Dev, st.Ino}, true
}

// overlap says what is wrong with two folders; one of them is writable.
func overlap(inner, outer given, same bool) error {
	mine := inner
	if !mine.writable {
		mine = outer
	}
	if same {
		return fail(StatusFailure, "%s %s and %s %s are the same folder, and the program may write to %s: give %s a folder of its own", inner.flag, inner.path, outer.flag, outer.path, mine.guest(), mine.flag)
	}
	return fail(StatusFailure, "%s %s lies inside %s %s, and the program may write to %s: give %s a folder of its own, apart from the others", inner.flag, inner.path, outer.flag, outer.path, mine.guest(), mine.flag)
}

// guest is where the program sees it.
func (g given) guest() string { return "/" + g.flag[len("--"):] }
