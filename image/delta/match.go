package delta

import "bytes"

// A span says that a piece of the new file is like a piece of the old one; what
// differs inside is corrected byte by byte, so that moved code, whose addresses
// alone have changed, is still one span (Percival: "Naive differences of
// executable code", 2003).
type span struct{ old, new, length int }

const (
	// minGain is by how many equal bytes another place must be better than
	// going on at the present one: about what an entry costs.
	minGain = 8
	// maxMatch bounds how far two suffixes are compared, so that long runs of one
	// byte take no longer than code.
	maxMatch = 32 << 10
)

// match covers the new file with spans, in its order and without overlap. What
// lies between them has nothing like it in the old file.
func match(old, new []byte) []span {
	f := newFinder(old)
	var spans []span
	cur, scan := span{}, 0
	for scan < len(new) {
		next, end := anchor(f, new, scan, cur)
		cur.length = forward(old, new, cur, next.new)
		next = backward(old, new, next, cur.new)
		cur, next = part(old, new, cur, next)
		if cur.length > 0 {
			spans = append(spans, cur)
		}
		cur, scan = next, end
	}
	return spans
}

// anchor finds the next place from scan on that is worth leaving the alignment
// of cur for: an exact match there, and the place behind it. At the end of the
// new file it is an empty one.
func anchor(f *finder, new []byte, scan int, cur span) (next span, end int) {
	shift := cur.old - cur.new
	like := func(i int) int {
		if at := i + shift; at >= 0 && at < len(f.text) && f.text[at] == new[i] {
			return 1
		}
		return 0
	}
	counted, score := scan, 0 // how many bytes in [scan, counted) the alignment has right
	for scan < len(new) {
		pos, length := f.longest(new[scan:])
		for ; counted < scan+length; counted++ {
			score += like(counted)
		}
		switch {
		case length > score+minGain:
			return span{pos, scan, length}, scan + length
		case length == score && length > 0: // the alignment goes on
			scan, score = scan+length, 0
			counted = scan
		default:
			if scan < counted {
				score -= like(scan)
			} else {
				counted++
			}
			scan++
		}
	}
	return span{len(f.text), len(new), 0}, len(new)
}

// forward says how long cur should be, at most up to limit in the new file: as
// long as more of its bytes are right than wrong.
func forward(old, new []byte, cur span, limit int) (length int) {
	score, best := 0, 0
	for i := 0; cur.new+i < limit && cur.old+i < len(old); i++ {
		if old[cur.old+i] == new[cur.new+i] {
			score++
		} else {
			score--
		}
		if score > best {
			best, length = score, i+1
		}
	}
	return length
}

// backward lets next begin earlier, at limit in the new file at the earliest.
func backward(old, new []byte, next span, limit int) span {
	score, best, length := 0, 0, 0
	for i := 1; next.new-i >= limit && next.old-i >= 0 && next.length > 0; i++ {
		if old[next.old-i] == new[next.new-i] {
			score++
		} else {
			score--
		}
		if score > best {
			best, length = score, i
		}
	}
	return span{next.old - length, next.new - length, next.length + length}
}

// part cuts two spans that overlap in the new file where most bytes are right.
func part(old, new []byte, cur, next span) (span, span) {
	overlap := cur.new + cur.length - next.new
	if overlap <= 0 {
		return cur, next
	}
	score, best, keep := 0, 0, 0
	tail := cur.length - overlap
	for i := range overlap {
		b := new[next.new+i]
		if old[cur.old+tail+i] == b {
			score++
		}
		if old[next.old+i] == b {
			score--
		}
		if score > best {
			best, keep = score, i+1
		}
	}
	cur.length = tail + keep
	return cur, span{next.old + keep, next.new + keep, next.length - keep}
}

// A finder finds the longest match of a text.
type finder struct {
	text   []byte
	sorted []int32
	begin  []int32 // first two bytes -> where suffixes with them begin in sorted
}

func newFinder(text []byte) *finder {
	f := &finder{text, suffixes(text), make([]int32, 1<<16+1)}
	for i := 1; i < len(text); i++ {
		f.begin[pair(text[i-1:])+1]++
	}
	sum := int32(0)
	one := [256]int32{} // the suffix of one byte comes before those of two
	if len(text) > 0 {
		one[text[len(text)-1]] = 1
	}
	for p := range 1 << 16 {
		if p&0xff == 0 {
			sum += one[p>>8]
		}
		sum += f.begin[p+1]
		f.begin[p+1] = sum
	}
	return f
}

func pair(b []byte) int { return int(b[0])<<8 | int(b[1]) }

// longest is the place of the longest prefix of want that the text has.
func (f *finder) longest(want []byte) (pos, length int) {
	if len(want) < 2 {
		return 0, 0
	}
	want = want[:min(len(want), maxMatch)]
	lo, hi := f.begin[pair(want)], f.begin[pair(want)+1]
	end := hi
	for lo < hi {
		mid := (lo + hi) / 2
		at := f.text[f.sorted[mid]:]
		if bytes.Compare(at[:min(len(at), maxMatch)], want) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for _, i := range [2]int32{lo - 1, lo} {
		if i < f.begin[pair(want)] || i >= end {
			continue
		}
		if n := common(f.text[f.sorted[i]:], want); n > length {
			pos, length = int(f.sorted[i]), n
		}
	}
	return pos, length
}

// common counts the bytes that a and b have in common at their beginning.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
