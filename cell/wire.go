package cell

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"spaceos/libos"
)

// Descriptors that the runner starts with, beside the standard streams.
const (
	fdControl = 3 + iota // messages between owner and runner
	fdWorld              // the world's requests
	fdKVM                // /dev/kvm, opened by the owner
	fdProgram            // the program's file
)

// setup is the first message to the runner: what to run.
type setup struct {
	Path        []byte   // in the world; names and arguments need not be UTF-8, as JSON's strings must
	Args, Env   [][]byte // without the program's own name
	Size        int64    // of the program's file
	Seed        *uint64
	Clock       time.Time
	Frozen      bool
	NoHugePages bool
	// NotExecutable says that the file lacks the permission: the program is
	// refused when nothing worse is wrong with it.
	NotExecutable bool
	Trace         bool
}

// order is every later message to the runner.
type order struct {
	Signal int   // deliver it to the payload
	Stop   cause // end the run for this cause
}

// result is the one message from the runner: all it knows at the end.
type result struct {
	// Refused says why the program could not start, Broken why the machine
	// could not go on; both are "" for a run that ended by itself or by order.
	Refused, Broken string
	Cause           cause
	End             libos.End
	Host            hostInfo
	FirstRun        int64 // CLOCK_MONOTONIC in ns when the guest started, 0: never
	GuestCPU        time.Duration
	LibOS           time.Duration
	Exits           Exits
	Calls           map[string]uint64
	Unsupported     map[string]uint64
	Read, Written   map[string]uint64
	Mapped          uint64
	Backed, Touched uint64
	Resident        uint64
}

// Bounds of messages.
const (
	// maxMessage is for those to the runner: arguments and environment of exec(2)
	// are at most 6 MiB (bprm_stack_limits in Linux's fs/exec.c), and base64
	// makes four bytes of three.
	maxMessage = 16 << 20
	// maxResult is for the result, from a runner that is not trusted: Linux has
	// some 380 calls, whose names and counts, in either of two tables, take about
	// 50 bytes each: 40 KiB. The rest is room for a sentence with a path of
	// 4 KiB, each byte of which JSON may write in six.
	maxResult = 128 << 10
)

func toBytes(list []string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

func toStrings(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}

var errMessage = errors.New("cell: a message between owner and runner is malformed")

func writeMessage(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > maxMessage {
		return fmt.Errorf("%w: it has %d bytes", errMessage, len(body))
	}
	_, err = w.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}

// readMessage reads a message of at most some bytes.
func readMessage(r io.Reader, most uint32, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > most {
		return fmt.Errorf("%w: it claims %d bytes", errMessage, n)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return err
	}
	if len(body) != int(n) {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", errMessage, err)
	}
	return nil
}

// blocking is a descriptor used with plain system calls.
func blocking(fd int, name string) *os.File { return os.NewFile(uintptr(fd), name) }
