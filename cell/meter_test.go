package cell

import (
	"testing"
	"time"
)

// A thread's day: turns of guest and of calls by turns, each with its time by
// the wall clock and by the processor.
func TestMeterTellsGuestFromCalls(t *testing.T) {
	const us, ms = time.Microsecond, time.Millisecond
	type span struct{ wall, cpu time.Duration }
	storm := make([]span, 2000)
	for i := range storm {
		storm[i] = span{45 * us, 45 * us}
		if i%2 == 1 {
			storm[i] = span{5 * us, 5 * us}
		}
	}
	for _, c := range []struct {
		name        string
		turns       []span // guest, call, guest, ...
		want        time.Duration
		most        int // readings of the CPU clock
		startedLate time.Duration
	}{
		{"a storm of brief calls reads no CPU clock", storm, 45 * ms, 0, 0},
		{"a loop that shares its processor", []span{{100 * ms, 50 * ms}, {5 * us, 5 * us}, {80 * ms, 30 * ms}}, 80 * ms, 2, 0},
		{"a call that waits", []span{{40 * us, 40 * us}, {2 * time.Second, 30 * us}, {40 * us, 40 * us}, {time.Second, 10 * us}, {10 * ms, 10 * ms}}, 10080 * us, 3, 0},
		{"a call that works", []span{{40 * us, 40 * us}, {5 * ms, 4 * ms}, {1 * ms, 1 * ms}}, 1040 * us, 2, 0},
		{"what the thread did before does not count", []span{{3 * ms, 2 * ms}}, 2 * ms, 1, 7 * ms},
	} {
		wall, cpu, guest, readings := c.startedLate, c.startedLate, time.Duration(0), 0
		m := cpuMeter{at: wall, cpu: cpu}
		for i, s := range c.turns {
			wall, cpu = wall+s.wall, cpu+s.cpu
			took := m.turn(wall, func() time.Duration { readings++; return cpu })
			if i%2 == 0 {
				guest += took
			}
		}
		if guest != c.want || readings > c.most {
			t.Errorf("%s: guest %v after %d readings of the CPU clock; want %v after at most %d", c.name, guest, readings, c.want, c.most)
		}
	}
}
