package main

import "testing"

func TestOnlyTheEndOfTheTimeIsNoFault(t *testing.T) {
	const before = "fuzz: elapsed: 30s, execs: 90538 (0/sec), new interesting: 4 (total: 134)\n"
	for name, row := range map[string]struct {
		out  string
		want bool
	}{
		"the end of the time": {before + "--- FAIL: FuzzLoad (30.23s)\n    context deadline exceeded\nFAIL\nexit status 1\nFAIL\tspaceos/libos\t30.259s\n", true},
		"another target's":    {before + "--- FAIL: FuzzCalls (30.23s)\n    context deadline exceeded\nFAIL\n", false},
		"a failing input": {before + "--- FAIL: FuzzLoad (3.01s)\n    --- FAIL: FuzzLoad (0.00s)\n        elf_fuzz_test.go:20: context deadline exceeded\n    \n" +
			"    Failing input written to testdata/fuzz/FuzzLoad/1\nFAIL\n", false},
		"a test that waits in vain": {before + "--- FAIL: FuzzLoad (3.01s)\n    context deadline exceeded: waiting for a worker\nFAIL\n", false},
		"a seed that fails":         {"--- FAIL: FuzzLoad (0.01s)\n    --- FAIL: FuzzLoad/seed#0 (0.00s)\n        context deadline exceeded\nFAIL\n", false},
		"a panic":                   {before + "panic: x\n--- FAIL: FuzzLoad (30.23s)\n    context deadline exceeded\nFAIL\n", false},
	} {
		if got := (target{"FuzzLoad", "libos"}).onlyOverdue([]byte(row.out)); got != row.want {
			t.Errorf("%s: taken for the end of the time: %v, want %v", name, got, row.want)
		}
	}
}
