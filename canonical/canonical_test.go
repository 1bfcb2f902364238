package canonical_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spaceos/canonical"
)

// TestKnownAnswers holds texts that the two standards' own tests expect:
// testdata of RFC 8785's reference implementation (cyberphone/json-
// canonicalization: arrays.json; numbers of the RFC's appendix B), and
// test_encode_canonical of securesystemslib's tests/test_formats.py.
func TestKnownAnswers(t *testing.T) {
	type m = canonical.Member
	str, num, arr, obj := canonical.NewString, canonical.NewInt, canonical.NewArray, canonical.NewObject
	null := must(t, "null")
	for want, v := range map[string]canonical.Value{
		`[56,{"1":[],"10":null,"d":true}]`: arr(num(56), obj(m{"d", canonical.NewBool(true)}, m{"10", null}, m{"1", arr()})),
		`9007199254740991`:                 num(9007199254740991),
		`-9007199254740991`:                num(-9007199254740991),
		`0`:                                num(0),
		`""`:                               str(""),
		`[1,2,3]`:                          arr(num(1), num(2), num(3)),
		`{}`:                               obj(),
		`{"A":[99]}`:                       obj(m{"A", arr(num(99))}),
		`{"A":true}`:                       obj(m{"A", canonical.NewBool(true)}),
		`{"B":false}`:                      obj(m{"B", canonical.NewBool(false)}),
		`{"x":3,"y":2}`:                    obj(m{"y", num(2)}, m{"x", num(3)}),
		`{"x":3,"y":null}`:                 obj(m{"x", num(3)}, m{"y", null}),
		`"a\"b\\c/é€😀 "`:                   str("a\"b\\c/é€😀 "),
	} {
		got, err := canonical.Encode(v)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

func must(t *testing.T, text string) canonical.Value {
	t.Helper()
	v, err := canonical.Parse([]byte(text), 8)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                         {``, "it ends where a value should be"},
		"white space before":              {` 1`, "no value begins so"},
		"white space behind":              {`1 `, "more behind the value"},
		"white space in an array":         {`[1, 2]`, "no value begins so"},
		"white space in an object":        {`{"a": 1}`, "no value begins so"},
		"a byte order mark":               {"\ufeff1", "no value begins so"},
		"two values":                      {`{}{}`, "more behind the value"},
		"a comma too many":                {`[1,]`, "no value begins so"},
		"a comma too many in an object":   {`{"a":1,}`, "no name of a member"},
		"no comma":                        {`["a""b"]`, "neither a comma nor ']'"},
		"the wrong end":                   {`[1}`, "neither a comma nor ']'"},
		"an open array":                   {`[1`, "neither a comma nor ']'"},
		"an open object":                  {`{"a":1`, "neither a comma nor '}'"},
		"no colon":                        {`{"a"1}`, "no colon"},
		"a name without quotes":           {`{a:1}`, "no name of a member"},
		"a doubled name":                  {`{"a":1,"a":2}`, `the name "a" does not sort behind "a"`},
		"a doubled empty name":            {`{"":1,"":2}`, `the name "" does not sort behind ""`},
		"names out of order":              {`{"b":1,"a":2}`, `the name "a" does not sort behind "b"`},
		"names of two cases out of order": {`{"a":1,"A":2}`, `the name "A" does not sort behind "a"`},
		"a name beyond ASCII":             {`{"é":1}`, "printable ASCII"},
		"a name with a quote":             {`{"\"":1}`, "printable ASCII"},
		"a name with DEL":                 {"{\"\x7f\":1}", "printable ASCII"},
		"a name with a control character": {"{\"\t\":1}", "a control character"},
		"an escape for a letter":          {`"\u0061"`, "an escape other than"},
		"an escape for a line feed":       {`"\n"`, "an escape other than"},
		"an escape for a slash":           {`"\/"`, "an escape other than"},
		"an escape at the end":            {`"\`, "an escape other than"},
		"a line feed":                     {"\"\n\"", "a control character"},
		"a zero byte":                     {"\"\x00\"", "a control character"},
		"an open string":                  {`"a`, "it ends within a string"},
		"bytes that are not UTF-8":        {"\"\xff\"", "not UTF-8"},
		"an overlong form":                {"\"\xc0\xaf\"", "not UTF-8"},
		"half a surrogate pair":           {"\"\xed\xa0\x80\"", "not UTF-8"},
		"a fraction":                      {`1.0`, "more behind the value"},
		"an exponent":                     {`1e3`, "more behind the value"},
		"a leading zero":                  {`01`, "no integer"},
		"minus zero":                      {`-0`, "no integer"},
		"minus alone":                     {`-`, "no integer"},
		"plus":                            {`+1`, "no value begins so"},
		"one more than doubles hold":      {`9007199254740992`, "no integer"},
		"one less than doubles hold":      {`-9007199254740992`, "no integer"},
		"very many digits":                {strings.Repeat("9", 5000), "no integer"},
		"a word in capitals":              {`True`, "no value begins so"},
		"a word cut short":                {`tru`, "no value begins so"},
		"a word too long":                 {`nulll`, "more behind the value"},
		"not a number":                    {`NaN`, "no value begins so"},
		"too deep by one":                 {strings.Repeat("[", 9) + strings.Repeat("]", 9), "too many arrays"},
		"very deep":                       {strings.Repeat("[", 1<<20), "too many arrays"},
		"too deep in objects":             {strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9), "too many arrays"},
	} {
		v, err := canonical.Parse([]byte(c.text), 8)
		if !errors.Is(err, canonical.ErrForm) || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 200 {
			t.Errorf("%s: %.60s: got %v, %v; want %q", name, c.text, v.Kind(), err, c.want)
		}
	}
	if _, err := canonical.Parse([]byte(strings.Repeat("[", 8)+strings.Repeat("]", 8)), 8); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}

func TestEncodeRefusesWhatCannotBeSaid(t *testing.T) {
	for name, v := range map[string]canonical.Value{
		"a control character": canonical.NewString("a\nb"),
		"not UTF-8":           canonical.NewString("\xff"),
		"a large integer":     canonical.NewInt(canonical.MaxInt + 1),
		"a name twice":        canonical.NewObject(canonical.Member{Name: "a", Value: canonical.NewInt(1)}, canonical.Member{Name: "a", Value: canonical.NewInt(2)}),
		"a name of no ASCII":  canonical.NewObject(canonical.Member{Name: "ä", Value: canonical.NewInt(1)}),
		"a name with a quote": canonical.NewObject(canonical.Member{Name: `a"`, Value: canonical.NewInt(1)}),
		"no value":            canonical.NewArray(canonical.Value{}),
		"nothing":             {},
	} {
		if text, err := canonical.Encode(v); !errors.Is(err, canonical.ErrForm) {
			t.Errorf("%s: got %s, %v; want ErrForm", name, text, err)
		}
	}
}

func TestParsingAllocatesNothing(t *testing.T) {
	data := []byte(`{"a":[` + strings.Repeat(`{"b":"c"},`, 1000) + `0],"z":1}`)
	allocations := testing.AllocsPerRun(10, func() {
		v, err := canonical.Parse(data, 8)
		if err != nil || v.Kind() != canonical.Object {
			t.Fatal(v.Kind(), err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations for %d bytes; want none", allocations, len(data))
	}
}

// A tree is a value as encoding/json has it, but for numbers.
func drawTree(t *rapid.T, depth int) any {
	kinds := []string{"text", "number", "bool", "null"}
	if depth > 0 {
		kinds = append(kinds, "array", "object")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "text":
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab\"\\/é\u2028\u007f😀 {}[]:,0")))
		return text.Draw(t, "text")
	case "number":
		return json.Number(strconv.FormatInt(rapid.Int64Range(-canonical.MaxInt, canonical.MaxInt).Draw(t, "n"), 10))
	case "bool":
		return rapid.Bool().Draw(t, "bool")
	case "array":
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, drawTree(t, depth-1))
		}
		return list
	case "object":
		object := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			object[rapid.StringMatching(`[ !#-Z^-~\]]{0,3}`).Draw(t, "name")] = drawTree(t, depth-1)
		}
		return object
	}
	return nil
}

