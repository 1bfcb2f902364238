// Package manifest is what a payload is and asks for: the document that a
// tenant's spaceos.yaml becomes, that lies in a sealed image, and that a
// spacecraft reads before it runs anything. It has one form, canonical JSON
// with every field in it, and one set of rules, Validate. It reads no YAML
// (manifest/author does, on the ground) and grants nothing: what is granted is
// the lease's part.
//
// Least privilege is the default: what is not asked for is not there, and what
// is not limited has a small limit.
//
//	m, err := manifest.Decode(config) // checked: all rules hold
//	if err := m.Limits.Within(lease); err != nil { ... }
package manifest

import (
	"time"

	"spaceos"
)

// Manifest is what one version of a payload is and asks for.
type Manifest struct {
	Name    string // of the payload
	Version string // of the payload, as an OCI tag may be written, but without "_"
	Tenant  string // whose it is

	Description string // a line or a paragraph; may be empty
	Licence     string // SPDX expression; may be empty
	Source      Source // where it was made from; may be empty

	Program string            // path below /app
	Args    []string          // without the program's own name
	Env     map[string]string // all of it: nothing is inherited
	Assets  []string          // files and folders below /app beside the program

	Engine Engine
	Limits spaceos.Limits

	Start   []Start // what starts a run; empty: an order from the ground alone
	Restart Restart

	Services []string // below /svc: "position", "time", "camera/NAME"
	Subjects []string // of the library OS's calls, beyond the core
	Priority int      // of its products on the downlink: 1 is sent first, 9 last
}

// Source is where a payload was made from.
type Source struct {
	Repository string // address
	Commit     string // its full hexadecimal name
}

// Engine says what holds the cell.
type Engine string

// The engines. EngineWasm and EngineProcess are known words without an engine
// behind them: Validate refuses them.
const (
	EngineAuto    Engine = "auto" // whatever the spacecraft has
	EngineKVM     Engine = "kvm"
	EngineWasm    Engine = "wasm"
	EngineProcess Engine = "process"
)

// Start is one thing that starts a run.
type Start struct {
	On     string        // OnFrame, OnSchedule, OnBoot or OnOrder
	Camera string        // whose frames; of OnFrame alone
	Every  time.Duration // between two starts, whole milliseconds; of OnSchedule alone
}

// What can start a run.
const (
	OnFrame    = "frame"    // a camera's frame, which is then in /in
	OnSchedule = "schedule" // again and again
	OnBoot     = "boot"     // the spacecraft's computer started
	OnOrder    = "order"    // the ground asked for it
)

// Restart says what becomes of a payload whose run has ended.
type Restart struct {
	When     string        // Never, OnFailure or Always
	Attempts int           // in a row, of OnFailure; 0 otherwise
	Delay    time.Duration // before each, whole milliseconds; 0 of Never
}

// When a run is restarted.
const (
	Never     = "never"
	OnFailure = "on-failure"
	Always    = "always" // for what a boot starts: a payload that goes on and on
)

// Subjects that can be switched on. What a C library needs to start, compute, log and end is the core and always
// there.
const (
	SubjectFiles   = "files"
	SubjectPoll    = "poll"
	SubjectProcess = "process"
	SubjectRandom  = "random"
	SubjectSignals = "signals"
	SubjectTime    = "time"
)

// Subjects lists them.
func Subjects() []string {
	return []string{SubjectFiles, SubjectPoll, SubjectProcess, SubjectRandom, SubjectSignals, SubjectTime}
}

// Services that every spacecraft may have; a camera's is "camera/" and its
// name.
const (
	ServicePosition = "position"
	ServiceTime     = "time"
	CameraPrefix    = "camera/"
)

// Default is a manifest that asks for nothing, with the limits that hold where
// none is asked for. Its name, version, tenant and program are empty, so it is
// not valid yet.
func Default() Manifest {
	return Manifest{
		Engine: EngineAuto,
		Limits: spaceos.Limits{
			Memory:      16 * spaceos.MiB,
			CPUTime:     10 * time.Second,
			WallTime:    time.Minute,
			Scratch:     spaceos.MiB,
			Data:        spaceos.MiB,
			Products:    spaceos.MiB,
			ProductsDay: 10 * spaceos.MiB,
			LogRate:     64 * spaceos.KiB,
		},
		Restart:  Restart{When: Never},
		Priority: 5,
	}
}
