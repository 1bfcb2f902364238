package cell

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"spaceos/libos"
)

const schemaFile = "report.schema.json"

// checkReport holds a report against the published schema.
func checkReport(t *testing.T, r *Report) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatalf("the schema itself: %v", err)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("the report is not as its schema says: %v\n%s", err, text)
	}
}

// fields are the paths of all fields that a type has in JSON.
func fields(prefix string, typ reflect.Type, into map[string]bool) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		into[prefix+name] = true
		fields(prefix+name+".", f.Type, into)
	}
}

// properties are the paths of all properties that a schema names.
func properties(prefix string, root, node map[string]any, into map[string]bool) {
	if ref, ok := node["$ref"].(string); ok {
		node = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	list, _ := node["properties"].(map[string]any)
	for name, child := range list {
		into[prefix+name] = true
		properties(prefix+name+".", root, child.(map[string]any), into)
	}
}

func TestSchemaNamesEveryFieldOfReport(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	want, got := map[string]bool{}, map[string]bool{}
	fields("", reflect.TypeFor[Report](), want)
	properties("", schema, schema, got)
	if !maps.Equal(got, want) {
		t.Errorf("properties of the schema:\n%v\nfields of the type:\n%v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	whole := `{"schema":"spaceos.run.v1","program":"/app/a","digest":"","engine":"kvm","ended":{"cause":"exited","status":0},
"time_us":{"setup":1,"wall":2,"guest_cpu":0,"library_os":0,"runner_cpu":0},"exits":{"calls":0,"faults":0,"interrupts":0},
"memory":{"limit":1,"mapped":0,"backed":0,"peak":0,"touched":4096,"refused":0,"host_resident":0,"runner_peak":0},"bytes":{"read":{},"written":{}},"calls":{"served":{"read":1},"unsupported":{}}}`
	for _, c := range []struct {
		name, old, new string
		ok             bool
	}{
		{"nothing in a good report", "", "", true},
		{"an unknown field", `"engine":"kvm"`, `"engine":"kvm","colour":"red"`, false},
		{"another version", "run.v1", "run.v2", false},
		{"an unknown cause", `"exited"`, `"vanished"`, false},
		{"a signal without its number", `"exited","status":0`, `"signal","status":139`, false},
		{"a refusal without a sentence", `"exited","status":0`, `"refused","status":126`, false},
		{"half a page", `"touched":4096`, `"touched":2048`, false},
		{"null for no calls", `"served":{"read":1}`, `"served":null`, false},
		{"a negative count", `"read":1`, `"read":-1`, false},
		{"a missing part", `"exits":{"calls":0,"faults":0,"interrupts":0},`, ``, false},
		{"a digest of another kind", `"digest":""`, `"digest":"md5:00"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := whole
			if c.old != "" {
				if text = strings.Replace(whole, c.old, c.new, 1); text == whole {
					t.Fatalf("%q is not in the report", c.old)
				}
			}
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); (err == nil) != c.ok {
				t.Errorf("got error %v, want one: %v\n%s", err, !c.ok, text)
			}
		})
	}
}

// Every end that a runner can tell gives a report that the schema allows.
func TestReportOfEveryEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		result result
		cause  cause
		status int
	}{
		{"exit", result{End: libos.End{Code: 3}}, causeExited, 3},
		{"signal", result{End: libos.End{Signal: 15}}, causeSignal, 143},
		{"real-time signal", result{End: libos.End{Signal: 40}}, causeSignal, 168},
		{"fault", result{End: libos.End{Signal: 11, Fault: &libos.Fault{Code: 1, Addr: 0x1234}}}, causeSignal, 139},
		{"out of memory", result{End: libos.End{OOM: true, Signal: 9}}, causeOutOfMemory, 137},
		{"time limit", result{Cause: causeTimeout, End: libos.End{Signal: 9}}, causeTimeout, 124},
		{"CPU time limit", result{Cause: causeCPUTime, End: libos.End{Signal: 9}}, causeCPUTime, 152},
		{"killed from outside", result{Cause: causeKilled, End: libos.End{Signal: 9}}, causeKilled, 137},
		{"refused", result{Refused: "is not an ELF program"}, causeRefused, 126},
		{"broken machine", result{Broken: "vmm: KVM stopped"}, causeBroken, 125},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Report{Schema: ReportSchema, Engine: "kvm", Program: "/app/a"}
			r.fill(&c.result, 0)
			if r.Ended.Cause != c.cause || r.Ended.Status != c.status {
				t.Errorf("ended %+v, want cause %s and status %d", r.Ended, c.cause, c.status)
			}
			checkReport(t, &r)
		})
	}
}

// What a runner says reaches people's terminals: it is short and prints.
func TestReportOfAHostileRunner(t *testing.T) {
	const evil = "\x1b]0;title\x07\x1b[2Jgone\r\n\u202e\x7f\u0085"
	const quoted = `\x1b]0;title\a\x1b[2Jgone\r\n\u202e\x7f\u0085`
	for _, c := range []struct {
		name   string
		result result
		cause  cause
		said   string
	}{
		{"control characters in a refusal", result{Refused: evil}, causeRefused, quoted},
		{"in a failure", result{Broken: evil}, causeBroken, quoted},
		{"in the reason of an end", result{End: libos.End{Signal: 11, Reason: evil}}, causeSignal, quoted},
		{"text that is fine", result{Refused: `"ld.so" doesn't go: é, 日本`}, causeRefused, `"ld.so" doesn't go: é, 日本`},
		{"a long text", result{Refused: strings.Repeat("x", 1<<20)}, causeRefused, strings.Repeat("x", 500) + "..."},
		{"a cut within a character", result{Refused: "x" + strings.Repeat("é", 300)}, causeRefused, "x" + strings.Repeat("é", 249) + "..."},
		{"a cause that is none", result{Cause: evil}, causeKilled, ""},
		{"a signal that is none", result{End: libos.End{Signal: 999}}, causeBroken, "the cell's runner told of an end that no program has: please report this"},
		{"a negative signal", result{End: libos.End{Signal: -9}}, causeBroken, "the cell's runner told of an end that no program has: please report this"},
		{"times before the start", result{FirstRun: -1, GuestCPU: -time.Second, LibOS: -time.Second}, causeExited, ""},
		{"a status that is none", result{End: libos.End{Code: 256}}, causeBroken, "the cell's runner told of an end that no program has: please report this"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Report{Schema: ReportSchema, Engine: "kvm", Program: "/app/a"}
			r.fill(&c.result, 0)
			if r.Ended.Cause != c.cause || r.Ended.Message != c.said {
				t.Errorf("got %+v, want cause %s and %q", r.Ended, c.cause, c.said)
			}
			checkReport(t, &r)
		})
	}
}
