package author

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A reader fills Go values from YAML, and remembers the line of each field.
// It knows mappings, sequences and scalars; anchors, aliases, tags and merges
// are refused: a manifest says what it says in one place.
type reader struct {
	file  string
	lines map[string]int
}

func (r *reader) wrong(line int, field, format string, args ...any) error {
	return &Error{File: r.file, Line: max(1, line), Field: field, Text: fmt.Sprintf(format, args...), rule: ErrYAML}
}

// read fills into, a pointer to a structure.
func (r *reader) read(text []byte, into any) error {
	if len(text) > MaxSize {
		return r.wrong(1, "", "the file has more than %d bytes, which a manifest may not", MaxSize)
	}
	if i := slices.Index(text, 0); i >= 0 {
		return r.wrong(1, "", "the file has a zero byte in it: it is no text")
	}
	if line := tabbed(text); line > 0 {
		return r.wrong(line, "", "a tab indents this line: YAML wants spaces")
	}
	tokens := lexer.Tokenize(string(text))
	if err := r.bounded(tokens); err != nil {
		return err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		line := 1
		if at := syntax.GetToken(); at != nil && at.Position != nil {
			line = at.Position.Line
		}
		return r.wrong(line, "", "this is no YAML: %s", strings.Join(strings.Fields(syntax.GetMessage()), " "))
	}
	if err != nil {
		return r.wrong(1, "", "this is no YAML: %.200v", err)
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		return r.wrong(1, "", "the file says nothing: write at least name, version, tenant and program")
	}
	if len(bodies) > 1 {
		return r.wrong(lineOf(bodies[1]), "", "a second document begins here: write one manifest in a file")
	}
	return r.value(bodies[0], reflect.ValueOf(into).Elem(), "", "")
}

// tabbed is the first line that a tab indents, 0 for none.
func tabbed(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]; bytes.IndexByte(indent, '\t') >= 0 && len(bytes.TrimSpace(line)) > 0 {
			return n
		}
	}
	return 0
}

// Bounds on what the parser gets: its work grows with the square of the depth.
const (
	maxNesting = 8
	maxColumn  = 1200
)

func (r *reader) bounded(tokens token.Tokens) error {
	flow, entries, line := 0, 0, 0
	indents := []int{0}
	for _, t := range tokens {
		if t.Position == nil {
			continue
		}
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
			for len(indents) > 1 && indents[len(indents)-1] >= t.Position.Column {
				indents = indents[:len(indents)-1]
			}
			indents = append(indents, t.Position.Column)
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType:
			entries++
		case token.MappingKeyType:
			return r.wrong(line, "", "a key written with ? has no place in a manifest")
		}
		if flow > maxNesting || entries > maxNesting || len(indents) > 2*maxNesting || t.Position.Column > maxColumn {
			return r.wrong(line, "", "this lies deeper or further right than anything in a manifest")
		}
	}
	return nil
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

// value fills one value. tag is of the field that it is in.
func (r *reader) value(n ast.Node, into reflect.Value, field string, tag reflect.StructTag) error {
	line := lineOf(n)
	if _, said := r.lines[field]; !said {
		r.lines[field] = line
	}
	if _, null := n.(*ast.NullNode); null {
		return r.wrong(r.lines[field], field, "nothing is written here: give a value, or leave the key out")
	}
	if l, ok := into.Addr().Interface().(leaf); ok {
		text, err := r.text(n, field, "a quantity with its unit, as "+l.example())
		if err != nil {
			return err
		}
		if err := l.set(text); err != nil {
			return r.wrong(line, field, "%v", err)
		}
		return nil
	}
	switch into.Kind() {
	case reflect.Struct:
		return r.structure(n, into, field)
	case reflect.Map:
		return r.table(n, into, field)
	case reflect.Slice:
		return r.list(n, into, field, tag)
	case reflect.Int:
		return r.number(n, into, field, tag)
	}
	text, err := r.text(n, field, "a text")
	if err != nil {
		return err
	}
	into.SetString(text)
	return nil
}

// text is a scalar that YAML takes for a text.
func (r *reader) text(n ast.Node, field, wanted string) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), nil
	case *ast.IntegerNode, *ast.FloatNode:
		if strings.HasPrefix(wanted, "a text") {
			return "", r.wrong(lineOf(n), field, "%s is a number here: write it in quotes, as \"%[1]s\"", n.GetToken().Value)
		}
		return "", r.wrong(lineOf(n), field, "%s is a number alone: write %s", n.GetToken().Value, wanted)
	case *ast.BoolNode:
		return "", r.wrong(lineOf(n), field, "%s is a truth value here: write it in quotes, as \"%[1]s\"", n.GetToken().Value)
	}
	return "", r.wrong(lineOf(n), field, "this is %s: write %s", nodeName(n), wanted)
}

