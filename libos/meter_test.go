package libos

import (
	"testing"

	"golang.org/x/sys/unix"
)

// walkedMeter counts what takes a walk over all pages.
type walkedMeter struct {
	*fakeMachine
	walks int
}

func (m *walkedMeter) Usage() Usage {
	m.walks++
	return m.fakeMachine.Usage()
}

func TestCallsOnFilesWalkNoPages(t *testing.T) {
	meter := &walkedMeter{}
	g := bare(t, func(c *Config) {
		meter.fakeMachine = c.Memory.(*fakeMachine)
		c.Meter = meter
	})
	meter.walks = 0
	for _, path := range []string{"/tmp/f\x00", "/proc/meminfo\x00"} {
		g.poke(scratchPage, []byte(path))
		fd := g.must("open", scratchPage, unix.O_CREAT, 0o600)
		g.must("read", fd, scratchPage+PageSize, 100)
		g.must("close", fd)
	}
	if meter.walks != 0 {
		t.Errorf("%d walks over all pages for calls on files, want none", meter.walks)
	}
}
