package cell

import "time"

// cpuMeter tells the processor time of the guest from that of the calls that
// are served between its turns, on one thread.
//
// The thread's CPU clock is a system call, 2 us on a nested KVM, and a program
// that calls in a loop would pay for two of them with each call. The monotonic
// clock is a read of memory. A turn that is shorter than briefTurn by it had
// the processor all along, since losing it costs longer than that; so the CPU
// clock is read behind longer turns alone, and what the brief ones since the
// last reading took is taken off.
type cpuMeter struct {
	at    time.Duration // when the last turn ended, monotonic
	cpu   time.Duration // the CPU clock when it was read last
	brief time.Duration // the brief turns since
}

// briefTurn is less than a scheduler's slice (Linux: 700 us and more).
const briefTurn = 200 * time.Microsecond

// turn ends a turn at the monotonic time now, and gives its processor time.
func (m *cpuMeter) turn(now time.Duration, cpu func() time.Duration) time.Duration {
	took := now - m.at
	m.at = now
	if took < briefTurn {
		m.brief += took
		return took
	}
	read := cpu()
	took = max(0, read-m.cpu-m.brief)
	m.cpu, m.brief = read, 0
	return took
}
