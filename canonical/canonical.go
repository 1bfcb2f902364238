// Package canonical reads and writes the one form of JSON that SpaceOS signs
// and takes digests of. It is what RFC 8785 (JSON Canonicalization Scheme) and
// OLPC's canonical JSON (TUF's) have in common, so one writer serves both and
// two texts of one value do not exist: no white space; members sorted by name,
// each name once, of printable ASCII without quote and backslash; integers
// from -(2^53-1) to 2^53-1; strings of UTF-8 without control characters, with
// \" and \\ as the only escapes. Parse takes this form and nothing else. It is
// no reader for JSON that others wrote.
//
// A Value is a piece of checked text: parsing allocates nothing, whatever the
// text holds, and the bytes of a value are those that came.
//
//	v, err := canonical.Parse(data, 8)
//	f := v.Fields("plan")
//	version, craft := f.Int("version", 1, canonical.MaxInt), f.Str("spacecraft")
//	if err := f.Done(); err != nil { // wrong, missing and unknown fields
package canonical

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"
)

// MaxInt is the largest integer; the smallest is -MaxInt (RFC 7493, 2.2).
const MaxInt = 1<<53 - 1

// MaxDepth is how deep Encode lets arrays and objects lie in each other.
const MaxDepth = 64

// ErrForm is in the chain of every error about text that is not canonical JSON.
var ErrForm = errors.New("not canonical JSON")

// A Kind is what a value is.
type Kind byte

// The kinds; each is the first byte of a value's text, but for numbers, which
// begin with a digit or "-". The zero Value has no kind.
const (
	None   Kind = 0
	Object Kind = '{'
	Array  Kind = '['
	Text   Kind = '"'
	Number Kind = '0'
	True   Kind = 't'
	False  Kind = 'f'
	Null   Kind = 'n'
)

// String is the kind's name for people.
func (k Kind) String() string {
	switch k {
	case Object:
		return "an object"
	case Array:
		return "an array"
	case Text:
		return "a string"
	case Number:
		return "an integer"
	case True, False:
		return "a boolean"
	case Null:
		return "null"
	}
	return "nothing"
}

// A Value is the canonical text of one value. It shares the bytes that were
// parsed: they must not change while it is in use.
type Value struct{ text []byte }

// Bytes is the text, as it came. It is not to be changed.
func (v Value) Bytes() []byte { return v.text }

// Kind says what the value is.
func (v Value) Kind() Kind {
	if len(v.text) == 0 {
		return None
	}
	if k := Kind(v.text[0]); k != '-' && (k < '0' || k > '9') {
		return k
	}
	return Number
}

// Str is the string that the value is, and whether it is one.
func (v Value) Str() (string, bool) {
	if v.Kind() != Text {
		return "", false
	}
	inner := v.text[1 : len(v.text)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	plain := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' {
			i++
		}
		plain = append(plain, inner[i])
	}
	return string(plain), true
}

// Int is the integer that the value is, and whether it is one.
func (v Value) Int() (int64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v.text), 10, 64)
	return n, err == nil
}

// Bool is the boolean that the value is, and whether it is one.
func (v Value) Bool() (value, ok bool) {
	return v.Kind() == True, v.Kind() == True || v.Kind() == False
}

// Items goes through an array; through nothing if the value is none.
func (v Value) Items() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.Kind() != Array || len(v.text) == 2 {
			return
		}
		for rest, i := v.text[1:], 0; ; i++ {
			end := valueEnd(rest)
			if !yield(i, Value{rest[:end]}) || rest[end] == ']' {
				return
			}
			rest = rest[end+1:]
		}
	}
}

// Members goes through an object by name; through nothing if the value is none.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for name, member := range v.members() {
			if !yield(string(name), member) {
				return
			}
		}
	}
}

func (v Value) members() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		if v.Kind() != Object || len(v.text) == 2 {
			return
		}
		for rest := v.text[1:]; ; {
			name := valueEnd(rest)
			member := rest[name+1:]
			end := valueEnd(member)
			if !yield(rest[1:name-1], Value{member[:end]}) || member[end] == '}' {
				return
			}
			rest = member[end+1:]
		}
	}
}

// Member is an object's member of a name; the zero Value if it has none.
func (v Value) Member(name string) Value {
	for n, member := range v.members() {
		if string(n) == name {
			return member
		}
	}
	return Value{}
}

