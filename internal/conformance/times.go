package conformance

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// setTimes gives everything in a folder, and the folder, the one fixed time;
// links get it themselves and are not followed.
func setTimes(dir string) error {
	times := []unix.Timespec{{Sec: epoch}, {Sec: epoch}}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return fmt.Errorf("cannot set the times of the files of a case: %w", err)
	}
	return nil
}
