package world

import (
	"bytes"
	"encoding/hex"
	"io"
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

var launch = time.Date(2026, 6, 1, 12, 0, 0, 5, time.UTC)

func TestFrozenClockMovesOnlyInSleep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewClock(launch, true)
		if !c.Frozen() {
			t.Fatal("the clock is not frozen")
		}
		want := time.Duration(0)
		for range rapid.IntRange(0, 20).Draw(t, "sleeps") {
			d := time.Duration(rapid.Int64().Draw(t, "nanoseconds"))
			c.Sleep(d)
			if d > math.MaxInt64-want {
				d = math.MaxInt64 - want
			}
			want += max(d, 0)
			if up, now := c.Uptime(), c.Now(); up != want || !now.Equal(launch.Add(want)) {
				t.Fatalf("after sleeping %v: uptime %v, now %v, want %v and %v", d, up, now, want, launch.Add(want))
			}
		}
	})
}

func TestChosenClockRunsOn(t *testing.T) {
	c := NewClock(launch, false)
	up := c.Uptime()
	time.Sleep(2 * time.Millisecond)
	if now := c.Now(); now.Sub(launch) < up+2*time.Millisecond {
		t.Fatalf("2 ms later it is %v, %v after the start", now, now.Sub(launch))
	}
	if later := c.Uptime(); later < up+2*time.Millisecond {
		t.Fatalf("2 ms later the uptime is %v, it was %v", later, up)
	}
}

func TestClockWithoutAStartIsTheHosts(t *testing.T) {
	c := NewClock(time.Time{}, false)
	before, now, after := time.Now(), c.Now(), time.Now()
	if now.Before(before) || now.After(after) || c.Frozen() {
		t.Fatalf("now %v, want between %v and %v", now, before, after)
	}
}

func TestTimesOfFilesInMemoryAreTheWorlds(t *testing.T) {
	c := NewClock(launch, true)
	s := newWorld(t, Options{Clock: c})
	want := func(when string, path string, mtime time.Time) {
		t.Helper()
		st := do(t, s, Request{Op: OpStat, Path: path}, 0).Stat
		if st.Mtime != timespec(mtime) || st.Ctime != timespec(c.Now()) && when != "later" {
			t.Errorf("%s %s: mtime %v ctime %v, want %v", path, when, st.Mtime, st.Ctime, timespec(mtime))
		}
	}
	h, fd := create(t, s, "/tmp/f")
	want("created", "/tmp/f", launch)
	want("after a creation in it", "/tmp", launch)
	c.Sleep(time.Hour)
	want("later", "/tmp/f", launch)
	time.Sleep(20 * time.Millisecond) // beyond one tick of the host's file times
	if _, err := unix.Write(fd, []byte("x")); err != nil {
		t.Fatal(err)
	}
	want("written", "/tmp/f", launch.Add(time.Hour))
	c.Sleep(time.Hour)
	want("later", "/tmp/f", launch.Add(time.Hour))
	do(t, s, Request{Op: OpTruncate, Dir: h, Size: 0}, 0)
	want("truncated", "/tmp/f", launch.Add(2*time.Hour))
	c.Sleep(time.Hour)
	do(t, s, Request{Op: OpUtimens, Path: "/tmp/f", Times: [2]Time{{Omit: true}, {Sec: 7, Nsec: 8}}}, 0)
	want("after utimensat", "/tmp/f", time.Unix(7, 8))
	do(t, s, Request{Op: OpUtimens, Dir: h, Times: [2]Time{{Omit: true}, {Now: true}}}, 0)
	want("after utimensat with UTIME_NOW", "/tmp/f", launch.Add(3*time.Hour))
	do(t, s, Request{Op: OpUnlink, Path: "/tmp/f"}, 0)
	want("after a removal in it", "/tmp", launch.Add(3*time.Hour))
}

func TestTimesOfHostFilesCanBeSet(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir(), Clock: NewClock(launch, true)})
	h, _ := create(t, s, "/out/f")
	do(t, s, Request{Op: OpMkdir, Path: "/out/d", Mode: 0755}, 0)
	set := [2]Time{{Sec: 5, Nsec: 6}, {Now: true}}
	for _, r := range []Request{{Dir: h}, {Path: "/out/f"}, {Path: "/out/d"}, {Path: "/out/f", Flags: NoFollow}} {
		r.Op, r.Times = OpUtimens, set
		do(t, s, r, 0)
		r.Op = OpStat
		if st := do(t, s, r, 0).Stat; st.Atime != (Timespec{5, 6}) || st.Mtime != timespec(launch) {
			t.Errorf("%+v: atime %v mtime %v, want {5 6} and %v", r, st.Atime, st.Mtime, timespec(launch))
		}
	}
}

func TestEntropy(t *testing.T) {
	read := func(seed *uint64) []byte {
		b := make([]byte, 4096)
		if _, err := io.ReadFull(NewEntropy(seed), b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	one, two := uint64(1), uint64(2)
	if !bytes.Equal(read(&one), read(&one)) {
		t.Error("the same seed gives different streams")
	}
	for name, other := range map[string][]byte{"another seed": read(&two), "no seed": read(nil)} {
		if bytes.Equal(read(&one), other) {
			t.Errorf("%s gives the same stream", name)
		}
	}
	if bytes.Equal(read(nil), read(nil)) {
		t.Error("the host's entropy repeats itself")
	}
	const want = "ac58b53432d5479682e51cbaf394378b"
	if got := hex.EncodeToString(read(&one)[:16]); got != want {
		t.Errorf("seed 1 begins with %s, want %s: streams must never change", got, want)
	}
	split := NewEntropy(&one)
	var parts []byte
	for n := 1; len(parts) < 4096; n = n%37 + 1 {
		b := make([]byte, min(n, 4096-len(parts)))
		split.Read(b)
		parts = append(parts, b...)
	}
	if !bytes.Equal(parts, read(&one)) {
		t.Error("the stream depends on the sizes of the reads")
	}
}
