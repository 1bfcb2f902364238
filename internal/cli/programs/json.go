package programs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// JSON is a command of test scripts. It wants a file (stdout for the last
// command's) to be one JSON document, with a value at a path that a pattern
// describes as a whole: json FILE PATH PATTERN. A path is as files.0.path;
// in it, KEY=TEXT is the element of an array whose KEY is TEXT. Anything but a
// text is as JSON writes it; nothing there is as an empty text.
func JSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH PATTERN")
	}
	want, err := regexp.Compile("^(?:" + args[2] + ")$")
	if err != nil {
		ts.Fatalf("%v", err)
	}
	text := ts.ReadFile(args[0])
	got, err := lookUp([]byte(text), strings.Split(args[1], "."))
	if err != nil || !want.MatchString(got) {
		ts.Fatalf("%s of %s is %q (%v); want %v; all of it:\n%s", args[1], args[0], got, err, want, text)
	}
}

func lookUp(text []byte, path []string) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // a size stays the digits that were printed
	var at any
	if err := dec.Decode(&at); err != nil {
		return "", err
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", fmt.Errorf("something follows the document (%v)", err)
	}
	for _, step := range path {
		at = child(at, step)
	}
	if text, ok := at.(string); ok || at == nil {
		return text, nil
	}
	out, err := json.Marshal(at)
	return string(out), err
}

// child is what is under a step of a path; nil if nothing is.
func child(of any, step string) any {
	switch of := of.(type) {
	case map[string]any:
		return of[step]
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(of) {
			return of[i]
		}
		key, text, _ := strings.Cut(step, "=")
		for _, e := range of {
			if m, ok := e.(map[string]any); ok && fmt.Sprint(m[key]) == text {
				return e
			}
		}
	}
	return nil
}
