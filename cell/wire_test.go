package cell

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"spaceos/kvm"
	"spaceos/libos"
	"spaceos/vmm"
)

func frame(length uint32, body string) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, length), body...)
}

// body is a message without its length.
func body(t *testing.T, m message) []byte {
	t.Helper()
	var wire bytes.Buffer
	if err := writeMessage(&wire, m); err != nil {
		t.Fatal(err)
	}
	return wire.Bytes()[4:]
}

func TestMessagesArriveAsTheyWereSent(t *testing.T) {
	for _, c := range []struct {
		name string
		sent message
		got  message
	}{
		{"setup", &setup{Path: "/app/a", Args: []string{"x", "y"}, Env: []string{"K=V"}, Size: 7, Memory: 1 << 40, Seeded: true, Seed: math.MaxUint64,
			Host: vmm.Host{SyncRegs: true, SMAP: true, PhysBits: 48, XCR0: 7, XSaveSize: 832, FeaturesEDX: 1,
				CPUID: []kvm.CPUIDEntry{{Function: 7, EBX: math.MaxUint32}, {Function: 0xd, Index: 1, Flags: 1, EDX: 3}}},
			Clock: time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC), Frozen: true, NoHugePages: true, Trace: true, Subjects: 3}, &setup{}},
		{"setup of the least", &setup{Host: vmm.Host{CPUID: []kvm.CPUIDEntry{}}}, &setup{}},
		{"order to stop", &order{Stop: causeTimeout}, &order{}},
		{"order to signal", &order{Signal: 15}, &order{}},
		{"result", &result{End: libos.End{Signal: 11, OOM: true, Reason: "x",
			Fault: &libos.Fault{Trap: libos.Trap{Vector: 14, ErrorCode: 7, Addr: 1}, Addr: math.MaxUint64, Regs: libos.Regs{RFLAGS: 2}}}, Calls: map[string]uint64{"read": 1},
			FirstRun: math.MaxInt64, GuestCPU: time.Second}, &result{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var wire bytes.Buffer
			if err := writeMessage(&wire, c.sent); err != nil {
				t.Fatal(err)
			}
			// One byte at a time, as a socket may give it.
			if err := readMessage(iotest.OneByteReader(&wire), maxMessage, c.got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(c.got, c.sent) {
				t.Errorf("sent %+v\ngot  %+v", c.sent, c.got)
			}
			if wire.Len() != 0 {
				t.Errorf("%d bytes of the message were not read", wire.Len())
			}
		})
	}
}

// Arguments travel as they are: exec(2) allows bytes that are no UTF-8.
func TestMessagesKeepBytesThatAreNoText(t *testing.T) {
	args := []string{"\xff\xfe", "caf\xe9", "ok é", ""}
	sent := setup{Args: args}
	var wire bytes.Buffer
	if err := writeMessage(&wire, &sent); err != nil {
		t.Fatal(err)
	}
	var got setup
	if err := readMessage(&wire, maxMessage, &got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Args, args) {
		t.Errorf("sent %q, got %q", args, got.Args)
	}
}

func TestReadMessageRefuses(t *testing.T) {
	// Each of the numbers stands once in the message.
	const flags, features = "\x12\x00\x00\x00\x00\x00\x00\x00", "\x21\x43\x65\x07\x00\x00\x00\x00"
	whole := string(body(t, &setup{Path: "/app/a", Frozen: true, Trace: true, Host: vmm.Host{FeaturesEDX: 0x07654321}}))
	for _, field := range []string{flags, features} {
		if strings.Count(whole, field) != 1 {
			t.Fatalf("the field %q stands %d times in %q", field, strings.Count(whole, field), whole)
		}
	}
	for _, c := range []struct {
		name string
		wire []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"half a length", []byte{1, 0}, io.ErrUnexpectedEOF},
		{"a body cut short", frame(10, "ab"), io.ErrUnexpectedEOF},
		{"a length that nobody sends", frame(maxMessage+1, "ab"), errMessage},
		{"the greatest length", frame(math.MaxUint32, "ab"), errMessage},
		{"no fields", frame(0, ""), errMessage},
		{"half of the fields", frame(uint32(len(whole)/2), whole[:len(whole)/2]), errMessage},
		{"a byte too many", frame(uint32(len(whole)+1), whole+"x"), errMessage},
		{"a text longer than the message", frame(8, strings.Repeat("\xff", 8)), errMessage},
		{"a flag that does not exist", frame(uint32(len(whole)), strings.Replace(whole, flags, "\xff"+flags[1:], 1)), errMessage},
		{"a number that does not fit", frame(uint32(len(whole)), strings.Replace(whole, features, features[:7]+"\x01", 1)), errMessage},
		{"more leaves than KVM takes", frame(uint32(len(whole)), strings.Replace(whole, features+"\x00\x00", features+"\x01\x01", 1)), errMessage},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := readMessage(bytes.NewReader(c.wire), maxMessage, &setup{}); !errors.Is(err, c.want) {
				t.Errorf("%q: got %v, want %v", c.wire, err, c.want)
			}
		})
	}
}

