package world

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// connect serves s over a socket and gives its client and Serve's result.
func connect(t testing.TB, s *Server) (*Client, int, chan error) {
	t.Helper()
	server, client, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	done, closed := make(chan error, 1), make(chan struct{})
	go func() {
		done <- s.Serve(server)
		unix.Close(server)
		close(closed)
	}()
	t.Cleanup(func() {
		unix.Shutdown(client, unix.SHUT_RDWR)
		unix.Close(client)
		<-closed
	})
	return NewClient(client), client, done
}

func TestClientSeesTheSameWorld(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir()})
	c, _, _ := connect(t, s)
	h, fd := openFD(t, c, "/out/f", unix.O_CREAT|unix.O_RDWR)
	if resp := do(t, c, Request{Op: OpGrow, Dir: h, Size: 3}, 0); resp.Size != 3 {
		t.Fatalf("granted %d, want 3", resp.Size)
	}
	if _, err := unix.Write(fd, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
		t.Error("a descriptor that was received is not closed on exec")
	}
	for _, r := range []Request{
		{Op: OpStat, Path: "/out/f"}, {Op: OpStat, Path: "/none"}, {Op: OpStat, Path: "/tmp/../dev/null"},
		{Op: OpStatfs, Path: "/out"}, {Op: OpList, Dir: Root}, {Op: OpPath, Dir: Root},
		{Op: OpReadlink, Path: "/out/f"}, {Op: OpAccess, Path: "/in", Mode: unix.W_OK},
	} {
		got, want := c.Do(r), s.Do(r)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: over the socket %+v, directly %+v", r, got, want)
		}
	}
	do(t, c, Request{Op: OpClose, Dir: h}, 0)
	do(t, c, Request{Op: OpStat, Dir: h}, unix.EBADF)
}

func TestLongListingsComeInPages(t *testing.T) {
	s := newWorld(t, Options{Files: 2000})
	c, _, _ := connect(t, s)
	const files = 1500
	long := strings.Repeat("n", NameMax-4)
	for i := range files {
		name := "/tmp/" + long + string([]byte{'0' + byte(i/1000), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)})
		do(t, c, Request{Op: OpMkdir, Path: name, Mode: 0755}, 0)
	}
	h, _ := openFD(t, c, "/tmp", unix.O_DIRECTORY)
	var names []string
	for {
		entries := do(t, c, Request{Op: OpList, Dir: h, Offset: int64(len(names))}, 0).Entries
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			names = append(names, e.Name)
		}
	}
	if len(names) != files+2 || names[0] != "." || names[1] != ".." {
		t.Fatalf("got %d names beginning with %q, want %d beginning with . and ..", len(names), names[:2], files+2)
	}
	for i := 3; i < len(names); i++ {
		if names[i-1] >= names[i] {
			t.Fatalf("names %d and %d are not in order: %q, %q", i-1, i, names[i-1], names[i])
		}
	}
}

func TestServeDropsWhoSendsGarbage(t *testing.T) {
	valid := appendRequest(nil, &Request{Op: OpStat, Path: "/"})
	for name, msg := range map[string][]byte{
		"one byte":             {1},
		"a request cut short":  valid[:len(valid)-1],
		"a byte too many":      append(append([]byte(nil), valid...), 0),
		"an unknown operation": append([]byte{200}, valid[1:]...),
		"operation 0":          append([]byte{0}, valid[1:]...),
		"a huge message":       make([]byte, 60<<10),
		"a path with a NUL":    appendRequest(nil, &Request{Op: OpStat, Path: "/a\x00b"}),
		"a path too long":      appendRequest(nil, &Request{Op: OpStat, Path: strings.Repeat("a", PathMax)}),
	} {
		t.Run(name, func(t *testing.T) {
			s := newWorld(t, Options{})
			c, fd, done := connect(t, s)
			if err := send(fd, msg, -1); err != nil {
				t.Fatal(err)
			}
			if err := wait(t, done); !errors.Is(err, ErrMessage) {
				t.Fatalf("Serve = %v, want ErrMessage", err)
			}
			do(t, c, Request{Op: OpStat, Path: "/"}, unix.EIO)
			do(t, s, Request{Op: OpStat, Path: "/"}, 0)
		})
	}
}

