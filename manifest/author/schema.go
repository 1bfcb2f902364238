package author

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// SchemaName is the name of the published schema, here and in starters.
const SchemaName = "spaceos.schema.json"

// Schema is the published JSON Schema of spaceos.yaml.
//
//go:embed spaceos.schema.json
var Schema []byte

// MakeSchema makes the JSON Schema (2020-12) from File. It says what an editor
// can check; what contradicts what, and how long things may be, Decode says.
func MakeSchema() ([]byte, error) {
	schema := schemaOf(reflect.TypeFor[File](), "")
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = "urn:spaceos:schema:manifest:v1"
	schema["title"] = "What a payload is and asks for (spaceos.yaml)"
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

func schemaOf(t reflect.Type, tag reflect.StructTag) map[string]any {
	s := map[string]any{}
	if doc := tag.Get("doc"); doc != "" {
		s["description"] = doc
	}
	if l, ok := reflect.New(t).Interface().(leaf); ok {
		s["type"], s["pattern"], s["examples"] = "string", l.pattern(), []string{l.example()}
		return s
	}
	switch t.Kind() {
	case reflect.Struct:
		properties, need := map[string]any{}, []string{}
		for i := range t.NumField() {
			f := t.Field(i)
			properties[f.Tag.Get("yaml")] = schemaOf(f.Type, f.Tag)
			if f.Tag.Get("need") == "true" {
				need = append(need, f.Tag.Get("yaml"))
			}
		}
		s["type"], s["properties"], s["required"], s["additionalProperties"] = "object", properties, need, false
	case reflect.Map:
		s["type"], s["additionalProperties"] = "object", schemaOf(t.Elem(), "")
	case reflect.Slice:
		s["type"], s["items"] = "array", schemaOf(t.Elem(), bare(tag))
	case reflect.Int:
		least, _ := strconv.Atoi(tag.Get("least"))
		most, _ := strconv.Atoi(tag.Get("most"))
		s["type"], s["minimum"], s["maximum"] = "integer", least, most
	case reflect.String:
		s["type"] = "string"
		if enum := tag.Get("enum"); enum != "" {
			s["enum"] = strings.Split(enum, ",")
		}
		if pattern := tag.Get("pattern"); pattern != "" {
			s["pattern"] = pattern
		}
	}
	return s
}

// bare is a list's tag for its items: what is allowed, without the words.
func bare(tag reflect.StructTag) reflect.StructTag {
	return reflect.StructTag("enum:" + strconv.Quote(tag.Get("enum")) + " pattern:" + strconv.Quote(tag.Get("pattern")))
}