// valueEnd is where the first value in a checked text ends.
func valueEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',':
			if depth == 0 { // behind a number or a word
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
		if depth < 0 { // the end of what holds a number or a word
			return i
		}
	}
	return len(text)
}

// Parse checks that data, all of it, is one value in canonical form, and that
// arrays and objects lie at most maxDepth deep in each other.
func Parse(data []byte, maxDepth int) (Value, error) {
	p := parser{text: data, depth: maxDepth}
	if err := p.value(); err != nil {
		return Value{}, err
	}
	if p.at != len(data) {
		return Value{}, p.wrong("more behind the value")
	}
	return Value{data}, nil
}

// A parser checks a text; at is where it has come.
type parser struct {
	text      []byte
	at, depth int
}

func (p *parser) wrong(what string) error {
	return fmt.Errorf("byte %d: %s: this is %w", p.at, what, ErrForm)
}

// next is the byte that comes, 0 at the end (and 0 is never right).
func (p *parser) next() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) value() error {
	switch c := p.next(); {
	case c == '{':
		return p.list('}')
	case c == '[':
		return p.list(']')
	case c == '"':
		return p.str(false)
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(p.text[p.at:], []byte(word)) {
			p.at += len(word)
			return nil
		}
	}
	if p.at == len(p.text) {
		return p.wrong("it ends where a value should be")
	}
	return p.wrong("no value begins so")
}

// list is an array or an object.
func (p *parser) list(end byte) (err error) {
	if p.depth <= 0 {
		return p.wrong("too many arrays and objects in each other")
	}
	p.depth--
	defer func() { p.depth++ }()
	p.at++
	if p.next() == end {
		p.at++
		return nil
	}
	for name := []byte(nil); ; {
		if end == '}' {
			if name, err = p.name(name); err != nil {
				return err
			}
		}
		if err := p.value(); err != nil {
			return err
		}
		switch p.next() {
		case ',':
			p.at++
		case end:
			p.at++
			return nil
		default:
			return p.wrong(fmt.Sprintf("neither a comma nor %q behind an item", end))
		}
	}
}

// name is the name of a member and the colon; before is the name before, nil
// for the first.
func (p *parser) name(before []byte) ([]byte, error) {
	start := p.at
	if p.next() != '"' {
		return nil, p.wrong("no name of a member")
	}
	if err := p.str(true); err != nil {
		return nil, err
	}
	name := p.text[start+1 : p.at-1]
	if before != nil && bytes.Compare(before, name) >= 0 {
		p.at = start
		return nil, p.wrong(fmt.Sprintf("the name %q does not sort behind %q", clip(name), clip(before)))
	}
	if p.next() != ':' {
		return nil, p.wrong("no colon behind a name")
	}
	p.at++
	return name, nil
}

// str is a string, or the name of a member.
func (p *parser) str(name bool) error {
	start := p.at + 1
	for p.at++; ; p.at++ {
		switch c := p.next(); {
		case c == '"':
			if !utf8.Valid(p.text[start:p.at]) {
				p.at = start
				return p.wrong("a string that is not UTF-8")
			}
			p.at++
			return nil
		case p.at == len(p.text):
			return p.wrong("it ends within a string")
		case c < ' ':
			return p.wrong("a control character in a string")
		case name && (c == '\\' || c > '~'):
			return p.wrong("a name with something else than printable ASCII, or with a backslash")
		case c == '\\':
			p.at++
			if c := p.next(); c != '"' && c != '\\' {
				return p.wrong(`an escape other than \" and \\`)
			}
		}
	}
}

func (p *parser) number() error {
	start := p.at
	for p.at++; p.next() >= '0' && p.next() <= '9'; p.at++ {
	}
	digits := bytes.TrimPrefix(p.text[start:p.at], []byte("-"))
	n, err := strconv.ParseUint(string(digits[:min(len(digits), 20)]), 10, 64)
	if len(digits) == 0 || digits[0] == '0' && p.at-start > 1 || err != nil || n > MaxInt {
		p.at = start
		return p.wrong("no integer from -(2^53-1) to 2^53-1 without leading zeros")
	}
	return nil
}

// clip keeps a text from a stranger short enough for an error.
func clip(text []byte) []byte { return text[:min(len(text), 40)] }