func TestManyConnectionsAtOnce(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir()})
	var wg sync.WaitGroup
	for i := range 4 {
		c, _, _ := connect(t, s)
		for j := range 2 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 200 {
					path := fmt.Sprintf("/%s/f%d%d", []string{"out", "tmp"}[j], i, j)
					resp := c.Do(Request{Op: OpOpen, Path: path, Flags: unix.O_CREAT | unix.O_EXCL | unix.O_RDWR, Scratch: roomy})
					if resp.Errno != 0 || resp.FD < 0 {
						t.Errorf("open %s: %v, descriptor %d", path, resp.Errno, resp.FD)
						return
					}
					unix.Close(resp.FD)
					c.Do(Request{Op: OpClose, Dir: resp.Handle, Scratch: roomy})
					if e := c.Do(Request{Op: OpUnlink, Path: path, Scratch: roomy}).Errno; e != 0 {
						t.Errorf("unlink %s: %v", path, e)
					}
				}
			}()
		}
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scratch != 0 || used(s, MountOut) != 0 {
		t.Errorf("%d bytes of scratch and %d of /out are counted when all is gone", s.scratch, used(s, MountOut))
	}
}

func wait(t *testing.T, done chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("Serve has not returned after 10 s")
	}
	return nil
}

func TestServeEndsWhenTheClientGoes(t *testing.T) {
	s := newWorld(t, Options{})
	server, client, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(server) }()
	c := NewClient(client)
	openFD(t, c, "/tmp/f", unix.O_CREAT)
	unix.Close(client)
	if err := wait(t, done); err != nil {
		t.Fatalf("Serve = %v, want nil", err)
	}
	unix.Close(server)
}

func TestDescriptorsSentToTheServerAreDropped(t *testing.T) {
	s := newWorld(t, Options{})
	c, fd, _ := connect(t, s)
	do(t, c, Request{Op: OpStat, Path: "/"}, 0)
	before := countFDs(t)
	for range 50 {
		if err := send(fd, appendRequest(nil, &Request{Op: OpStat, Path: "/"}), fd); err != nil {
			t.Fatal(err)
		}
		if _, err := c.receive(); err != nil {
			t.Fatal(err)
		}
	}
	if after := countFDs(t); after != before {
		t.Fatalf("%d descriptors are open after the messages, %d before", after, before)
	}
}

