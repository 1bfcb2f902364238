package manifest_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spaceos"
	"spaceos/manifest"
)

// hello is the least that is valid.
func hello() manifest.Manifest {
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "hello", "1.0.0", "acme", "hello"
	return m
}

// full has something in every field.
func full() manifest.Manifest {
	m := hello()
	m.Description, m.Licence = "Finds clouds, \"well\"", "MIT OR ISC"
	m.Source = manifest.Source{Repository: "https://example.org/hello", Commit: strings.Repeat("ab", 20)}
	m.Args, m.Env = []string{"-v", "größe"}, map[string]string{"B": "2", "A": "1=1"}
	m.Assets, m.Engine = []string{"model/a.bin", "model/b"}, manifest.EngineKVM
	m.Start = []manifest.Start{{On: manifest.OnFrame, Camera: "nadir"}, {On: manifest.OnSchedule, Every: 90 * time.Minute}, {On: manifest.OnBoot}, {On: manifest.OnOrder}}
	m.Restart = manifest.Restart{When: manifest.OnFailure, Attempts: 3, Delay: 1500 * time.Millisecond}
	m.Services = []string{"position", "time", "camera/nadir"}
	m.Subjects = []string{"files", "time"}
	m.Priority = 1
	return m
}

const helloText = `{"args":[],"assets":[],"description":"","engine":"auto","env":{},"licence":"",` +
	`"limits":{"cpu-time-ms":10000,"data":1048576,"log-rate":65536,"memory":16777216,"products":1048576,"products-per-day":10485760,"scratch":1048576,"wall-time-ms":60000},` +
	`"name":"hello","priority":5,"program":"hello","restart":{"attempts":0,"delay-ms":0,"when":"never"},"schema":"spaceos.manifest.v1","services":[],` +
	`"source":{"commit":"","repository":""},"start":[],"subjects":[],"tenant":"acme","version":"1.0.0"}`

func TestCanonicalFormIsKept(t *testing.T) {
	m := hello()
	if got, err := m.Canonical(); err != nil || string(got) != helloText {
		t.Errorf("got %s, %v\nwant %s", got, err, helloText)
	}
	for name, m := range map[string]manifest.Manifest{"the least": hello(), "everything": full()} {
		text, err := m.Canonical()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := manifest.Decode(text)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: %s\nreads %+v, %v\nwant  %+v", name, text, got, err, m)
		}
	}
	m = full()
	if got, want := strings.Join(m.Environment(), " "), "A=1=1 B=2"; got != want {
		t.Errorf("environment %q, want %q", got, want)
	}
}

func TestDefaultAsksForNothing(t *testing.T) {
	m := manifest.Default()
	if len(m.Args)+len(m.Env)+len(m.Assets)+len(m.Start)+len(m.Services)+len(m.Subjects) > 0 || m.Restart.When != manifest.Never {
		t.Errorf("the default asks for something: %+v", m)
	}
	if err := m.Validate(); !errors.Is(err, manifest.ErrRule) {
		t.Errorf("the default is valid without a name: %v", err)
	}
}