// A length costs no memory before its bytes are there.
func TestReadMessageAllocatesWhatArrives(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := readMessage(bytes.NewReader(frame(maxMessage, "ab")), maxMessage, &setup{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("a claim of %d bytes with 2 bytes behind it allocated %d bytes", maxMessage, grown)
	}
}

func TestWriteMessageRefusesWhatReadMessageWould(t *testing.T) {
	var wire bytes.Buffer
	long := setup{Args: []string{strings.Repeat("a", maxMessage)}}
	if err := writeMessage(&wire, &long); !errors.Is(err, errMessage) || wire.Len() != 0 {
		t.Errorf("got %v and %d bytes, want %v and none", err, wire.Len(), errMessage)
	}
}

// The greatest honest result fits: every call that Linux may have was served
// and was not, and a refusal names a long path.
func TestResultHasRoom(t *testing.T) {
	counts := map[string]uint64{}
	for i := range 400 {
		counts[fmt.Sprintf("a_call_with_a_long_name_%d", i)] = math.MaxUint64
	}
	sent := result{Refused: strings.Repeat("\x01", 4096), Calls: counts, Unsupported: counts, Read: map[string]uint64{"/in": 1}}
	var wire bytes.Buffer
	if err := writeMessage(&wire, &sent); err != nil {
		t.Fatal(err)
	}
	size := wire.Len()
	var got result
	if err := readMessage(&wire, maxResult, &got); err != nil || !reflect.DeepEqual(got, sent) {
		t.Errorf("a result of %d bytes: %v", size, err)
	}
	if err := readMessage(bytes.NewReader(frame(maxResult+1, "ab")), maxResult, &got); !errors.Is(err, errMessage) {
		t.Errorf("a result of more: got %v, want %v", err, errMessage)
	}
}

func FuzzReadMessage(f *testing.F) {
	for _, v := range []message{&setup{Path: "/app/a", Args: []string{"b"}}, &order{Stop: causeKilled}, &result{Broken: "x", Calls: map[string]uint64{"read": 1}, End: libos.End{Fault: &libos.Fault{}}}} {
		var wire bytes.Buffer
		if err := writeMessage(&wire, v); err != nil {
			f.Fatal(err)
		}
		f.Add(wire.Bytes())
	}
	f.Add(frame(math.MaxUint32, "ab"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		for _, v := range []message{&setup{}, &order{}, &result{}} {
			r := bytes.NewReader(wire)
			if err := readMessage(r, maxMessage, v); err != nil {
				continue
			}
			if read, want := len(wire)-r.Len(), 4+int(binary.LittleEndian.Uint32(wire)); read != want {
				t.Errorf("%q: %d bytes were read of a message of %d", wire, read, want)
			}
			var again bytes.Buffer
			if err := writeMessage(&again, v); err != nil && !errors.Is(err, errMessage) {
				t.Errorf("%q: what was read cannot be written: %v", wire, err)
			} else if err == nil {
				back := reflect.New(reflect.TypeOf(v).Elem()).Interface().(message)
				if err := readMessage(&again, maxMessage, back); err != nil || !reflect.DeepEqual(back, v) {
					t.Errorf("%q: read as %+v, written and read again as %+v: %v", wire, v, back, err)
				}
			}
			if res, ok := v.(*result); ok {
				(&Report{}).fill(res, 0) // whatever a runner says, the owner lives
			}
		}
	})
}