// TestClientWithoutFreeDescriptors answers an open by hand, while the process
// has no descriptor left for the file: the client must tell the guest so, and
// tell the server to forget the handle.
func TestClientWithoutFreeDescriptors(t *testing.T) {
	server, client, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(server)
	defer unix.Close(client)
	if err := send(server, appendResponse(nil, &Response{Handle: 9}), server); err != nil {
		t.Fatal(err)
	}
	free, err := unix.Dup(server)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(free)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = uint64(free)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	resp := NewClient(client).Do(Request{Op: OpOpen, Path: "/x"})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if resp.Errno != unix.EMFILE || resp.FD != -1 {
		t.Fatalf("got %v and descriptor %d, want EMFILE and -1", resp.Errno, resp.FD)
	}
	for _, want := range []Request{{Op: OpOpen, Path: "/x"}, {Op: OpClose, Dir: 9}} {
		buf := make([]byte, requestMax)
		n, err := receive(server, buf)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeRequest(buf[:n]); err != nil || got != want {
			t.Fatalf("the server was sent %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestClientEndsWithABrokenServer(t *testing.T) {
	good := appendResponse(nil, &Response{FD: -1})
	for name, c := range map[string]struct {
		msg  []byte
		with bool
	}{
		"garbage":                          {[]byte("garbage"), false},
		"a response cut short":             {good[:len(good)-1], false},
		"no descriptor where one was said": {appendResponse(nil, &Response{}), false},
		"a huge response":                  {make([]byte, responseMax+1), false},
		"garbage with a descriptor":        {[]byte{1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			server, client, err := Pair()
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(server)
			defer unix.Close(client)
			before := countFDs(t)
			with := -1
			if c.with {
				with = server
			}
			if err := send(server, c.msg, with); err != nil {
				t.Fatal(err)
			}
			cl := NewClient(client)
			for range 2 {
				if resp := cl.Do(Request{Op: OpOpen, Path: "/x"}); resp.Errno != unix.EIO || resp.FD != -1 {
					t.Fatalf("got %v and descriptor %d, want EIO and -1", resp.Errno, resp.FD)
				}
			}
			if after := countFDs(t); after != before {
				t.Fatalf("%d descriptors are open, %d before", after, before)
			}
		})
	}
}

func genRequest(t *rapid.T) Request {
	i64, u32 := rapid.Int64(), rapid.Uint32()
	text := rapid.StringMatching(`[^\x00]{0,200}`)
	tm := func() Time {
		return Time{rapid.Bool().Draw(t, "omit"), rapid.Bool().Draw(t, "now"), i64.Draw(t, "sec"), i64.Draw(t, "nsec")}
	}
	return Request{Op: Op(rapid.IntRange(1, int(OpCreate)).Draw(t, "op")),
		Dir: Handle(u32.Draw(t, "dir")), Path: text.Draw(t, "path"), Dir2: Handle(u32.Draw(t, "dir2")),
		Path2: text.Draw(t, "path2"), Flags: u32.Draw(t, "flags"), Mode: u32.Draw(t, "mode"),
		Offset: i64.Draw(t, "offset"), Size: i64.Draw(t, "size"), Times: [2]Time{tm(), tm()},
		Scratch: i64.Draw(t, "scratch")}
}

func TestRequestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genRequest(t)
		got, err := decodeRequest(appendRequest(nil, &want))
		if err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestResponseRoundTrip(t *testing.T) {
	i64, u64, u32 := rapid.Int64(), rapid.Uint64(), rapid.Uint32()
	kind := rapid.Custom(func(t *rapid.T) Kind { return Kind(rapid.IntRange(0, int(KindLink)).Draw(t, "kind")) })
	ts := rapid.Custom(func(t *rapid.T) Timespec { return Timespec{i64.Draw(t, "sec"), i64.Draw(t, "nsec")} })
	rapid.Check(t, func(t *rapid.T) {
		want := Response{Errno: errno(rapid.Uint16().Draw(t, "errno")), Handle: Handle(u32.Draw(t, "handle")),
			Kind: kind.Draw(t, "kind"), FD: rapid.IntRange(-1, 0).Draw(t, "fd"), Size: i64.Draw(t, "size"),
			Text: rapid.StringN(0, 300, 2000).Draw(t, "text"), Scratch: i64.Draw(t, "scratch"),
			Room: i64.Draw(t, "room"), Epoch: u64.Draw(t, "epoch"),
			Stat: Stat{u64.Draw(t, "dev"), u64.Draw(t, "ino"), u32.Draw(t, "mode"), u32.Draw(t, "nlink"), u64.Draw(t, "rdev"),
				i64.Draw(t, "size"), i64.Draw(t, "blocks"), rapid.Int32().Draw(t, "blksize"),
				ts.Draw(t, "atime"), ts.Draw(t, "mtime"), ts.Draw(t, "ctime"), Mount(rapid.IntRange(0, int(mounts)-1).Draw(t, "mount"))},
			Statfs: Statfs{i64.Draw(t, "type"), i64.Draw(t, "bsize"), u64.Draw(t, "blocks"), u64.Draw(t, "bfree"),
				u64.Draw(t, "files"), u64.Draw(t, "ffree"), rapid.Bool().Draw(t, "ro")},
		}
		for range rapid.IntRange(0, 20).Draw(t, "entries") {
			want.Entries = append(want.Entries, Entry{rapid.StringMatching(`[^\x00/]{1,60}`).Draw(t, "name"), u64.Draw(t, "ino"), kind.Draw(t, "kind")})
		}
		got, err := decodeResponse(appendResponse(nil, &want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(appendRequest(nil, &Request{Op: OpRename, Path: "a", Path2: "b", Flags: RenameNoReplace}))
	f.Add(appendResponse(nil, &Response{FD: -1, Text: "/x", Entries: []Entry{{"a", 1, KindDir}}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, msg []byte) {
		if r, err := decodeRequest(msg); err == nil {
			if again := appendRequest(nil, &r); string(again) != string(msg) {
				t.Errorf("request %x decodes to %+v, which encodes to %x", msg, r, again)
			}
		}
		if r, err := decodeResponse(msg); err == nil {
			if again := appendResponse(nil, &r); string(again) != string(msg) {
				t.Errorf("response %x decodes to %+v, which encodes to %x", msg, r, again)
			}
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	s := newWorld(b, Options{})
	c, _, _ := connect(b, s)
	for b.Loop() {
		if resp := c.Do(Request{Op: OpStat, Path: "/tmp"}); resp.Errno != 0 {
			b.Fatal(resp.Errno)
		}
	}
}

func BenchmarkOpenClose(b *testing.B) {
	s := newWorld(b, Options{Out: b.TempDir()})
	c, _, _ := connect(b, s)
	for b.Loop() {
		resp := c.Do(Request{Op: OpOpen, Path: "/out/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0644})
		if resp.Errno != 0 {
			b.Fatal(resp.Errno)
		}
		unix.Close(resp.FD)
		c.Do(Request{Op: OpClose, Dir: resp.Handle})
	}
}
