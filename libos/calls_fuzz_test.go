package libos

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"spaceos/world"
)

// FuzzCalls drives sequences of calls, faults, signals and the guest's own
// accesses over memory made of a map and a world in memory: every call of the
// table, with arguments of the kind that its row names, with answers of earlier
// calls, and with anything else. After each step the library OS must keep its
// books (fuzzGuest.check); at the end nothing of the host's may be left open.
func FuzzCalls(f *testing.F) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { null.Close() })
	in := f.TempDir()
	if err := os.WriteFile(filepath.Join(in, "f"), make([]byte, 3*PageSize+5), 0o644); err != nil {
		f.Fatal(err)
	}
	if err := os.Symlink("f", filepath.Join(in, "l")); err != nil {
		f.Fatal(err)
	}
	rows := tableRows()
	for i := range rows {
		var seed []byte
		for start := range byte(3) { // the kinds' values from three places on
			seed = append(seed, stepCall, byte(i))
			for j := range rows[i].args {
				seed = append(seed, start+byte(j))
			}
		}
		f.Add(seed)
	}
	for _, sequence := range fuzzSeeds(rows) {
		f.Add(sequence)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		before := openDescriptors(t)
		server, err := world.NewServer(world.Options{In: in, Clock: frozenClock(), OutBytes: 1 << 20, Files: 64})
		if err != nil {
			t.Fatal(err)
		}
		g := &fuzzGuest{guest: fuzzProcess(t, server, int(null.Fd())), rows: rows, input: input}
		g.prepare()
		g.run()
		g.p.Close()
		server.Close()
		if after := openDescriptors(t); after != before {
			t.Errorf("%d descriptors of the host are open after the run, %d before", after, before)
		}
	})
}

// tableRows are the calls of the table in the order of their numbers.
func tableRows() []call {
	var table callTable
	table.fill()
	var rows []call
	for _, c := range table {
		if c != nil {
			rows = append(rows, *c)
		}
	}
	return rows
}

// fuzzSeeds are sequences that lead deep: each step is a call by name with the
// bytes of its arguments.
func fuzzSeeds(rows []call) (seeds [][]byte) {
	number := map[string]byte{}
	for i, c := range rows {
		number[c.name] = byte(i)
	}
	type step struct {
		name string
		args []byte
	}
	const last = fuzzResults // the latest answer
	for _, steps := range [][]step{
		{{"openat", []byte{0, 0, 1, 0}}, {"write", []byte{last, 0, 5}}, {"lseek", []byte{last, 0, 0}}, {"read", []byte{last, 1, 6}}, {"ftruncate", []byte{3, 2}}, {"unlink", []byte{0}}, {"close", []byte{3}}},
		{{"mmap", []byte{0, 7, 3, 1, 0, 0}}, {"mprotect", []byte{last, 7, 1}}, {"madvise", []byte{last, 7, 4}}, {"mremap", []byte{last, 7, 8, 1, 0}}, {"munmap", []byte{last, 7}}},
		{{"rt_sigaction", []byte{10, 1, 2, 3}}, {"kill", []byte{2, 10}}, {"rt_sigreturn", nil}, {"sigaltstack", []byte{1, 2}}, {"kill", []byte{2, 10}}},
		{{"pipe2", []byte{1, 0}}, {"write", []byte{4, 0, 5}}, {"poll", []byte{1, 2, 1}}, {"splice", []byte{3, 0, 4, 0, 5, 0}}, {"tee", []byte{3, 4, 5, 0}}, {"close", []byte{3}}, {"write", []byte{4, 0, 5}}},
		{{"openat", []byte{0, 2, 0, 0}}, {"mmap", []byte{0, 7, 1, 2, 3, 0}}, {"getdents64", []byte{3, 0, 8}}, {"sendfile", []byte{1, 3, 0, 8}}, {"copy_file_range", []byte{3, 0, 1, 0, 8, 0}}},
		{{"mkdir", []byte{4, 0}}, {"rename", []byte{0, 4}}, {"chdir", []byte{4}}, {"rmdir", []byte{4}}, {"getcwd", []byte{0, 8}}, {"openat", []byte{0, 0, 1, 0}}},
		{{"brk", []byte{0}}, {"brk", []byte{last + 8}}, {"mlockall", []byte{3}}, {"brk", []byte{last + 16}}},
		{{"setrlimit", []byte{7, 3}}, {"dup", []byte{0}}, {"dup2", []byte{0, 6}}, {"close_range", []byte{3, 9, 0}}},
	} {
		var seed []byte
		for _, s := range steps {
			seed = append(append(seed, stepCall, number[s.name]), s.args...)
			for range len(rows[number[s.name]].args) - len(s.args) {
				seed = append(seed, 0)
			}
		}
		seeds = append(seeds, append(seed, stepTouch, 130, 1, stepFault, 13, stepSignal, 10))
	}
	return seeds
}

func frozenClock() *world.Clock { return world.NewClock(time.Unix(1_700_000_000, 0), true) }

// fuzzProcess is a process with the address space that Load would give, little
// memory, and a page of scratch memory as bare has it.
func fuzzProcess(t testing.TB, service world.Service, stream int) *guest {
	g := &guest{t: t, m: newFakeMachine(4 << 20)}
	seed := uint64(1)
	p, err := New(Config{
		Memory: g.m, Meter: g.m, World: service, Clock: frozenClock(), Entropy: world.NewEntropy(&seed),
		Stdin: stream, Stdout: stream, Stderr: stream,
		Path: "/app/prog", Args: []string{"prog"}, Trace: &g.trace, HideCycles: true, HugePages: true,
		Platform: Platform{CPUs: 1, SignalFrame: 1360, XFeatures: 7, XStateSize: 832},
	})
	if err != nil {
		t.Fatal(err)
	}
	g.p = p
	g.p.Main().Attach(g.m)
	g.p.layOut(&program{start: 0x40_0000, end: 0x40_1000}, make([]byte, 32))
	g.must("mmap", scratchPage, 16*PageSize, 3, 0x32, ^uint64(0), 0)
	return g
}

// openDescriptors counts those of this process.
func openDescriptors(t testing.TB) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
