package delta

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSuffixesAreSorted compares with sorting every suffix, on texts of few
// letters, which repeat most.
func TestSuffixesAreSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.ByteMax(rapid.SampledFrom([]byte{0, 1, 3, 255}).Draw(t, "letters"))
		text := rapid.SliceOfN(letters, 0, 200).Draw(t, "text")
		want := make([]int32, len(text))
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortFunc(want, func(a, b int32) int { return bytes.Compare(text[a:], text[b:]) })
		if got := suffixes(text); !slices.Equal(got, want) {
			t.Fatalf("suffixes of %v: %v, want %v", text, got, want)
		}
	})
}
