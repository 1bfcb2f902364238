package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/manifest"
)

// defaultCeiling is what a manifest that limits nothing asks for.
func defaultCeiling() *spaceos.Limits {
	d := manifest.Default().Limits
	return &d
}

// limitFlags gives a verb a flag for each limit.
func limitFlags(cmd *cobra.Command, limits *spaceos.Limits) {
	for _, l := range limits.List() {
		cmd.Flags().Var(limitValue{l}, l.Name, "ceiling of "+l.Name)
	}
}

// A limitValue is a limit as a flag.
type limitValue struct{ spaceos.Limit }

// Type is how help calls the value.
func (v limitValue) Type() string {
	switch {
	case v.Time != nil:
		return "TIME"
	case perDay(v.Limit):
		return "SIZE/day"
	}
	return "SIZE"
}

func perDay(l spaceos.Limit) bool { return strings.HasSuffix(l.String(), "/day") }

// Set reads the value.
func (v limitValue) Set(text string) error {
	if v.Time != nil {
		d, err := time.ParseDuration(text)
		if err != nil || d < time.Millisecond || d%time.Millisecond != 0 {
			return fmt.Errorf("%q is no time of whole milliseconds, as 1.5s or 2m", text)
		}
		*v.Time = d
		return nil
	}
	if perDay(v.Limit) {
		text = strings.TrimSuffix(text, "/day")
	}
	size, err := spaceos.ParseBytes(text)
	if err == nil && size == 0 {
		err = fmt.Errorf("%s of zero would let nothing run", v.Name)
	}
	if err == nil {
		*v.Bytes = size
	}
	return err
}

// parseLimits reads "memory=32MiB,cpu-time=5s" into limits, and gives the
// words that are no limits.
func parseLimits(words []string, limits *spaceos.Limits) (rest []string, err error) {
next:
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		for _, l := range limits.List() {
			if ok && l.Name == name {
				if err := (limitValue{l}).Set(value); err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				continue next
			}
		}
		rest = append(rest, word)
	}
	return rest, nil
}
