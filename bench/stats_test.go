package main

import (
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name string
		in   []float64
		want summary
	}{
		{"nothing", nil, summary{}},
		{"one value is all of its quantiles", []float64{7}, summary{1, 7, 7, 7, 7, 7}},
		{"an odd count has its middle as median", []float64{9, 1, 5}, summary{3, 5, 3, 7, 1, 9}},
		{"an even count has the mean of its middle two", []float64{4, 1, 3, 2}, summary{4, 2.5, 1.75, 3.25, 1, 4}},
		{"one wild value moves the maximum alone", []float64{1, 1, 1, 1, 1000}, summary{5, 1, 1, 1, 1, 1000}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.in)
			if got := summarize(test.in); got != test.want {
				t.Errorf("summarize(%v) = %+v, want %+v", test.in, got, test.want)
			}
			if !slices.Equal(test.in, before) {
				t.Errorf("summarize changed its argument %v to %v", before, test.in)
			}
		})
	}
}

func TestRatios(t *testing.T) {
	tests := []struct {
		name string
		a, b []float64
		want []float64
		fail bool
	}{
		{"pair by pair, not of sums", []float64{2, 30}, []float64{1, 10}, []float64{2, 3}, false},
		{"nothing by nothing", nil, nil, []float64{}, false},
		{"a sample without a partner is an error", []float64{1, 2}, []float64{1}, nil, true},
		{"a divisor of zero is an error", []float64{1}, []float64{0}, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ratios(test.a, test.b)
			if (err != nil) != test.fail || !slices.Equal(got, test.want) {
				t.Errorf("ratios(%v, %v) = %v, %v, want %v, error %v", test.a, test.b, got, err, test.want, test.fail)
			}
		})
	}
}

// A machine that becomes ten times slower halfway through leaves the ratio
// where it was: that is what pairs are for.
func TestRatiosSurviveASlowMachine(t *testing.T) {
	a := []float64{2, 2, 2, 20, 20}
	b := []float64{1, 1, 1, 10, 10}
	r, err := ratios(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if got := summarize(r); got.Minimum != 2 || got.Maximum != 2 {
		t.Errorf("ratios of %v by %v are %v, want 2 throughout", a, b, r)
	}
}