// TestRules breaks each rule on its own.
func TestRules(t *testing.T) {
	type m = manifest.Manifest
	for name, c := range map[string]struct {
		change func(*m)
		want   string // field and a part of the sentence
	}{
		"no name":               {func(m *m) { m.Name = "" }, "name: the empty text is not a name"},
		"a name in capitals":    {func(m *m) { m.Name = "Hello" }, `name: "Hello" is not a name`},
		"a long name":           {func(m *m) { m.Name = strings.Repeat("a", 33) }, "name: "},
		"no tenant":             {func(m *m) { m.Tenant = "" }, "tenant: "},
		"a tenant with a slash": {func(m *m) { m.Tenant = "a/b" }, "tenant: "},
		"no version":            {func(m *m) { m.Version = "" }, "version: "},
		"a version with a plus": {func(m *m) { m.Version = "1+2" }, "version: "},
		"a version with a _":    {func(m *m) { m.Version = "1_2" }, "version: "},
		"a version .":           {func(m *m) { m.Version = "." }, "version: "},
		"a long version":        {func(m *m) { m.Version = strings.Repeat("1", 33) }, "version: "},
		"two lines":             {func(m *m) { m.Description = "a\nb" }, "description: "},
		"DEL":                   {func(m *m) { m.Args = []string{"\x7f"} }, "args[0]: "},
		"a C1 control":          {func(m *m) { m.Description = "\u009b31m" }, `description: "\u009b31m" has control characters`},
		"no UTF-8":              {func(m *m) { m.Description = "\xff" }, "description: "},
		"a long description":    {func(m *m) { m.Description = strings.Repeat("a", 1001) }, "description: it has 1001 bytes; at most 1000"},
		"a licence of symbols":  {func(m *m) { m.Licence = "MIT; drop" }, "licence: "},
		"an address with space": {func(m *m) { m.Source.Repository = "a b" }, "source.repository: "},
		"a short commit":        {func(m *m) { m.Source.Commit = "abcdef0" }, "source.commit: "},
		"a commit in capitals":  {func(m *m) { m.Source.Commit = strings.Repeat("AB", 20) }, "source.commit: "},
		"no program":            {func(m *m) { m.Program = "" }, "program: it is missing"},
		"an absolute program":   {func(m *m) { m.Program = "/bin/sh" }, `program: the path "/bin/sh" is absolute`},
		"a program outside":     {func(m *m) { m.Program = "../hello" }, `program: the path "../hello" leads out`},
		"a program outside too": {func(m *m) { m.Program = "a/../../hello" }, `leads out`},
		"a dot":                 {func(m *m) { m.Program = "./hello" }, "is not clean"},
		"a folder itself":       {func(m *m) { m.Program = "." }, "is not clean"},
		"a doubled slash":       {func(m *m) { m.Program = "a//b" }, "is not clean"},
		"a slash at the end":    {func(m *m) { m.Assets = []string{"a/"}; m.Subjects = []string{"files"} }, "assets[0]: "},
		"a space in a path":     {func(m *m) { m.Program = "my program" }, "other characters"},
		"a long path":           {func(m *m) { m.Program = strings.Repeat("a", 256) }, "at most 255"},
		"the program twice":     {func(m *m) { m.Assets = []string{"hello"} }, "assets[0]: "},
		"an asset twice":        {func(m *m) { m.Assets = []string{"a", "a"} }, "assets[1]: "},
		"an asset in another":   {func(m *m) { m.Assets = []string{"a", "a/b"} }, "assets[1]: "},
		"an asset over another": {func(m *m) { m.Assets = []string{"a/b", "a"} }, "assets[1]: "},
		"many assets":           {func(m *m) { m.Assets = make([]string, 65) }, "assets: 65 are named"},
		"assets without files":  {func(m *m) { m.Assets = []string{"a"} }, "assets: assets are files"},
		"an argument with NUL":  {func(m *m) { m.Args = []string{"a", "\x00"} }, "args[1]: "},
		"many arguments":        {func(m *m) { m.Args = make([]string, 65) }, "args: there are 65"},
		"a variable of nothing": {func(m *m) { m.Env = map[string]string{"": "x"} }, "env.: "},
		"a variable with =":     {func(m *m) { m.Env = map[string]string{"A=B": "x"} }, "env.A=B: "},
		"a variable with digit": {func(m *m) { m.Env = map[string]string{"1A": "x"} }, "env.1A: "},
		"a value with NUL":      {func(m *m) { m.Env = map[string]string{"A": "\x00"} }, "env.A: "},
		"an unknown engine":     {func(m *m) { m.Engine = "docker" }, `engine: "docker" is no engine: write auto or kvm`},
		"engine wasm":           {func(m *m) { m.Engine = "wasm" }, `engine: this version has no engine "wasm" yet`},
		"engine process":        {func(m *m) { m.Engine = "process" }, `engine: this version has no engine "process" yet`},
		"no memory":             {func(m *m) { m.Limits.Memory = 0 }, "limits.memory: 0B lets nothing run"},
		"little memory":         {func(m *m) { m.Limits.Memory = 1 << 19 }, "limits.memory: 512KiB is not between"},
		"much memory":           {func(m *m) { m.Limits.Memory = 17 * spaceos.GiB }, "limits.memory: 17GiB is not between"},
		"no processor":          {func(m *m) { m.Limits.CPUTime = 0 }, "limits.cpu-time: 0s lets nothing run"},
		"negative processor":    {func(m *m) { m.Limits.CPUTime = -time.Second }, "limits.cpu-time: "},
		"a fine time":           {func(m *m) { m.Limits.CPUTime += time.Microsecond }, "limits.cpu-time: 10.000001s is finer"},
		"a long time":           {func(m *m) { m.Limits.WallTime = 367 * 24 * time.Hour }, "limits.wall-time: "},
		"cpu above wall":        {func(m *m) { m.Limits.CPUTime = 2 * time.Minute }, "limits.cpu-time: 2m0s can never be used up"},
		"no scratch":            {func(m *m) { m.Limits.Scratch = 0 }, "limits.scratch: "},
		"scratch above memory":  {func(m *m) { m.Limits.Scratch = 17 * spaceos.MiB }, "limits.scratch: 17MiB is more than the memory"},
		"no data":               {func(m *m) { m.Limits.Data = 0 }, "limits.data: "},
		"much data":             {func(m *m) { m.Limits.Data = 1 << 60 }, "limits.data: "},
		"no products":           {func(m *m) { m.Limits.Products = 0 }, "limits.products: "},
		"products above a day":  {func(m *m) { m.Limits.Products = 11 * spaceos.MiB }, "limits.products: 11MiB of a run is more"},
		"no log":                {func(m *m) { m.Limits.LogRate = 0 }, "limits.log-rate: 0B/day lets nothing run"},
		"an unknown start":      {func(m *m) { m.Start = []manifest.Start{{On: "noon"}} }, `start[0].on: "noon" starts nothing`},
		"a frame of nothing":    {func(m *m) { m.Start = []manifest.Start{{On: "frame"}} }, "start[0].camera: it is missing"},
		"a camera's name":       {func(m *m) { m.Start = []manifest.Start{{On: "frame", Camera: "a b"}} }, "start[0].camera: "},
		"a schedule of nothing": {func(m *m) { m.Start = []manifest.Start{{On: "schedule"}} }, "start[0].every: it is missing"},
		"a fast schedule":       {func(m *m) { m.Start = []manifest.Start{{On: "schedule", Every: 59 * time.Second}} }, "start[0].every: 59s is shorter than the wall-time"},
		"a camera at boot":      {func(m *m) { m.Start = []manifest.Start{{On: "boot", Camera: "nadir"}} }, "start[0].camera: "},
		"a time at boot":        {func(m *m) { m.Start = []manifest.Start{{On: "boot", Every: time.Hour}} }, "start[0].every: "},
		"a start twice":         {func(m *m) { m.Start = []manifest.Start{{On: "boot"}, {On: "boot"}} }, "start[1]: "},
		"many starts":           {func(m *m) { m.Start = make([]manifest.Start, 9) }, "start: there are 9"},
		"an unknown restart":    {func(m *m) { m.Restart.When = "maybe" }, "restart.when: "},
		"never, with attempts":  {func(m *m) { m.Restart.Attempts = 1 }, "restart.attempts: "},
		"never, with a delay":   {func(m *m) { m.Restart.Delay = time.Second }, "restart.delay: "},
		"no attempts":           {func(m *m) { m.Restart = manifest.Restart{When: "on-failure", Delay: time.Second} }, "restart.attempts: 0 is not between"},
		"many attempts":         {func(m *m) { m.Restart = manifest.Restart{When: "on-failure", Attempts: 101} }, "restart.attempts: 101 is not between"},
		"no delay":              {func(m *m) { m.Restart = manifest.Restart{When: "on-failure", Attempts: 1} }, "restart.delay: "},
		"always, by order":      {func(m *m) { m.Restart = manifest.Restart{When: "always", Delay: time.Second} }, "restart.when: always is for a payload that boot alone starts"},
		"an unknown service":    {func(m *m) { m.Services = []string{"gps"} }, `services[0]: "gps" is no service`},
		"a camera of nothing":   {func(m *m) { m.Services = []string{"camera/"} }, "services[0]: "},
		"a camera outside":      {func(m *m) { m.Services = []string{"camera/../x"} }, "services[0]: "},
		"a service twice":       {func(m *m) { m.Services = []string{"time", "time"} }, `services[1]: "time" is there twice`},
		"services, no files":    {func(m *m) { m.Services = []string{"time"} }, "services: services are files"},
		"an unknown subject":    {func(m *m) { m.Subjects = []string{"memory"} }, `subjects[0]: "memory" is no subject`},
		"threads":               {func(m *m) { m.Subjects = []string{"threads"} }, "subjects[0]: this version has no threads in a cell yet"},
		"a network":             {func(m *m) { m.Subjects = []string{"files", "net"} }, "subjects[1]: this version has no net in a cell yet"},
		"a subject twice":       {func(m *m) { m.Subjects = []string{"time", "time"} }, `subjects[1]: "time" is there twice`},
		"no priority":           {func(m *m) { m.Priority = 0 }, "priority: 0 is none"},
		"priority 10":           {func(m *m) { m.Priority = 10 }, "priority: 10 is none"},
	} {
		t.Run(name, func(t *testing.T) {
			m := hello()
			c.change(&m)
			err := m.Validate()
			if !errors.Is(err, manifest.ErrRule) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if text, err := m.Canonical(); err == nil {
				t.Errorf("it is written as %s", text)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"white space":      {`{"args"`, `{ "args"`, "not canonical JSON"},
		"another form":     {"spaceos.manifest.v1", "spaceos.manifest.v2", `manifest.schema is not as it should be: it is "spaceos.manifest.v2"`},
		"an unknown field": {`"tenant"`, `"sudo":true,"tenant"`, "manifest.sudo is not as it should be: it is unknown"},
		"a missing field":  {`"priority":5,`, ``, "manifest.priority is not as it should be: it is missing"},
		"a missing limit":  {`"data":1048576,`, ``, "manifest.limits.data is not as it should be: it is missing"},
		"a doubled field":  {`"priority":5,`, `"priority":5,"priority":6,`, "does not sort behind"},
		"a broken rule":    {`"wall-time-ms":60000`, `"wall-time-ms":6000`, "can never be used up"},
		"deep nesting":     {`"start":[]`, `"start":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "too many arrays"},
		"a hundred pages":  {`"description":""`, `"description":"` + strings.Repeat("x", manifest.MaxSize) + `"`, "at most 65536 are allowed"},
		"a huge priority":  {`"priority":5`, `"priority":4294967301`, "should be from 1 to 9"},
	} {
		if strings.Count(helloText, c.old) != 1 {
			t.Fatalf("%s: %q is not there once", name, c.old)
		}
		_, err := manifest.Decode([]byte(strings.Replace(helloText, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// drawn is a valid manifest.
func drawn(t *rapid.T) manifest.Manifest {
	m := full()
	m.Name = rapid.StringMatching(`[a-z0-9-]{1,32}`).Draw(t, "name")
	m.Description = rapid.StringOfN(rapid.RuneFrom([]rune(`aé"\😀 `)), 0, 50, -1).Draw(t, "description")
	m.Args = rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune(`aé"\😀 -`)), 0, 9, -1), 1, 5).Draw(t, "args")
	m.Limits.Memory = spaceos.Bytes(rapid.Uint64Range(1<<20, 1<<34).Draw(t, "memory"))
	m.Limits.WallTime = time.Duration(rapid.Int64Range(10000, 5400000).Draw(t, "wall")) * time.Millisecond
	m.Priority = rapid.IntRange(1, 9).Draw(t, "priority")
	return m
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawn(t)
		text, err := m.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := manifest.Decode(text); err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%s reads %+v, %v", text, got, err)
		}
	})
}

// FuzzManifest: what is accepted is written again as it came.
func FuzzManifest(f *testing.F) {
	m := full()
	text, err := m.Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(helloText))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Decode(data)
		if err != nil {
			return
		}
		if again, err := m.Canonical(); err != nil || string(again) != string(data) {
			t.Errorf("%q is accepted and written as %q, %v", data, again, err)
		}
	})
}
