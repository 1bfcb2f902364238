package manifest

import (
	"fmt"
	"slices"
	"time"

	"spaceos/canonical"
)

// Bounds of a manifest, in bytes and in numbers of things.
const (
	MaxSize = 64 << 10 // of the canonical form

	maxDepth    = 4
	maxList     = 64   // arguments, variables, assets, services
	maxText     = 1000 // of a description, an argument, a variable's value
	maxTextLine = 200  // of a licence, an address
	maxPath     = 255
	maxVersion  = 32
	maxStarts   = 8
)

// schema names the form; another form will have another name.
const schema = "spaceos.manifest.v1"

// Canonical is the manifest's only written form: canonical JSON with every
// field in it. It refuses what Validate refuses.
func (m *Manifest) Canonical() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	type member = canonical.Member
	str, num := canonical.NewString, canonical.NewInt
	var env []member
	for name, value := range m.Env {
		env = append(env, member{Name: name, Value: str(value)})
	}
	var starts []canonical.Value
	for _, s := range m.Start {
		starts = append(starts, canonical.NewObject(
			member{Name: "on", Value: str(s.On)},
			member{Name: "camera", Value: str(s.Camera)},
			member{Name: "every-ms", Value: num(s.Every.Milliseconds())}))
	}
	text, err := canonical.Encode(canonical.NewObject(
		member{Name: "schema", Value: str(schema)},
		member{Name: "name", Value: str(m.Name)},
		member{Name: "version", Value: str(m.Version)},
		member{Name: "tenant", Value: str(m.Tenant)},
		member{Name: "description", Value: str(m.Description)},
		member{Name: "licence", Value: str(m.Licence)},
		member{Name: "source", Value: canonical.NewObject(
			member{Name: "repository", Value: str(m.Source.Repository)},
			member{Name: "commit", Value: str(m.Source.Commit)})},
		member{Name: "program", Value: str(m.Program)},
		member{Name: "args", Value: canonical.NewStrings(m.Args)},
		member{Name: "env", Value: canonical.NewObject(env...)},
		member{Name: "assets", Value: canonical.NewStrings(m.Assets)},
		member{Name: "engine", Value: str(string(m.Engine))},
		member{Name: "limits", Value: canonical.NewLimits(m.Limits)},
		member{Name: "start", Value: canonical.NewArray(starts...)},
		member{Name: "restart", Value: canonical.NewObject(
			member{Name: "when", Value: str(m.Restart.When)},
			member{Name: "attempts", Value: num(int64(m.Restart.Attempts))},
			member{Name: "delay-ms", Value: num(m.Restart.Delay.Milliseconds())})},
		member{Name: "services", Value: canonical.NewStrings(m.Services)},
		member{Name: "subjects", Value: canonical.NewStrings(m.Subjects)},
		member{Name: "priority", Value: num(int64(m.Priority))}))
	if err == nil && len(text) > MaxSize {
		return nil, &Error{"", fmt.Sprintf("the manifest would have %d bytes; at most %d are allowed", len(text), MaxSize)}
	}
	return text, err
}

// Decode reads the canonical form and nothing else, and checks every rule:
// what it gives is valid.
func Decode(data []byte) (Manifest, error) {
	if len(data) > MaxSize {
		return Manifest{}, fmt.Errorf("the manifest has %d bytes; at most %d are allowed", len(data), MaxSize)
	}
	v, err := canonical.Parse(data, maxDepth)
	if err != nil {
		return Manifest{}, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	f := v.Fields("manifest")
	f.Is("schema", schema)
	m := Manifest{
		Name: f.Str("name"), Version: f.Str("version"), Tenant: f.Str("tenant"),
		Description: f.Str("description"), Licence: f.Str("licence"),
		Program: f.Str("program"), Args: f.Strings("args", maxList), Env: environment(f.Object("env")),
		Assets: f.Strings("assets", maxList),
		Engine: Engine(f.Str("engine")), Limits: f.Limits("limits"),
		Services: f.Strings("services", maxList), Subjects: f.Strings("subjects", maxList),
		Priority: int(f.Int("priority", 1, 9)),
	}
	source := f.Object("source")
	m.Source = Source{source.Str("repository"), source.Str("commit")}
	for i, item := range f.Array("start", maxStarts) {
		start := f.Inner(fmt.Sprintf("start[%d]", i), item)
		m.Start = append(m.Start, Start{start.Str("on"), start.Str("camera"), millis(start, "every-ms")})
	}
	restart := f.Object("restart")
	m.Restart = Restart{restart.Str("when"), int(restart.Int("attempts", 0, maxAttempts)), millis(restart, "delay-ms")}
	if err := f.Done(); err != nil {
		return Manifest{}, err
	}
	if err := m.Validate(); err != nil {
		return Manifest{}, fmt.Errorf("the manifest breaks a rule: %w", err)
	}
	return m, nil
}

func environment(f *canonical.Fields) map[string]string {
	var env map[string]string
	for name := range f.Each(maxList) {
		if env == nil {
			env = map[string]string{}
		}
		env[name] = f.Str(name)
	}
	return env
}

func millis(f *canonical.Fields, name string) time.Duration {
	return time.Duration(f.Int(name, 0, maxTime.Milliseconds())) * time.Millisecond
}

// Environment lists the variables as K=V, sorted by name.
func (m *Manifest) Environment() []string {
	var list []string
	for name, value := range m.Env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
