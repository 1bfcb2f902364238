package main

import (
	"slices"
	"testing"
)

func TestLastVariableOfANameCounts(t *testing.T) {
	got, err := environment([]string{"A=1", "B=2", "A=3", "C="})
	if want := []string{"A=3", "B=2", "C="}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
