package hostile

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// trap fills a folder of the host with what leads out of it, puts a secret
// beside it and at the end of each way, and swaps a folder with a link until
// the function that it returns is called.
func trap(t *testing.T, in string) (stop func()) {
	t.Helper()
	out := filepath.Join(filepath.Dir(in), "outside")
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		t.Helper()
		ok(os.MkdirAll(filepath.Dir(path), 0o755))
		ok(os.WriteFile(path, []byte(text), 0o644))
	}
	write(filepath.Join(filepath.Dir(in), "secret"), "the host's secret")
	write(filepath.Join(out, "secret"), "the host's secret")
	write(filepath.Join(out, "outside"), "")
	write(filepath.Join(in, "text"), "inside")
	write(filepath.Join(in, "folder", "secret_of_folder"), "inside")
	write(filepath.Join(in, "real", "secret"), "inside")
	ok(unix.Mkfifo(filepath.Join(in, "fifo"), 0o666))
	ok(unix.Mknod(filepath.Join(in, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	ok(unix.Mknod(filepath.Join(in, "kvm"), unix.S_IFCHR|0o666, int(unix.Mkdev(10, 232))))
	ok(unix.Mknod(filepath.Join(in, "disk"), unix.S_IFBLK|0o666, int(unix.Mkdev(7, 0))))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(in, "socket")})
	ok(err)
	for name, to := range map[string]string{
		"absolute": filepath.Join(out, "secret"), "relative": "../outside/secret", "climbing": "../../../../../../../../../../../etc/passwd",
		"loop": "loop", "ping": "pong", "pong": "ping", "to_kvm": "/dev/kvm", "to_fifo": "fifo", "to_proc": "/proc/1/environ", "to_root": "/",
		"to_absolute": "absolute", "tofolder": "folder", "swap": "real", "chain41": "text",
	} {
		ok(os.Symlink(to, filepath.Join(in, name)))
	}
	for i := range 41 { // Linux follows 40 (path_resolution(7))
		ok(os.Symlink("chain"+itoa(i+1), filepath.Join(in, "chain"+itoa(i))))
	}
	return swap(t, in, out, func() { listener.Close() })
}

func itoa(i int) string { return string(rune('0'+i/10)) + string(rune('0'+i%10)) }

// swap turns in/swap from a link that stays inside to one that leads out and to
// a folder, and back, until it is stopped.
func swap(t *testing.T, in, out string, closing func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		at, next := filepath.Join(in, "swap"), filepath.Join(in, "next")
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			to := "real"
			if i%2 == 0 {
				to = out
			}
			if err := os.Symlink(to, next); err != nil {
				t.Error(err)
				return
			}
			if err := os.Rename(next, at); err != nil {
				t.Error(err)
				return
			}
			// A folder under the name for a moment, which then moves away.
			if err := unix.Renameat2(unix.AT_FDCWD, at, unix.AT_FDCWD, filepath.Join(in, "real"), unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
			if err := unix.Renameat2(unix.AT_FDCWD, at, unix.AT_FDCWD, filepath.Join(in, "real"), unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		closing()
	}
}
