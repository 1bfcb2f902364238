package manifest

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"spaceos"
)

// ErrRule is in the chain of every error about a manifest that breaks a rule.
var ErrRule = errors.New("the manifest breaks a rule")

// Error is a rule that a manifest breaks.
type Error struct {
	Field string // as the manifest writes it: "limits.memory", "start[1].every"
	Text  string // the value and what is allowed
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}

// Is makes every Error an ErrRule.
func (e *Error) Is(target error) bool { return target == ErrRule }

func wrong(field, format string, args ...any) error {
	return &Error{field, fmt.Sprintf(format, args...)}
}

// Validate checks every rule, and gives the first that is broken as an *Error.
func (m *Manifest) Validate() error {
	for _, check := range []func(*Manifest) error{
		(*Manifest).checkNames, (*Manifest).checkSource, (*Manifest).checkFiles, (*Manifest).checkArgs,
		(*Manifest).checkEngine, (*Manifest).checkLimits, (*Manifest).checkStart, (*Manifest).checkRestart,
		(*Manifest).checkServices, (*Manifest).checkSubjects,
	} {
		if err := check(m); err != nil {
			return err
		}
	}
	if m.Priority < 1 || m.Priority > 9 {
		return wrong("priority", "%d is none: write 1 (sent first) to 9 (sent last)", m.Priority)
	}
	return nil
}

func (m *Manifest) checkNames() error {
	for _, f := range []struct{ field, name string }{{"name", m.Name}, {"tenant", m.Tenant}} {
		if err := spaceos.ValidName(f.name); err != nil {
			return wrong(f.field, "%v", err)
		}
	}
	if len(m.Version) > maxVersion || m.Version == "" || !only(m.Version, ".-") || strings.IndexByte(".-", m.Version[0]) >= 0 {
		return wrong("version", "%.40q is no version: write 1 to %d letters, digits, dots and hyphens, a letter or digit first, as 1.0.0 (an underscore parts name and version where they are signed)", m.Version, maxVersion)
	}
	return nil
}

// only says whether a text is of ASCII letters, digits and some others.
func only(s, others string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	})
}

func (m *Manifest) checkSource() error {
	if err := text("description", m.Description, maxText); err != nil {
		return err
	}
	if len(m.Licence) > maxTextLine || !only(m.Licence, " .-+()") {
		return wrong("licence", "%.40q is no SPDX licence expression: write one of at most %d characters, as MIT or Apache-2.0 OR ISC", m.Licence, maxTextLine)
	}
	if at := m.Source.Repository; len(at) > maxTextLine || !only(at, "-._~:/?#[]@!$&'()*+,;=%") {
		return wrong("source.repository", "%.40q is no address: write one of at most %d characters, as https://example.org/project", at, maxTextLine)
	}
	if c := m.Source.Commit; c != "" && (len(c) != 40 && len(c) != 64 || strings.Trim(c, "0123456789abcdef") != "") {
		return wrong("source.commit", "%.80q is no commit's full name: write its 40 or 64 hexadecimal digits, as git rev-parse HEAD prints them", c)
	}
	return nil
}

// text checks words for people and programs: UTF-8 without control characters.
func text(field, s string, most int) error {
	switch {
	case len(s) > most:
		return wrong(field, "it has %d bytes; at most %d are allowed", len(s), most)
	case !utf8.ValidString(s):
		return wrong(field, "%.40q is not UTF-8", s)
	case strings.ContainsFunc(s, unicode.IsControl): // C1 and DEL too: terminals obey them
		return wrong(field, "%.40q has control characters in it, such as line ends: write it on one line", s)
	}
	return nil
}

func (m *Manifest) checkFiles() error {
	if m.Program == "" {
		return wrong("program", "it is missing: write the path of the program, as hello")
	}
	if err := ValidPath(m.Program); err != nil {
		return wrong("program", "%v", err)
	}
	if len(m.Assets) > maxList {
		return wrong("assets", "%d are named; at most %d are allowed: name a folder for its files", len(m.Assets), maxList)
	}
	for i, asset := range m.Assets {
		field := fmt.Sprintf("assets[%d]", i)
		if err := ValidPath(asset); err != nil {
			return wrong(field, "%v", err)
		}
		if asset == m.Program {
			return wrong(field, "%q is the program, which is there anyway", asset)
		}
		for _, other := range m.Assets[:i] {
			if other == asset || strings.HasPrefix(asset, other+"/") || strings.HasPrefix(other, asset+"/") {
				return wrong(field, "%q names files that %q names too: leave one out", asset, other)
			}
		}
	}
	return nil
}

