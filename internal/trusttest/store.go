package trusttest

import (
	"errors"
	"io/fs"
	"maps"

	"spaceos/trust"
)

// ErrPower is what a store says after its power was cut.
var ErrPower = errors.New("the power is cut")

// A Store keeps bytes in memory. Its power can be cut: after Cut more calls of
// Put and Sweep all fail; Torn says whether the last Put still happened.
type Store struct {
	Files map[string][]byte
	Puts  int
	Cut   int // 0: never
	Torn  bool
	calls int
}

// NewStore makes an empty store that trusts a root.
func NewStore(root []byte) *Store {
	s := &Store{Files: map[string][]byte{}}
	if err := trust.Provision(s, root); err != nil {
		panic(err)
	}
	return s
}

// Copy is the store as it comes back after a power cut.
func (s *Store) Copy() *Store { return &Store{Files: maps.Clone(s.Files)} }

// Get is trust.Store's.
func (s *Store) Get(name string) ([]byte, error) {
	data, ok := s.Files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return append([]byte(nil), data...), nil
}

// Put is trust.Store's.
func (s *Store) Put(name string, data []byte) error {
	s.Puts++
	if s.calls++; s.Cut > 0 && s.calls >= s.Cut {
		if s.calls == s.Cut && s.Torn {
			s.Files[name] = append([]byte(nil), data...)
		}
		return ErrPower
	}
	s.Files[name] = append([]byte(nil), data...)
	return nil
}

// Sweep is trust.Store's.
func (s *Store) Sweep(keep func(name string) bool) error {
	if s.calls++; s.Cut > 0 && s.calls >= s.Cut {
		if s.calls == s.Cut && s.Torn { // half of it happened
			for name := range s.Files {
				if !keep(name) {
					delete(s.Files, name)
					break
				}
			}
		}
		return ErrPower
	}
	maps.DeleteFunc(s.Files, func(name string, _ []byte) bool { return !keep(name) })
	return nil
}
