package world

// A writer of a file of the host is lent room ahead of what it writes, so that
// it need not ask at each write: most files are short, and long ones mostly grow
// in small pieces. What is lent is kept from all others, and taken back when a
// request needs it, so a quota ends at the same byte with loans as without.
// How much of a loan was used is seen at its end; until then it counts whole.
const (
	minLoan = 64 << 10
	maxLoan = 1 << 20
)

// loan is how many bytes the file may have beyond those granted.
func (b *body) loan() int64 { return max(b.lent-b.granted, 0) }

// lendTo sets the size that the file may have without asking.
func (b *body) lendTo(size int64) {
	before := b.loan()
	b.lent = size
	b.mount.lent += b.loan() - before
}

// lend lends room to the writer of a file that has size bytes, and gives the
// size up to which it may write: 0 without a loan. A frozen clock lends none,
// since it dates writes when they ask.
func (o *hostFile) lend(size int64) int64 {
	if !o.writable() || !o.in.counted || o.mount.srv.clock.Frozen() {
		return 0
	}
	b := &o.in.body
	if size > b.granted { // written without asking: counted all the same
		b.set(size)
	}
	end := b.granted + min(max(b.granted, minLoan), maxLoan)
	if more := end - max(b.lent, b.granted); more > 0 && more <= b.mount.room() && end <= b.mount.maxFile() {
		b.lendTo(end)
	}
	if b.loan() == 0 {
		return 0
	}
	if !o.lent {
		o.lent = true
		o.in.lenders++
		if b.mount.loans == nil {
			b.mount.loans = make(map[*hostFile]struct{})
		}
		b.mount.loans[o] = struct{}{}
	}
	return b.lent
}

// repay ends an open file's part in a loan, and the loan with its last one: size
// is the file's, if e is 0. What cannot be seen counts as written.
func (o *hostFile) repay(size int64, e errno) {
	if !o.lent {
		return
	}
	b := &o.in.body
	o.lent = false
	delete(b.mount.loans, o)
	if o.in.lenders--; o.in.lenders > 0 {
		return
	}
	if e != 0 {
		size = b.lent
	}
	if size > b.granted {
		b.set(size)
	}
	b.lendTo(0)
}

// recall ends all loans of a mount; the client learns it from the new epoch.
func (m *mount) recall() {
	if len(m.loans) == 0 {
		return
	}
	for o := range m.loans {
		o.repay(o.size())
	}
	m.srv.epoch++
}
