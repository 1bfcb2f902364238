// Package leaf is the part of the fixture that nothing else is under.
package leaf

const seed = 0xcbf29ce484222325

// Sum is FNV-1a.
func Sum(data []byte) uint64 {
	sum := uint64(seed)
	for _, b := range data {
		sum = (sum ^ uint64(b)) * 0x100000001b3
	}
	return sum
}
