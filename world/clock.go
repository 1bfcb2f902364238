package world

import (
	"math"
	"sync"
	"time"
)

// Clock is the world's time: the host's, or one that starts at a chosen time
// and either runs on or moves only when the payload sleeps (frozen).
type Clock struct {
	mu     sync.Mutex
	start  time.Time     // the world's time at boot
	boot   time.Time     // the host's time at boot, with its monotonic reading
	frozen bool          // time passes only in Sleep
	slept  time.Duration // frozen: the sum of all sleeps
	chosen bool          // start was chosen
}

// NewClock starts a clock. A zero start is the host's time; frozen needs a
// start.
func NewClock(start time.Time, frozen bool) *Clock {
	now := time.Now()
	c := &Clock{start: start, boot: now, frozen: frozen, chosen: !start.IsZero()}
	if !c.chosen {
		c.start = now
	}
	return c
}

// Frozen says whether time passes only while the payload sleeps: then a sleep
// must not wait, but call Sleep.
func (c *Clock) Frozen() bool { return c.frozen }

// Chosen says whether the clock started at a chosen time: then no time of the
// host's shows in the world.
func (c *Clock) Chosen() bool { return c.chosen }

// Sleep lets d pass on a frozen clock; it ends at 292 years.
func (c *Clock) Sleep(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept += min(max(d, 0), math.MaxInt64-c.slept)
}

// Uptime is the time since the world's boot; it never goes back.
func (c *Clock) Uptime() time.Duration {
	if !c.frozen {
		return time.Since(c.boot)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slept
}

// Now is the time of day.
func (c *Clock) Now() time.Time {
	if !c.chosen {
		return time.Now()
	}
	return c.start.Add(c.Uptime())
}
