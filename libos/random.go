package libos

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// randomCalls are the calls of entropy.
var randomCalls = []call{
	{318, "getrandom", SubjectRandom, []Arg{{"buf", ArgBufOut, 0}, {"buflen", ArgSize, 0}, {"flags", ArgHex, 0}}, sysGetrandom},
}

// maxTransfer is MAX_RW_COUNT: no transfer moves more bytes at once.
const maxTransfer = 0x7fff_f000

// sysGetrandom is getrandom(2): drivers/char/random.c. The world's entropy is
// always ready, so nothing blocks.
func sysGetrandom(t *Thread, a args) (uint64, errno) {
	flags := a.uint(2)
	if flags&^(unix.GRND_NONBLOCK|unix.GRND_RANDOM|unix.GRND_INSECURE) != 0 ||
		flags&(unix.GRND_RANDOM|unix.GRND_INSECURE) == unix.GRND_RANDOM|unix.GRND_INSECURE {
		return 0, syscall.EINVAL
	}
	length := min(a[1], maxTransfer)
	if !accessOK(a[0], length) {
		return 0, syscall.EFAULT
	}
	done := uint64(0)
	for done < length {
		to := t.p.span(a[0]+done, length-done, ProtWrite)
		if to == nil {
			break
		}
		if _, err := io.ReadFull(t.p.cfg.Entropy, to); err != nil {
			t.p.fail("read entropy", err)
			break
		}
		done += uint64(len(to))
	}
	if done == 0 && length > 0 {
		return 0, syscall.EFAULT
	}
	return done, 0
}