func nodeName(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a table of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, an alias, a merge or a tag, which a manifest may not have"
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return fmt.Sprintf("one value, %.40q", n.GetToken().Value)
	}
	return "nothing that a manifest may have"
}

func (r *reader) number(n ast.Node, into reflect.Value, field string, tag reflect.StructTag) error {
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		return r.wrong(lineOf(n), field, "this is no whole number: write one from %s to %s", tag.Get("least"), tag.Get("most"))
	}
	v, err := strconv.ParseInt(i.Token.Value, 10, 32)
	if err != nil || strconv.FormatInt(v, 10) != i.Token.Value {
		return r.wrong(lineOf(n), field, "%.40s is not from %s to %s, in decimal digits", i.Token.Value, tag.Get("least"), tag.Get("most"))
	}
	into.SetInt(v)
	return nil
}

// maxItems bounds lists and tables here; the rules bound them further.
const maxItems = 256

func (r *reader) list(n ast.Node, into reflect.Value, field string, tag reflect.StructTag) error {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		return r.wrong(lineOf(n), field, "this is %s: write a list, as [a, b]", nodeName(n))
	}
	if len(s.Values) > maxItems {
		return r.wrong(lineOf(n), field, "the list has more than %d items", maxItems)
	}
	items := reflect.MakeSlice(into.Type(), len(s.Values), len(s.Values))
	for i, item := range s.Values {
		if err := r.value(item, items.Index(i), fmt.Sprintf("%s[%d]", field, i), tag); err != nil {
			return err
		}
	}
	if len(s.Values) > 0 {
		into.Set(items)
	}
	return nil
}

// pairs are the keys and values of a mapping.
func (r *reader) pairs(n ast.Node, field string) ([]*ast.MappingValueNode, error) {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) <= maxItems {
			return n.Values, nil
		}
		return nil, r.wrong(lineOf(n), field, "the table has more than %d keys", maxItems)
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	}
	return nil, r.wrong(lineOf(n), field, "this is %s: write a table of keys and values", nodeName(n))
}

// key is the name of a pair, which no other of its table may have.
func (r *reader) key(pair *ast.MappingValueNode, field string) (string, error) {
	k, ok := pair.Key.(*ast.StringNode)
	if !ok {
		return "", r.wrong(lineOf(pair.Key), field, "%.40s is no name of a key", pair.Key.GetToken().Value)
	}
	path := strings.TrimPrefix(field+"."+k.Value, ".")
	if before := r.lines[path]; before > 0 {
		return "", r.wrong(lineOf(k), path, "this key is there already, in line %d", before)
	}
	r.lines[path] = lineOf(k)
	return k.Value, nil
}

func (r *reader) structure(n ast.Node, into reflect.Value, field string) error {
	pairs, err := r.pairs(n, field)
	if err != nil {
		return err
	}
	var allowed []string
	fields := map[string]int{}
	for i := range into.NumField() {
		name := into.Type().Field(i).Tag.Get("yaml")
		allowed, fields[name] = append(allowed, name), i
	}
	for _, pair := range pairs {
		name, err := r.key(pair, field)
		if err != nil {
			return err
		}
		i, known := fields[name]
		if !known {
			text := fmt.Sprintf("there is no key %.40q here; there are %s", name, strings.Join(allowed, ", "))
			return &Error{File: r.file, Line: max(1, lineOf(pair.Key)), Field: field, Text: text, Key: name, Keys: allowed, rule: ErrYAML}
		}
		path := strings.TrimPrefix(field+"."+name, ".")
		if err := r.value(pair.Value, into.Field(i), path, into.Type().Field(i).Tag); err != nil {
			return err
		}
	}
	for i, name := range allowed {
		path := strings.TrimPrefix(field+"."+name, ".")
		if tag := into.Type().Field(i).Tag; tag.Get("need") == "true" && r.lines[path] == 0 {
			return r.wrong(lineOf(n), path, "it is missing: %s", tag.Get("doc"))
		}
	}
	return nil
}

// table fills a map from names to texts.
func (r *reader) table(n ast.Node, into reflect.Value, field string) error {
	pairs, err := r.pairs(n, field)
	if err != nil {
		return err
	}
	table := map[string]string{}
	for _, pair := range pairs {
		name, err := r.key(pair, field)
		if err != nil {
			return err
		}
		var value string
		if err := r.value(pair.Value, reflect.ValueOf(&value).Elem(), field+"."+name, ""); err != nil {
			return err
		}
		table[name] = value
	}
	if len(table) > 0 {
		into.Set(reflect.ValueOf(table))
	}
	return nil
}