// ValidPath checks the path of a file or folder of an image: relative to /app
// and clean; each part of letters, digits and "._-+@=~,", which every file
// system, shell and tool holds the same.
func ValidPath(p string) error {
	switch {
	case p == "":
		return errors.New("the path is empty")
	case len(p) > maxPath:
		return fmt.Errorf("the path %.40q... has %d bytes; at most %d are allowed", p, len(p), maxPath)
	case p[0] == '/':
		return fmt.Errorf("the path %q is absolute: write it relative to the folder of spaceos.yaml, which becomes /app", p)
	case slices.Contains(strings.Split(p, "/"), ".."):
		return fmt.Errorf("the path %q leads out with \"..\": what is sealed lies in the folder of spaceos.yaml or below", p)
	case path.Clean(p) != p || p == ".":
		return fmt.Errorf("the path %q is not clean: write it without \".\", doubled slashes and a slash at the end", p)
	case !only(p, "/._-+@=~,"):
		return fmt.Errorf("the path %q has other characters than letters, digits and ._-+@=~, in it", p)
	}
	return nil
}

func (m *Manifest) checkArgs() error {
	if len(m.Args) > maxList {
		return wrong("args", "there are %d; at most %d are allowed", len(m.Args), maxList)
	}
	for i, arg := range m.Args {
		if err := text(fmt.Sprintf("args[%d]", i), arg, maxText); err != nil {
			return err
		}
	}
	if len(m.Env) > maxList {
		return wrong("env", "there are %d variables; at most %d are allowed", len(m.Env), maxList)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Env)) {
		if name == "" || len(name) > maxTextLine || !only(name, "_") || name[0] >= '0' && name[0] <= '9' {
			return wrong("env."+name[:min(len(name), 40)], "%.40q is no variable's name: write letters, digits and _, no digit first", name)
		}
		if err := text("env."+name, m.Env[name], maxText); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manifest) checkEngine() error {
	switch m.Engine {
	case EngineAuto, EngineKVM:
		return nil
	case EngineWasm, EngineProcess:
		return wrong("engine", "this version has no engine %q yet: write auto or kvm", m.Engine)
	}
	return wrong("engine", "%.40q is no engine: write auto or kvm", m.Engine)
}

// Bounds of limits and times.
const (
	minMemory   = spaceos.MiB
	maxMemory   = 16 * spaceos.GiB
	maxBytes    = 1<<53 - 1 // what canonical JSON holds
	maxTime     = 366 * 24 * time.Hour
	maxAttempts = 100
)

func (m *Manifest) checkLimits() error {
	l := &m.Limits
	for _, limit := range l.List() {
		field := "limits." + limit.Name
		switch {
		case limit.Value() == 0:
			return wrong(field, "%v lets nothing run: leave it out for the default, or write more", limit)
		case limit.Bytes != nil && *limit.Bytes > maxBytes:
			return wrong(field, "%v is more than can be held: at most %d bytes", limit, int64(maxBytes))
		case limit.Time != nil:
			if err := duration(field, *limit.Time); err != nil {
				return err
			}
		}
	}
	switch {
	case l.Memory < minMemory || l.Memory > maxMemory:
		return wrong("limits.memory", "%v is not between %v and %v", l.Memory, minMemory, maxMemory)
	case l.CPUTime > l.WallTime:
		return wrong("limits.cpu-time", "%v can never be used up within the wall-time of %v: a cell has one processor; lower the one or raise the other", l.CPUTime, l.WallTime)
	case l.Scratch > l.Memory:
		return wrong("limits.scratch", "%v is more than the memory of %v, and /tmp is a part of that: lower the one or raise the other", l.Scratch, l.Memory)
	case l.Products > l.ProductsDay:
		return wrong("limits.products", "%v of a run is more than the products-per-day of %v: lower the one or raise the other", l.Products, l.ProductsDay)
	}
	return nil
}

// duration checks a time that must be more than none.
func duration(field string, d time.Duration) error {
	switch {
	case d < time.Millisecond || d > maxTime:
		return wrong(field, "%v is not between %v and %v", d, time.Millisecond, maxTime)
	case d%time.Millisecond != 0:
		return wrong(field, "%v is finer than the millisecond in which times are counted", d)
	}
	return nil
}

