package author

import (
	"fmt"
	"math/bits"
	"regexp"
	"strings"
	"time"

	"spaceos"
)

// What a restart has where nothing is said.
const (
	defaultAttempts = 3
	defaultDelay    = Duration(10 * time.Second)
)

// File is spaceos.yaml. The tags are: yaml, the key; need, it must be there;
// enum and pattern, what is allowed; doc, what an editor shows.
type File struct {
	Name        string            `yaml:"name" need:"true" pattern:"^[a-z0-9-]{1,32}$" doc:"Name of the payload."`
	Version     string            `yaml:"version" need:"true" pattern:"^[0-9A-Za-z][0-9A-Za-z.-]{0,31}$" doc:"Version of the payload, in quotes if it looks like a number."`
	Tenant      string            `yaml:"tenant" need:"true" pattern:"^[a-z0-9-]{1,32}$" doc:"Whose payload it is, as the operator knows you."`
	Description string            `yaml:"description" doc:"What it does, on one line."`
	Licence     string            `yaml:"licence" pattern:"^[0-9A-Za-z .+()-]*$" doc:"SPDX licence expression, as MIT."`
	Source      Source            `yaml:"source" doc:"Where it was made from."`
	Program     string            `yaml:"program" need:"true" pattern:"^[^/].*$" doc:"Path of the static program; it is the same below /app."`
	Args        []string          `yaml:"args" doc:"Arguments, without the program's own name."`
	Env         map[string]string `yaml:"env" doc:"Environment, all of it: nothing is inherited."`
	Assets      []string          `yaml:"assets" doc:"Files and folders that lie beside the program below /app, at the same path as here."`
	Engine      string            `yaml:"engine" enum:"auto,kvm" doc:"What holds the cell; auto takes what the spacecraft has."`
	Limits      Limits            `yaml:"limits" doc:"What it may use; what is left out has a small default."`
	Start       []Start           `yaml:"start" doc:"What starts a run; without it, only an order from the ground."`
	Restart     Restart           `yaml:"restart" doc:"What becomes of it when a run has ended."`
	Services    []string          `yaml:"services" pattern:"^(position|time|camera/[a-z0-9-]{1,32})$" doc:"Files below /svc that it may use: position, time, camera/NAME."`
	Subjects    []string          `yaml:"subjects" enum:"files,poll,process,random,signals,time" doc:"Calls that it needs beyond memory, standard streams and exit."`
	Priority    int               `yaml:"priority" least:"1" most:"9" doc:"Of its products on the downlink: 1 is sent first."`
}

// Source is where a payload was made from.
type Source struct {
	Repository string `yaml:"repository" doc:"Address of the repository."`
	Commit     string `yaml:"commit" pattern:"^([0-9a-f]{40}|[0-9a-f]{64})$" doc:"Full name of the commit."`
}

// Limits are what a payload may use.
type Limits struct {
	Memory      Size     `yaml:"memory" doc:"Of a run: program, heap, page tables, /tmp."`
	CPUTime     Duration `yaml:"cpu-time" doc:"Processor time of a run."`
	WallTime    Duration `yaml:"wall-time" doc:"Time of a run."`
	Scratch     Size     `yaml:"scratch" doc:"Of /tmp, a part of memory."`
	Data        Size     `yaml:"data" doc:"Of /data, over all runs."`
	Products    Size     `yaml:"products" doc:"What a run may leave in /out."`
	ProductsDay Rate     `yaml:"products-per-day" doc:"What all runs of a day may leave in /out."`
	LogRate     Rate     `yaml:"log-rate" doc:"Of standard output and error."`
}

// Start is one thing that starts a run.
type Start struct {
	On     string   `yaml:"on" need:"true" enum:"frame,schedule,boot,order" doc:"What starts a run."`
	Camera string   `yaml:"camera" pattern:"^[a-z0-9-]{1,32}$" doc:"Whose frames, of on: frame."`
	Every  Duration `yaml:"every" doc:"Time between two starts, of on: schedule."`
}

// Restart says what becomes of a payload whose run has ended.
type Restart struct {
	When     string   `yaml:"when" need:"true" enum:"never,on-failure,always" doc:"When it is started again."`
	Attempts int      `yaml:"attempts" least:"1" most:"100" doc:"How often in a row, of when: on-failure."`
	Delay    Duration `yaml:"delay" doc:"Before each."`
}

// A leaf is a quantity with a unit.
type leaf interface {
	set(text string) error
	pattern() string
	example() string
}

// Size is an amount of bytes, as 64MiB.
type Size spaceos.Bytes

func (s Size) bytes() spaceos.Bytes { return spaceos.Bytes(s) }

const sizePattern = "[0-9]*[1-9][0-9]* ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)"

func (s Size) pattern() string { return "^" + sizePattern + "$" }
func (s Size) example() string { return "64MiB" }

func (s *Size) set(text string) error {
	n, err := spaceos.ParseBytes(text)
	if err == nil && strings.Trim(text, "0123456789") == "" {
		return fmt.Errorf("%q has no unit: write one, as 64MiB", text)
	}
	*s = Size(n)
	return err
}

// Rate is bytes a day; shorter spans are written too.
type Rate spaceos.Bytes

func (r Rate) bytes() spaceos.Bytes { return spaceos.Bytes(r) }
func (r Rate) pattern() string      { return "^" + sizePattern + "/(day|hour|min|s)$" }
func (r Rate) example() string      { return "20kB/day" }

func (r *Rate) set(text string) error {
	amount, span, _ := strings.Cut(text, "/")
	perDay, ok := map[string]uint64{"day": 1, "hour": 24, "min": 24 * 60, "s": 24 * 3600}[span]
	if !ok {
		return fmt.Errorf("%q is no amount of bytes in a time: write one, as 20kB/day (also /hour, /min, /s)", text)
	}
	var size Size
	if err := size.set(amount); err != nil {
		return err
	}
	over, n := bits.Mul64(uint64(size), perDay)
	if over != 0 {
		return fmt.Errorf("%q is more than 64 bits hold", text)
	}
	*r = Rate(n)
	return nil
}

// Duration is a time, as 1.5s or 1h30m.
type Duration time.Duration

func (d Duration) time() time.Duration { return time.Duration(d) }

const durationPattern = `^([0-9]+(\.[0-9]+)?(h|m|s|ms))+$`

func (d Duration) pattern() string { return durationPattern }
func (d Duration) example() string { return "1.5s" }

func (d *Duration) set(text string) error {
	n, err := time.ParseDuration(text)
	if ok, _ := regexp.MatchString(durationPattern, text); err != nil || !ok {
		return fmt.Errorf("%q is no time: write a number and a unit of ms, s, m, h, as 1.5s", text)
	}
	*d = Duration(n)
	return nil
}
