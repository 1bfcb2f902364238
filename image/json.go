package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The files of a layout that other tools write too (index.json, oci-layout) are
// JSON of any form. Nothing of it is guessed: keys are told apart by case, a key
// that comes twice is refused, and depth is bounded.

// maxDepth is how deep an index nests: annotations of a platform of a
// descriptor of a list of the index, and some. Folders of a layout do not nest
// deeper either.
const maxDepth = 8

// object is a JSON object; values are object, []any, string, json.Number, bool
// or nil.
type object map[string]any

// parseObject reads data, which holds one object and nothing else.
func parseObject(data []byte) (object, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := parseValue(dec, maxDepth)
	if err != nil {
		return nil, jsonError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the end of its JSON")
	}
	o, ok := v.(object)
	if !ok {
		return nil, errors.New("it is JSON, but not an object")
	}
	return o, nil
}

// jsonError turns the decoder's words into ours.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is JSON that ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("it is not JSON (%v, at byte %d)", err, syntax.Offset)
	}
	return err
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == 0 {
		return nil, fmt.Errorf("it nests deeper than %d levels", maxDepth)
	}
	if delim == '{' {
		return parseMembers(dec, depth-1)
	}
	list := []any{}
	for dec.More() {
		v, err := parseValue(dec, depth-1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err = dec.Token()
	return list, err
}

func parseMembers(dec *json.Decoder, depth int) (object, error) {
	o := object{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string) // the decoder takes nothing else
		if _, twice := o[key]; twice {
			return nil, fmt.Errorf("the key %.40q stands twice in one object", key)
		}
		if o[key], err = parseValue(dec, depth); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return o, err
}

// text is a member that is a string; absent is empty.
func (o object) text(key string) (string, error) {
	v, there := o[key]
	s, ok := v.(string)
	if there && !ok {
		return "", fmt.Errorf("%q is not a string", key)
	}
	return s, nil
}

// number is a member that is a whole number of 0 or more.
func (o object) number(key string) (int64, error) {
	n, ok := o[key].(json.Number)
	if !ok {
		return 0, fmt.Errorf("%q is missing, or not a number", key)
	}
	i, err := n.Int64()
	if err != nil || i < 0 {
		return 0, fmt.Errorf("%q is %.40s, which is no whole number of 0 or more that 64 bits hold", key, n)
	}
	return i, nil
}

// list is a member that is a list of objects; absent is empty.
func (o object) list(key string) ([]object, error) {
	v, there := o[key]
	if !there {
		return nil, nil
	}
	values, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%q is not a list", key)
	}
	objects := make([]object, 0, len(values))
	for i, v := range values {
		o, ok := v.(object)
		if !ok {
			return nil, fmt.Errorf("%q holds something that is not an object, at place %d", key, i)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// strings is a member that is an object of strings, as annotations are; absent
// is empty.
func (o object) strings(key string) (map[string]string, error) {
	v, there := o[key]
	if !there || v == nil { // some tools write null for none
		return nil, nil
	}
	members, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("%q is not an object", key)
	}
	texts := make(map[string]string, len(members))
	for k, v := range members {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%q holds %.40q, which is not a string", key, k)
		}
		texts[k] = s
	}
	return texts, nil
}