// build makes the value with our constructors, members in any order.
func build(tree any) canonical.Value {
	switch x := tree.(type) {
	case string:
		return canonical.NewString(x)
	case json.Number:
		n, _ := x.Int64()
		return canonical.NewInt(n)
	case bool:
		return canonical.NewBool(x)
	case []any:
		var items []canonical.Value
		for _, item := range x {
			items = append(items, build(item))
		}
		return canonical.NewArray(items...)
	case map[string]any:
		var members []canonical.Member
		for name, member := range x {
			members = append(members, canonical.Member{Name: name, Value: build(member)})
		}
		return canonical.NewObject(members...)
	}
	null, _ := canonical.Parse([]byte("null"), 0)
	return null
}

// walk reads the value back with our accessors.
func walk(v canonical.Value) any {
	switch v.Kind() {
	case canonical.Text:
		s, _ := v.Str()
		return s
	case canonical.Number:
		n, _ := v.Int()
		return json.Number(strconv.FormatInt(n, 10))
	case canonical.True, canonical.False:
		b, _ := v.Bool()
		return b
	case canonical.Array:
		list := []any{}
		for i, item := range v.Items() {
			if i != len(list) {
				panic("items are not counted")
			}
			list = append(list, walk(item))
		}
		return list
	case canonical.Object:
		object := map[string]any{}
		for name, member := range v.Members() {
			object[name] = walk(member)
		}
		return object
	}
	return nil
}

// TestRoundTrip: what is made, encoded, parsed and read is what was meant, and
// encoding/json reads the same from the text.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t, 4)
		text, err := canonical.Encode(build(tree))
		if err != nil {
			t.Fatalf("%#v: %v", tree, err)
		}
		v, err := canonical.Parse(text, 4)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := walk(v); !reflect.DeepEqual(got, tree) {
			t.Fatalf("%s: read %#v, want %#v", text, got, tree)
		}
		if again := canonical.Append(nil, build(walk(v))); !slices.Equal(again, text) {
			t.Fatalf("%s becomes %s", text, again)
		}
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber()
		var other any
		if err := dec.Decode(&other); err != nil || !reflect.DeepEqual(other, tree) {
			t.Fatalf("%s: encoding/json reads %#v, %v; want %#v", text, other, err, tree)
		}
	})
}

// FuzzParse: what is accepted is JSON in its only form.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2,true,null,"x\\\"y"],"b":{}}`, `[]`, `""`, `-1`, `{"a":1,"a":2}`, `[[[[[[[[[]]]]]]]]]`, "\"\xff\"", `1e1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := canonical.Parse(data, 8)
		if err != nil {
			if !errors.Is(err, canonical.ErrForm) {
				t.Errorf("%q: %v is no ErrForm", data, err)
			}
			return
		}
		if again := canonical.Append(nil, build(walk(v))); string(again) != string(data) {
			t.Errorf("%q is accepted and written as %q", data, again)
		}
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.UseNumber()
		var other any
		if err := dec.Decode(&other); err != nil || !reflect.DeepEqual(other, walk(v)) {
			t.Errorf("%q: encoding/json reads %#v, %v", data, other, err)
		}
	})
}
