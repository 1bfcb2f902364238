package cell

import (
	"encoding/binary"
	"time"
)

// codec takes the fields of a message in order, either way: writing appends
// them to b, reading takes them off it. The first field that is wrong makes it
// bad, and what is read after that is zero.
type codec struct {
	b       []byte
	writing bool
	bad     bool
}

type integer interface {
	~int | ~int64 | ~uint64 | ~uint32 | ~uint | ~uint8
}

// num is an integer of any kind, which must fit into its field.
func num[T integer](c *codec, v *T) {
	if c.writing {
		c.b = binary.LittleEndian.AppendUint64(c.b, uint64(*v))
		return
	}
	n := uint64(0)
	if b := c.take(8); b != nil {
		n = binary.LittleEndian.Uint64(b)
	}
	*v = T(n)
	if uint64(*v) != n {
		c.bad, *v = true, 0
	}
}

// take takes bytes off the message, nil if there are not so many.
func (c *codec) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)) {
		c.bad = true
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *codec) text(s *string) {
	n := uint64(len(*s))
	num(c, &n)
	if c.writing {
		c.b = append(c.b, *s...)
		return
	}
	*s = string(c.take(n))
}

// list grows as its strings arrive, so that a claimed length costs nothing.
func (c *codec) list(l *[]string) {
	n := uint64(len(*l))
	num(c, &n)
	if c.writing {
		for i := range *l {
			c.text(&(*l)[i])
		}
		return
	}
	*l = nil
	for range n {
		var s string
		if c.text(&s); c.bad {
			return
		}
		*l = append(*l, s)
	}
}

func (c *codec) counts(m *map[string]uint64) {
	n := uint64(len(*m))
	num(c, &n)
	if c.writing {
		for name, count := range *m {
			c.text(&name)
			num(c, &count)
		}
		return
	}
	*m = nil
	for range n {
		var name string
		var count uint64
		c.text(&name)
		if num(c, &count); c.bad {
			return
		}
		if *m == nil {
			*m = make(map[string]uint64)
		}
		(*m)[name] = count
	}
}

// bools are bits of one integer.
func (c *codec) bools(flags ...*bool) {
	var bits uint64
	for i, f := range flags {
		if *f {
			bits |= 1 << i
		}
	}
	num(c, &bits)
	for i, f := range flags {
		*f = bits>>i&1 != 0
	}
	c.bad = c.bad || bits>>len(flags) != 0
}

// time is a time of day in UTC; the zero time stays zero.
func (c *codec) time(t *time.Time) {
	there, sec, nsec := !t.IsZero(), t.Unix(), t.Nanosecond()
	c.bools(&there)
	num(c, &sec)
	num(c, &nsec)
	if c.writing || !there {
		return
	}
	if nsec < 0 || nsec >= 1e9 {
		c.bad = true
		return
	}
	*t = time.Unix(sec, int64(nsec)).UTC()
}
