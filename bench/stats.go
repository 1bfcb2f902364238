package main

import (
	"fmt"
	"slices"
)

// summary describes one series of samples: its median, its quartiles and its
// ends.
type summary struct {
	N                int
	Median           float64
	Low, High        float64 // first and third quartile
	Minimum, Maximum float64
}

// summarize computes the summary of values, which it leaves as they are. The
// summary of no values is the zero value.
func summarize(values []float64) summary {
	if len(values) == 0 {
		return summary{}
	}
	v := slices.Sorted(slices.Values(values))
	return summary{
		N:       len(v),
		Median:  quantile(v, 0.5),
		Low:     quantile(v, 0.25),
		High:    quantile(v, 0.75),
		Minimum: v[0],
		Maximum: v[len(v)-1],
	}
}

// quantile returns the q-quantile of sorted, which is not empty, with linear
// interpolation between neighbours (type 7 of Hyndman and Fan, "Sample
// Quantiles in Statistical Packages", 1996, the default of R and NumPy).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// ratios divides a by b pair by pair. The samples of one pair were taken one
// after the other, so what slows the machine down for a while (another guest on
// the host, heat) slows both and leaves their ratio alone.
func ratios(a, b []float64) ([]float64, error) {
	if len(a) != len(b) {
		return nil, fmt.Errorf("%d samples against %d: pairs need as many of each", len(a), len(b))
	}
	r := make([]float64, len(a))
	for i := range a {
		if b[i] == 0 {
			return nil, fmt.Errorf("sample %d of the divisor is zero", i+1)
		}
		r[i] = a[i] / b[i]
	}
	return r, nil
}