func (m *Manifest) checkStart() error {
	if len(m.Start) > maxStarts {
		return wrong("start", "there are %d; at most %d are allowed", len(m.Start), maxStarts)
	}
	for i, s := range m.Start {
		field := fmt.Sprintf("start[%d]", i)
		if err := s.check(field, m.Limits.WallTime); err != nil {
			return err
		}
		if slices.Contains(m.Start[:i], s) {
			return wrong(field, "it says the same as one before it: leave it out")
		}
	}
	return nil
}

func (s Start) check(field string, wall time.Duration) error {
	switch s.On {
	case OnFrame:
		if s.Camera == "" {
			return wrong(field+".camera", "it is missing: write whose frames start a run")
		}
		if err := spaceos.ValidName(s.Camera); err != nil {
			return wrong(field+".camera", "%v", err)
		}
	case OnSchedule:
		if s.Every == 0 {
			return wrong(field+".every", "it is missing, and a schedule needs it: write the time between two starts, as 90m")
		}
		if err := duration(field+".every", s.Every); err != nil {
			return err
		}
		if s.Every < wall {
			return wrong(field+".every", "%v is shorter than the wall-time of a run, %v: the next would start before it ends", s.Every, wall)
		}
	case OnBoot, OnOrder:
	default:
		return wrong(field+".on", "%.40q starts nothing: write frame, schedule, boot or order", s.On)
	}
	if s.On != OnFrame && s.Camera != "" {
		return wrong(field+".camera", "%.40q has no meaning for a start on %s: it belongs to frame", s.Camera, s.On)
	}
	if s.On != OnSchedule && s.Every != 0 {
		return wrong(field+".every", "%v has no meaning for a start on %s: it belongs to schedule", s.Every, s.On)
	}
	return nil
}

func (m *Manifest) checkRestart() error {
	r := m.Restart
	switch r.When {
	case Never:
		if r.Delay != 0 {
			return wrong("restart.delay", "%v has no meaning where nothing is restarted: leave it out, or write on-failure", r.Delay)
		}
	case OnFailure:
		if r.Attempts < 1 || r.Attempts > maxAttempts {
			return wrong("restart.attempts", "%d is not between 1 and %d", r.Attempts, maxAttempts)
		}
	case Always:
		if !slices.Equal(m.Start, []Start{{On: OnBoot}}) {
			return wrong("restart.when", "always is for a payload that boot alone starts: write on-failure or never, or start: [{on: boot}]")
		}
	default:
		return wrong("restart.when", "%.40q is none: write never, on-failure or always", r.When)
	}
	if r.When != OnFailure && r.Attempts != 0 {
		return wrong("restart.attempts", "%d has no meaning with %s: it belongs to on-failure", r.Attempts, r.When)
	}
	if r.When != Never {
		return duration("restart.delay", r.Delay)
	}
	return nil
}

func (m *Manifest) checkServices() error {
	if len(m.Services) > maxList {
		return wrong("services", "there are %d; at most %d are allowed", len(m.Services), maxList)
	}
	for i, s := range m.Services {
		field := fmt.Sprintf("services[%d]", i)
		camera, isCamera := strings.CutPrefix(s, CameraPrefix)
		switch {
		case isCamera && spaceos.ValidName(camera) != nil:
			return wrong(field, "%v", spaceos.ValidName(camera))
		case !isCamera && s != ServicePosition && s != ServiceTime:
			return wrong(field, "%.40q is no service: write position, time or camera/NAME", s)
		case slices.Contains(m.Services[:i], s):
			return wrong(field, "%q is there twice", s)
		}
	}
	return nil
}

func (m *Manifest) checkSubjects() error {
	for i, s := range m.Subjects {
		field := fmt.Sprintf("subjects[%d]", i)
		switch {
		case s == "threads" || s == "net":
			return wrong(field, "this version has no %s in a cell yet: leave it out", s)
		case !slices.Contains(Subjects(), s):
			return wrong(field, "%.40q is no subject of calls: write some of %s", s, strings.Join(Subjects(), ", "))
		case slices.Contains(m.Subjects[:i], s):
			return wrong(field, "%q is there twice", s)
		}
	}
	if !slices.Contains(m.Subjects, SubjectFiles) {
		if len(m.Services) > 0 {
			return wrong("services", "services are files below /svc, and no calls for files are asked for: add files to subjects")
		}
		if len(m.Assets) > 0 {
			return wrong("assets", "assets are files below /app, and no calls for files are asked for: add files to subjects")
		}
	}
	return nil
}
