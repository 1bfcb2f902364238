package spaceos

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxName is how long a name may be.
const MaxName = 32

// ErrName is in the chain of every error about a name.
var ErrName = errors.New("not a name")

// ValidName checks the name of a tenant, a payload, a service or a spacecraft:
// 1 to 32 of a-z, 0-9 and "-". Names become parts of paths, roles and file
// names, so nothing in one means anything to any of those.
func ValidName(s string) error {
	if s == "" {
		return fmt.Errorf("the empty text is %w: write 1 to %d of a-z, 0-9 and -", ErrName, MaxName)
	}
	if len(s) > MaxName {
		return fmt.Errorf("%.40q is %w: it has %d bytes, and a name has at most %d", s, ErrName, len(s), MaxName)
	}
	at := strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
	if at >= 0 {
		return fmt.Errorf("%q is %w: write a-z, 0-9 and - alone", s, ErrName)
	}
	return nil
}

// Limits are what a payload may use. A manifest asks for them, a lease grants
// them, a charter is their ceiling.
type Limits struct {
	Memory      Bytes         // of a run: program, heap, page tables, /tmp
	CPUTime     time.Duration // of a run, whole milliseconds
	WallTime    time.Duration // of a run, whole milliseconds
	Scratch     Bytes         // what /tmp holds at most, a part of Memory
	Data        Bytes         // what /data holds, over all runs
	Products    Bytes         // what a run leaves in /out
	ProductsDay Bytes         // what all runs of a day leave in /out
	LogRate     Bytes         // of the log, a day
}

// A Limit is one of the Limits.
type Limit struct {
	Name  string         // as manifests, leases and charters write it
	Bytes *Bytes         // nil for a time
	Time  *time.Duration // nil for an amount
}

// List gives all limits, in the order in which people read them; what it
// points at is l's.
func (l *Limits) List() [8]Limit {
	return [8]Limit{
		{Name: "memory", Bytes: &l.Memory},
		{Name: "cpu-time", Time: &l.CPUTime},
		{Name: "wall-time", Time: &l.WallTime},
		{Name: "scratch", Bytes: &l.Scratch},
		{Name: "data", Bytes: &l.Data},
		{Name: "products", Bytes: &l.Products},
		{Name: "products-per-day", Bytes: &l.ProductsDay},
		{Name: "log-rate", Bytes: &l.LogRate},
	}
}

// Value is the limit's number: bytes, or nanoseconds of a time.
func (l Limit) Value() uint64 {
	if l.Time != nil {
		return uint64(max(0, *l.Time))
	}
	return uint64(*l.Bytes)
}

// String is the value with its unit.
func (l Limit) String() string {
	switch {
	case l.Time != nil:
		return l.Time.String()
	case l.Name == "products-per-day" || l.Name == "log-rate":
		return l.Bytes.String() + "/day"
	}
	return l.Bytes.String()
}

// ErrLimit is in the chain of every error about a limit above its ceiling.
var ErrLimit = errors.New("above its ceiling")

// Within checks each limit against the same one of a ceiling, and names the
// first that is above it.
func (l Limits) Within(ceiling Limits) error {
	above := ceiling.List()
	for i, limit := range l.List() {
		if limit.Value() > above[i].Value() {
			return fmt.Errorf("%s of %v is %w of %v", limit.Name, limit, ErrLimit, above[i])
		}
	}
	return nil
}
