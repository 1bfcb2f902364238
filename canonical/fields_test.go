package canonical_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"spaceos"
	"spaceos/canonical"
)

// A document of the tests: what a reader of fields looks like.
type document struct {
	name   string
	n      int64
	on     bool
	list   []string
	runs   []string
	prices map[string]int64
}

func readDocument(v canonical.Value) (d document, err error) {
	f := v.Fields("document")
	f.Is("_type", "document")
	d.name, d.n, d.on = f.Str("name"), f.Int("n", 1, 10), f.Bool("on")
	d.list = f.Strings("list", 2)
	for i, item := range f.Array("runs", 2) {
		run := f.Inner(fmt.Sprintf("runs[%d]", i), item)
		d.runs = append(d.runs, run.Str("id"))
	}
	d.prices = map[string]int64{}
	prices := f.Object("prices")
	for name := range prices.Each(2) {
		d.prices[name] = prices.Int(name, 0, 99)
	}
	if f.Has("comment") {
		_ = f.Str("comment")
	}
	return d, f.Done()
}

func TestFields(t *testing.T) {
	good := `{"_type":"document","comment":"c","list":["x","y"],"n":10,"name":"a","on":true,"prices":{"p":1,"q":2},"runs":[{"id":"1"},{"id":"2"}]}`
	got, err := readDocument(must(t, good))
	want := document{"a", 10, true, []string{"x", "y"}, []string{"1", "2"}, map[string]int64{"p": 1, "q": 2}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	const rest = `"n":1,"name":"a","on":true,"prices":{},"runs":[]}`
	for name, c := range map[string]struct{ text, want string }{
		"no object":            {`[]`, `document is not as it should be: it is an array, and should be an object`},
		"another type":         {`{"_type":"plan","list":[],` + rest, `document._type is not as it should be: it is "plan", and should be "document"`},
		"a missing field":      {`{"_type":"document","list":[],"n":1,"on":true,"prices":{},"runs":[]}`, `document.name is not as it should be: it is missing`},
		"an unknown field":     {`{"Name":"b","_type":"document","list":[],` + rest, `document.Name is not as it should be: it is unknown here`},
		"another kind":         {`{"_type":"document","list":{},` + rest, `document.list is not as it should be: it is an object, and should be an array`},
		"too small":            {`{"_type":"document","list":[],"n":0,"name":"a","on":true,"prices":{},"runs":[]}`, `document.n is not as it should be: it is 0, and should be from 1 to 10`},
		"too large":            {`{"_type":"document","list":[],"n":11,"name":"a","on":true,"prices":{},"runs":[]}`, `document.n is not as it should be: it is 11, and should be from 1 to 10`},
		"a string for a bool":  {`{"_type":"document","list":[],"n":1,"name":"a","on":"true","prices":{},"runs":[]}`, `document.on is not as it should be: it is a string, and should be a boolean`},
		"too many items":       {`{"_type":"document","list":["a","b","c"],` + rest, `document.list is not as it should be: it has more than 2 items`},
		"an item of a kind":    {`{"_type":"document","list":["a",1],` + rest, `document.list[1] is not as it should be: it is an integer, and should be a string`},
		"an inner field":       {`{"_type":"document","list":[],"n":1,"name":"a","on":true,"prices":{},"runs":[{"id":"1"},{"id":1}]}`, `document.runs[1].id is not as it should be: it is an integer, and should be a string`},
		"an inner unknown":     {`{"_type":"document","list":[],"n":1,"name":"a","on":true,"prices":{},"runs":[{"id":"1","x":1}]}`, `document.runs[0].x is not as it should be: it is unknown here`},
		"an item of no object": {`{"_type":"document","list":[],"n":1,"name":"a","on":true,"prices":{},"runs":[null]}`, `document.runs[0] is not as it should be: it is null, and should be an object`},
		"too many members":     {`{"_type":"document","list":[],"n":1,"name":"a","on":true,"prices":{"a":1,"b":1,"c":1},"runs":[]}`, `document.prices is not as it should be: it has more than 2 members`},
		"a wrong member":       {`{"_type":"document","list":[],"n":1,"name":"a","on":true,"prices":{"a":null},"runs":[]}`, `document.prices.a is not as it should be: it is null, and should be an integer`},
	} {
		if _, err := readDocument(must(t, c.text)); !errors.Is(err, canonical.ErrField) || err.Error() != c.want {
			t.Errorf("%s: got %v\nwant %s", name, err, c.want)
		}
	}
}

func TestLimitsBothWays(t *testing.T) {
	want := spaceos.Limits{Memory: 64 * spaceos.MiB, CPUTime: 1500 * time.Millisecond, WallTime: time.Minute, Scratch: 1, Data: 2, Products: 3, ProductsDay: 4, LogRate: canonical.MaxInt}
	const text = `{"limits":{"cpu-time-ms":1500,"data":2,"log-rate":9007199254740991,"memory":67108864,"products":3,"products-per-day":4,"scratch":1,"wall-time-ms":60000}}`
	if got, err := canonical.Encode(canonical.NewObject(canonical.Member{Name: "limits", Value: canonical.NewLimits(want)})); err != nil || string(got) != text {
		t.Errorf("got %s, %v; want %s", got, err, text)
	}
	f := must(t, text).Fields("x")
	if got := f.Limits("limits"); f.Done() != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, f.Err(), want)
	}
	f = must(t, `{"limits":{"cpu-time-ms":0}}`).Fields("x")
	f.Limits("limits")
	if err := f.Done(); err == nil {
		t.Error("a limit of zero, and seven that are missing, are taken")
	}
}
