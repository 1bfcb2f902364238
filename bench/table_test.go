package main

import (
	"strings"
	"testing"
)

func TestTableAlignsItsColumns(t *testing.T) {
	figures := table{Header: []string{"runtime", "ms"}, Rows: [][]string{{"native", "1.5"}, {"cell", "12.25"}}}
	words := table{Words: true, Header: []string{"what", "verdict"}, Rows: [][]string{{"µs a call", "met"}}}
	tests := []struct {
		name string
		in   table
		want string
	}{
		{"figures at the right", figures, "| runtime |    ms |\n|---------|------:|\n| native  |   1.5 |\n| cell    | 12.25 |\n"},
		{"words at the left, counted in characters", words, "| what      | verdict |\n|-----------|---------|\n| µs a call | met     |\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got strings.Builder
			test.in.write(&got)
			if got.String() != test.want {
				t.Errorf("got\n%swant\n%s", got.String(), test.want)
			}
		})
	}
}
