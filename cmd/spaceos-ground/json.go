package main

import (
	"strings"

	"spaceos"
	"spaceos/image"
)

// An imageView names an image in what --json prints.
type imageView struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Tenant  string `json:"tenant"`
	Digest  string `json:"digest"`
}

func viewImage(i *image.Image) imageView {
	m := &i.Manifest
	return imageView{m.Name, m.Version, m.Tenant, i.Digest.String()}
}

// limitField is a limit's name with its unit: memory_bytes, cpu_time_ms,
// log_rate_bytes_per_day.
func limitField(l spaceos.Limit) string {
	name, daily := strings.CutSuffix(strings.ReplaceAll(l.Name, "-", "_"), "_per_day")
	switch {
	case l.Time != nil:
		return name + "_ms"
	case daily || l.Name == "log-rate":
		return name + "_bytes_per_day"
	}
	return name + "_bytes"
}

// limitNumber is its value in that unit.
func limitNumber(l spaceos.Limit) uint64 {
	if l.Time != nil {
		return uint64(max(0, l.Time.Milliseconds()))
	}
	return uint64(*l.Bytes)
}

// limitNumbers are all limits by those names.
func limitNumbers(limits spaceos.Limits) map[string]uint64 {
	numbers := map[string]uint64{}
	for _, l := range limits.List() {
		numbers[limitField(l)] = limitNumber(l)
	}
	return numbers
}
