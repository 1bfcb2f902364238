// Package spaceos holds the nouns that all of SpaceOS shares: sizes and
// digests now, tenants, nodes, images and passes as the packages that need
// them come. It holds no behaviour beyond reading and printing them, and
// imports the standard library alone.
//
//	limit, err := spaceos.ParseBytes("64MiB")
//	fmt.Println(limit) // 64MiB
package spaceos

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Bytes is an amount of memory or data.
type Bytes uint64

// Binary and decimal multiples (IEC 80000-13).
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40
	KB  Bytes = 1e3
	MB  Bytes = 1e6
	GB  Bytes = 1e9
	TB  Bytes = 1e12
)

var byteUnits = []struct {
	name string
	size Bytes
}{
	{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB},
	{"TB", TB}, {"GB", GB}, {"MB", MB}, {"kB", KB}, {"B", 1},
}

// ErrUnits is in the chain of every error about a quantity that is not
// written as such.
var ErrUnits = errors.New("not a quantity")

// ParseBytes reads a whole number with a unit, "64MiB" or "20kB"; without a
// unit it is bytes.
func ParseBytes(s string) (Bytes, error) {
	digits := strings.TrimRight(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(s[len(digits):])
	size := Bytes(1)
	if unit != "" {
		if size = unitSize(unit); size == 0 {
			return 0, fmt.Errorf("%q is %w of bytes: the unit %q is none of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB", s, ErrUnits, unit)
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is %w of bytes: write a whole number and a unit, as 64MiB", s, ErrUnits)
	}
	if hi, _ := bits.Mul64(n, uint64(size)); hi != 0 {
		return 0, fmt.Errorf("%q is %w of bytes: it is more than 64 bits hold", s, ErrUnits)
	}
	return Bytes(n) * size, nil
}

func unitSize(unit string) Bytes {
	for _, u := range byteUnits {
		if u.name == unit {
			return u.size
		}
	}
	return 0
}

// String prints the number exactly, with the largest binary unit that divides
// it, or else the largest decimal one.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b >= u.size && b%u.size == 0 {
			return strconv.FormatUint(uint64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatUint(uint64(b), 10) + "B"
}

// Approx prints the number for people: three digits and a binary unit.
func (b Bytes) Approx() string {
	for _, u := range byteUnits[:4] {
		if b >= u.size {
			return strconv.FormatFloat(float64(b)/float64(u.size), 'f', 1, 64) + " " + u.name
		}
	}
	return strconv.FormatUint(uint64(b), 10) + " B"
}
