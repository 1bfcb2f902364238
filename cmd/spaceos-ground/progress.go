package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"spaceos"
)

// progress says on a terminal how far a transfer is; elsewhere it says nothing.
type progress struct {
	out  io.Writer // nil if nobody looks
	next time.Time
	said bool
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	if !ok {
		return &progress{}
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return &progress{}
	}
	return &progress{out: out}
}

// show writes over what it wrote before, some times a second.
func (p *progress) show(done, total int64) {
	now := time.Now()
	if p.out == nil || total <= 0 || now.Before(p.next) {
		return
	}
	p.next, p.said = now.Add(100*time.Millisecond), true
	fmt.Fprintf(p.out, "\r\x1b[K%3d %%  %s of %s", done*100/total, spaceos.Bytes(done).Approx(), spaceos.Bytes(total).Approx())
}

// end takes the line away.
func (p *progress) end() {
	if p.said {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
