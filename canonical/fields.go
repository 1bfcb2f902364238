package canonical

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"spaceos"
)

// ErrField is in the chain of every error about a member that is missing,
// unknown or not what it should be.
var ErrField = errors.New("not as it should be")

// Fields reads the members of an object, and remembers the first thing that is
// wrong, with its path. After that, all that it reads is zero. The Fields of
// objects within it share that memory, so one Done at the end is enough.
type Fields struct {
	object Value
	path   string
	known  []string
	err    *error
	inner  []*Fields
}

// Fields begins to read the object that v is; path is what errors call it.
func (v Value) Fields(path string) *Fields {
	f := &Fields{object: v, path: path, err: new(error)}
	if v.Kind() != Object {
		f.fail(path, "is %v, and should be an object", v.Kind())
	}
	return f
}

// Read parses data, as Parse does, and begins to read the object that it is.
func Read(data []byte, maxDepth int, path string) *Fields {
	v, err := Parse(data, maxDepth)
	if err != nil {
		return &Fields{path: path, err: &err}
	}
	return v.Fields(path)
}

func (f *Fields) fail(path, format string, args ...any) {
	if *f.err == nil {
		*f.err = fmt.Errorf("%s is %w: it %w", path, ErrField, fmt.Errorf(format, args...))
	}
}

// Fail says that a member is wrong, as the reader found out: "it" and format
// make the sentence; %w puts an error into the chain.
func (f *Fields) Fail(name, format string, args ...any) {
	f.fail(f.path+"."+name, format, args...)
}

// Has says whether there is a member of a name.
func (f *Fields) Has(name string) bool { return *f.err == nil && f.object.Member(name).Kind() != None }

// Value is a member of any kind.
func (f *Fields) Value(name string) Value {
	f.known = append(f.known, name)
	if *f.err != nil {
		return Value{}
	}
	v := f.object.Member(name)
	if v.Kind() == None {
		f.Fail(name, "is missing")
	}
	return v
}

func (f *Fields) want(name string, v Value, kind Kind) {
	f.Fail(name, "is %v, and should be %v", v.Kind(), kind)
}

// Str is a string.
func (f *Fields) Str(name string) string {
	v := f.Value(name)
	s, ok := v.Str()
	if !ok {
		f.want(name, v, Text)
	}
	return s
}

// Is wants a string to be one text, as `_type` is.
func (f *Fields) Is(name, want string) {
	if got := f.Str(name); got != want {
		f.Fail(name, "is %.40q, and should be %q", got, want)
	}
}

// Int is an integer from least to most.
func (f *Fields) Int(name string, least, most int64) int64 {
	v := f.Value(name)
	n, ok := v.Int()
	if !ok {
		f.want(name, v, Number)
	} else if n < least || n > most {
		f.Fail(name, "is %d, and should be from %d to %d", n, least, most)
	}
	if *f.err != nil {
		return 0
	}
	return n
}

// Bool is a boolean.
func (f *Fields) Bool(name string) bool {
	v := f.Value(name)
	b, ok := v.Bool()
	if !ok {
		f.want(name, v, True)
	}
	return b
}

// Object is an object within this one.
func (f *Fields) Object(name string) *Fields { return f.Inner(name, f.Value(name)) }

// Inner reads v, which was found in f under a name that errors use.
func (f *Fields) Inner(name string, v Value) *Fields {
	inner := &Fields{object: v, path: f.path + "." + name, err: f.err}
	if v.Kind() != Object {
		inner.fail(inner.path, "is %v, and should be an object", v.Kind())
	}
	f.inner = append(f.inner, inner)
	return inner
}

// Array goes through an array of at most so many items.
func (f *Fields) Array(name string, most int) iter.Seq2[int, Value] {
	v := f.Value(name)
	if v.Kind() != Array {
		f.want(name, v, Array)
		return Value{}.Items()
	}
	return func(yield func(int, Value) bool) {
		for i, item := range v.Items() {
			if i == most {
				f.Fail(name, "has more than %d items", most)
			}
			if *f.err != nil || !yield(i, item) {
				return
			}
		}
	}
}

// Strings is an array of at most so many strings; nil if it is empty.
func (f *Fields) Strings(name string, most int) (list []string) {
	for i, item := range f.Array(name, most) {
		s, ok := item.Str()
		if !ok {
			f.want(fmt.Sprintf("%s[%d]", name, i), item, Text)
		}
		list = append(list, s)
	}
	return list
}

// Each goes through all members: the object is a table, of at most so many.
func (f *Fields) Each(most int) iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		n := 0
		for name, v := range f.object.Members() {
			if n++; n > most {
				f.fail(f.path, "has more than %d members", most)
			}
			f.known = append(f.known, name)
			if *f.err != nil || !yield(name, v) {
				return
			}
		}
	}
}

// Err is the first thing that was wrong. Members that nobody read are not.
func (f *Fields) Err() error { return *f.err }

// Done is Err, and refuses members that nobody read, here and further in.
func (f *Fields) Done() error {
	for name := range f.object.Members() {
		if *f.err != nil {
			break
		}
		if !slices.Contains(f.known, name) {
			f.Fail(name[:min(len(name), 40)], "is unknown here")
		}
	}
	for _, inner := range f.inner {
		_ = inner.Done() // it has the same memory
	}
	return *f.err
}

// maxMillis bounds times: a hundred years.
const maxMillis = 100 * 366 * 24 * 3600 * 1000

// Limits is an object with all limits, none zero: bytes, and milliseconds
// under names that end in "-ms".
func (f *Fields) Limits(name string) (l spaceos.Limits) {
	inner := f.Object(name)
	for _, limit := range l.List() {
		if limit.Time != nil {
			*limit.Time = time.Duration(inner.Int(limit.Name+"-ms", 1, maxMillis)) * time.Millisecond
		} else {
			*limit.Bytes = spaceos.Bytes(inner.Int(limit.Name, 1, MaxInt))
		}
	}
	return l
}
