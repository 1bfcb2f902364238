package canonical

import (
	"slices"
	"strconv"
	"strings"

	"spaceos"
)

// NewString makes a string. What the functions New... are given is checked by
// Encode, not by them.
func NewString(s string) Value {
	text := append(make([]byte, 0, len(s)+2), '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			text = append(text, '\\')
		}
		text = append(text, s[i])
	}
	return Value{append(text, '"')}
}

// NewInt makes an integer.
func NewInt(n int64) Value { return Value{strconv.AppendInt(nil, n, 10)} }

// NewBool makes a boolean.
func NewBool(b bool) Value { return Value{strconv.AppendBool(nil, b)} }

// NewArray makes an array.
func NewArray(items ...Value) Value {
	text := []byte{'['}
	for i, item := range items {
		if i > 0 {
			text = append(text, ',')
		}
		text = item.append(text)
	}
	return Value{append(text, ']')}
}

// NewStrings makes an array of strings.
func NewStrings(list []string) Value {
	items := make([]Value, len(list))
	for i, s := range list {
		items[i] = NewString(s)
	}
	return NewArray(items...)
}

// append appends v within another value. A missing one becomes a byte that no
// text may hold, else an array of it would be an empty array.
func (v Value) append(text []byte) []byte {
	if v.Kind() == None {
		return append(text, 0)
	}
	return append(text, v.text...)
}

// A Member is a named value in an object.
type Member struct {
	Name  string
	Value Value
}

// NewObject makes an object; it sorts the members.
func NewObject(members ...Member) Value {
	members = slices.SortedStableFunc(slices.Values(members), func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	text := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(text, NewString(m.Name).text...), ':')
		text = m.Value.append(text)
	}
	return Value{append(text, '}')}
}

// Append appends the text of a value.
func Append(dst []byte, v Value) []byte { return append(dst, v.text...) }

// Encode gives the text of a value that was made, and an error if there was
// something in it that canonical JSON cannot say: a control character, a name
// twice, an integer too large, a missing value.
func Encode(v Value) ([]byte, error) {
	if _, err := Parse(v.text, MaxDepth); err != nil {
		return nil, err
	}
	return v.text, nil
}

// NewLimits makes the object that Limits reads. Parts of a millisecond are
// left out.
func NewLimits(l spaceos.Limits) Value {
	var members []Member
	for _, limit := range l.List() {
		if limit.Time != nil {
			members = append(members, Member{limit.Name + "-ms", NewInt(limit.Time.Milliseconds())})
		} else {
			members = append(members, Member{limit.Name, NewInt(int64(min(*limit.Bytes, 1<<63-1)))})
		}
	}
	return NewObject(members...)
}
