package world

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
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

// TestTimesOfFilesAreTheWorlds: with a chosen clock, for files in memory and
// on the host. Nothing waits for a tick of the host's clock.
func TestTimesOfFilesAreTheWorlds(t *testing.T) {
	for _, folder := range []string{"/tmp", "/out"} {
		t.Run(folder[1:], func(t *testing.T) { timesAreTheWorlds(t, folder) })
	}
}

func timesAreTheWorlds(t *testing.T, folder string) {
	c := NewClock(launch, true)
	s := newWorld(t, Options{Clock: c, Out: t.TempDir()})
	want := func(when string, path string, mtime time.Time) {
		t.Helper()
		st := do(t, s, Request{Op: OpStat, Path: path}, 0).Stat
		if st.Mtime != timespec(mtime) || st.Ctime != timespec(c.Now()) && when != "later" {
			t.Errorf("%s %s: mtime %v ctime %v, want %v", path, when, st.Mtime, st.Ctime, timespec(mtime))
		}
	}
	h, fd := create(t, s, folder+"/f")
	want("created", folder+"/f", launch)
	want("after a creation in it", folder, launch)
	c.Sleep(time.Hour)
	want("later", folder+"/f", launch)
	do(t, s, Request{Op: OpStat, Path: folder + "/f"}, 0)
	write := func() {
		t.Helper()
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	write()
	want("written", folder+"/f", launch.Add(time.Hour))
	c.Sleep(time.Hour)
	want("later", folder+"/f", launch.Add(time.Hour))
	write()
	want("written again", folder+"/f", launch.Add(2*time.Hour))
	do(t, s, Request{Op: OpTruncate, Dir: h, Size: 0}, 0)
	want("truncated", folder+"/f", launch.Add(2*time.Hour))
	c.Sleep(time.Hour)
	do(t, s, Request{Op: OpUtimens, Path: folder + "/f", Times: [2]Time{{Omit: true}, {Sec: 7, Nsec: 8}}}, 0)
	want("after utimensat", folder+"/f", time.Unix(7, 8))
	do(t, s, Request{Op: OpUtimens, Dir: h, Times: [2]Time{{Omit: true}, {Now: true}}}, 0)
	want("after utimensat with UTIME_NOW", folder+"/f", launch.Add(3*time.Hour))
	do(t, s, Request{Op: OpUnlink, Path: folder + "/f"}, 0)
	want("after a removal in it", folder, launch.Add(3*time.Hour))
}

// TestTheOthersClockIsFollowed: what was written before the other side slept
// was written before.
func TestTheOthersClockIsFollowed(t *testing.T) {
	for _, folder := range []string{"/tmp", "/out"} {
		s := newWorld(t, Options{Clock: NewClock(launch, true), Out: t.TempDir()})
		_, fd := create(t, s, folder+"/f")
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			t.Fatal(err)
		}
		for _, up := range []time.Duration{time.Hour, time.Minute} { // it does not go back
			do(t, s, Request{Op: OpMkdir, Path: fmt.Sprint(folder, "/", up), Uptime: int64(up)}, 0)
		}
		for name, at := range map[string]time.Duration{"f": 0, "1h0m0s": time.Hour, "1m0s": time.Hour} {
			st := do(t, s, Request{Op: OpStat, Path: folder + "/" + name}, 0).Stat
			if want := timespec(launch.Add(at)); st.Mtime != want || st.Ctime != want {
				t.Errorf("%s/%s: mtime %v ctime %v, want %v", folder, name, st.Mtime, st.Ctime, want)
			}
		}
	}
}

// TestFilesFromBeforeShowOneTime: with a chosen clock, what was there at the
// start shows the time of its last change, and no other of the host's.
func TestFilesFromBeforeShowOneTime(t *testing.T) {
	old := unix.Timespec{Sec: 1_600_000_000, Nsec: 7}
	dirs := map[string]string{}
	for _, name := range []string{"in", "out"} {
		dirs[name] = t.TempDir()
		if err := os.MkdirAll(dirs[name]+"/d/e", 0o755); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/d/e", "/d", ""} {
			if err := unix.UtimesNanoAt(unix.AT_FDCWD, dirs[name]+path, []unix.Timespec{{Sec: 5}, old}, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := newWorld(t, Options{Clock: NewClock(launch, true), In: dirs["in"], Out: dirs["out"]})
	want := Timespec{old.Sec, old.Nsec}
	for _, path := range []string{"/in", "/in/d", "/in/d/e", "/out", "/out/d", "/out/d/e"} {
		if st := do(t, s, Request{Op: OpStat, Path: path}, 0).Stat; st.Atime != want || st.Mtime != want || st.Ctime != want {
			t.Errorf("%s: %v %v %v, want %v three times", path, st.Atime, st.Mtime, st.Ctime, want)
		}
	}
}

// TestEmptyFoldersBeginWithTheWorld: a folder for results is made anew for
// each run, and when must not show.
func TestEmptyFoldersBeginWithTheWorld(t *testing.T) {
	s := newWorld(t, Options{Clock: NewClock(launch, true), Out: t.TempDir(), Data: t.TempDir()})
	want := Timespec{launch.Unix(), int64(launch.Nanosecond())}
	for _, path := range []string{"/out", "/data"} {
		if st := do(t, s, Request{Op: OpStat, Path: path}, 0).Stat; st.Atime != want || st.Mtime != want || st.Ctime != want {
			t.Errorf("%s: %v %v %v, want %v three times", path, st.Atime, st.Mtime, st.Ctime, want)
		}
		create(t, s, path+"/f")
		if st := do(t, s, Request{Op: OpStat, Path: path}, 0).Stat; st.Atime != want || st.Mtime != want || st.Ctime != want {
			t.Errorf("%s, after a file was made: %v %v %v, want %v three times", path, st.Atime, st.Mtime, st.Ctime, want)
		}
	}
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

// A write shows in the file's times though the kernel's clock has not ticked
// since the write before it: times that were set are the memfd's own too.
func TestAWriteAfterSetTimesShows(t *testing.T) {
	s := newWorld(t, Options{})
	h, fd := openFD(t, s, "/tmp/f", unix.O_CREAT|unix.O_RDWR)
	if _, err := unix.Write(fd, []byte("x")); err != nil {
		t.Fatal(err)
	}
	do(t, s, Request{Op: OpUtimens, Dir: h, Times: [2]Time{{Sec: 5}, {Sec: 6}}}, 0)
	var own unix.Stat_t
	if err := unix.Fstat(fd, &own); err != nil {
		t.Fatal(err)
	}
	if own.Mtim.Sec != 6 {
		t.Errorf("the memfd's own time is %d, want the 6 that was set", own.Mtim.Sec)
	}
	if _, err := unix.Write(fd, []byte("y")); err != nil {
		t.Fatal(err)
	}
	if r := do(t, s, Request{Op: OpStat, Dir: h}, 0); r.Stat.Mtime.Sec < 1600000000 {
		t.Errorf("a write after times were set: modified at %d, want now", r.Stat.Mtime.Sec)
	}
}
