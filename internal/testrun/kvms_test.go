package main

import (
	"strings"
	"testing"
)

func TestBothKVMsAreCompared(t *testing.T) {
	passes := func(tally *tally, pkg, test string) {
		tally.add([]byte(`{"Action":"pass","Package":"` + pkg + `","Test":"` + test + `"}`))
	}
	tally := newTally()
	passes(tally, "spaceos/vmm", "TestFaults/divide")
	passes(tally, "spaceos/vmm", "TestFaults/int3")
	passes(tally, "spaceos/vmm", "TestFaults")
	passes(tally, "spaceos/vmm", "TestABI")
	passes(tally, "spaceos/internal/hostile", "TestGuests/instructions/together/hlt")
	passes(tally, "spaceos/internal/hostile", "TestGuests/paths/up")
	passes(tally, "spaceos/internal/hostile", "TestGuests/paths/fifo")
	passes(tally, "spaceos/internal/hostile", "TestGuests/storm/one")
	passes(tally, "spaceos/libos", "TestFaults/divide")
	const there = "spaceos/internal/hwkvm"
	passes(tally, there, "TestOnEmulatedSVM/vmm/TestFaults/divide")
	passes(tally, there, "TestOnEmulatedSVM/vmm/TestFaults/ring0")
	passes(tally, there, "TestOnEmulatedSVM/vmm/TestFaults")
	passes(tally, there, "TestOnEmulatedSVM/vmm")
	passes(tally, there, "TestOnEmulatedSVM/hostile/TestGuests/instructions/together/hlt")
	passes(tally, there, "TestArchive")
	tally.add([]byte(`{"Action":"output","Package":"` + there + `","Test":"TestOnEmulatedSVM/vmm","Output":"    a_test.go:7:     b_test.go:77: x is left out: it never ends\n"}`))
	var got strings.Builder
	tally.reportKVMs(&got)
	const want = `
passed on         both KVMs  only here  only there
hostile                   1          3           0
vmm                       1          1           1
only here: hostile TestGuests/paths: fifo up
only here: hostile TestGuests/storm/one
only here: vmm TestFaults/int3
only there: vmm TestFaults/ring0
vmm: tests not given to the other KVM: TestABI
x is left out: it never ends
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestNothingIsSaidOfOneKVM(t *testing.T) {
	tally := newTally()
	tally.add([]byte(`{"Action":"pass","Package":"spaceos/vmm","Test":"TestFaults"}`))
	var got strings.Builder
	if tally.reportKVMs(&got); got.Len() != 0 {
		t.Errorf("the other KVM did not run, and the report says %q", got.String())
	}
}
