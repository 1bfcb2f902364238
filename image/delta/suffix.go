package delta

// suffixes is the suffix array of text: the starts of all its suffixes in the
// order of their bytes, by induced sorting (Nong, Zhang, Chan: "Linear Suffix
// Array Construction by Almost Pure Induced-Sorting", 2009). text must be
// shorter than 2 GiB.
func suffixes(text []byte) []int32 {
	s := make([]int32, len(text))
	for i, b := range text {
		s[i] = int32(b)
	}
	return induced(s, 256)
}

// induced sorts the suffixes of s, whose letters are below k. The end of s is
// smaller than any letter.
func induced(s []int32, k int) []int32 {
	n := len(s)
	if n == 0 {
		return nil
	}
	sorter := sorter{s: s, small: make([]bool, n), sa: make([]int32, n)}
	sorter.classify(k)
	var lms []int32 // the leftmost small letters, in the order of the text
	for i := 1; i < n; i++ {
		if sorter.leftmost(i) {
			lms = append(lms, int32(i))
		}
	}
	sorter.induce(lms)
	if len(lms) > 0 {
		sorter.induce(sorter.order(lms))
	}
	return sorter.sa
}

// A sorter holds one level of the recursion.
type sorter struct {
	s     []int32
	sa    []int32
	small []bool  // the suffix is smaller than the one behind it (S-type)
	last  []int32 // per letter: where its suffixes end in sa
	head  []int32 // where its suffixes begin
	place []int32 // working copy of one of these
}

// leftmost says whether a small suffix begins at i whose left neighbour is not.
func (t *sorter) leftmost(i int) bool { return t.small[i] && !t.small[i-1] }

func (t *sorter) classify(k int) {
	n := len(t.s)
	for i := n - 2; i >= 0; i-- {
		t.small[i] = t.s[i] < t.s[i+1] || t.s[i] == t.s[i+1] && t.small[i+1]
	}
	t.head, t.last = make([]int32, k), make([]int32, k)
	t.place = make([]int32, k)
	for _, c := range t.s {
		t.last[c]++
	}
	sum := int32(0)
	for c, count := range t.last {
		t.head[c] = sum
		sum += count
		t.last[c] = sum
	}
}

// induce fills sa from the leftmost small suffixes in the order given: first
// the large suffixes from left to right, then the small ones from right to left.
func (t *sorter) induce(lms []int32) {
	for i := range t.sa {
		t.sa[i] = -1
	}
	copy(t.place, t.last)
	for i := len(lms) - 1; i >= 0; i-- {
		c := t.s[lms[i]]
		t.place[c]--
		t.sa[t.place[c]] = lms[i]
	}
	n := len(t.s)
	copy(t.place, t.head)
	put := func(i int32) {
		c := t.s[i]
		t.sa[t.place[c]] = i
		t.place[c]++
	}
	put(int32(n - 1))
	for i := range t.sa {
		if p := t.sa[i]; p > 0 && !t.small[p-1] {
			put(p - 1)
		}
	}
	copy(t.place, t.last)
	for i := n - 1; i >= 0; i-- {
		if p := t.sa[i]; p > 0 && t.small[p-1] {
			c := t.s[p-1]
			t.place[c]--
			t.sa[t.place[c]] = p - 1
		}
	}
}

// order sorts the leftmost small suffixes: it names the pieces of text between
// them by their order, which sa has after a first round, and sorts the text of
// these names.
func (t *sorter) order(lms []int32) []int32 {
	number := make([]int32, len(t.s)) // place in the text -> place in lms + 1
	for i, p := range lms {
		number[p] = int32(i) + 1
	}
	names := make([]int32, len(lms))
	name, prev := int32(-1), int32(-1)
	for _, p := range t.sa {
		if p <= 0 || number[p] == 0 {
			continue
		}
		if prev < 0 || !t.same(lms, number, prev, p) {
			name++
		}
		names[number[p]-1], prev = name, p
	}
	sorted := make([]int32, len(lms))
	for i, p := range induced(names, int(name)+1) {
		sorted[i] = lms[p]
	}
	return sorted
}

// same says whether the pieces that begin at a and b are equal.
func (t *sorter) same(lms, number []int32, a, b int32) bool {
	end := func(p int32) int32 {
		if i := int(number[p]); i < len(lms) {
			return lms[i]
		}
		return int32(len(t.s))
	}
	endA, endB := end(a), end(b)
	if endA-a != endB-b {
		return false
	}
	for ; a < endA; a, b = a+1, b+1 {
		if t.s[a] != t.s[b] {
			return false
		}
	}
	// The letter behind a piece belongs to it; the end of the text is unique.
	return int(endA) < len(t.s) && int(endB) < len(t.s) && t.s[endA] == t.s[endB]
}
