package spaceos

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestValidName(t *testing.T) {
	for _, good := range []string{"a", "0", "-", "cloud-mask-2", strings.Repeat("z", MaxName)} {
		if err := ValidName(good); err != nil {
			t.Errorf("ValidName(%q) = %v, want nil", good, err)
		}
	}
	for _, bad := range []string{"", "A", "a b", "a/b", "..", "a.b", "ä", "a_b", "a\x00", "a\n", strings.Repeat("z", MaxName+1), "\xff"} {
		if err := ValidName(bad); !errors.Is(err, ErrName) {
			t.Errorf("ValidName(%q) = %v, want ErrName", bad, err)
		}
	}
}

func TestWithinNamesTheLimitThatIsTooLarge(t *testing.T) {
	ceiling := Limits{8 * MiB, 2 * time.Second, 5 * time.Second, 1 * MiB, 2 * MiB, 3 * KB, 4 * KB, 5 * KB}
	if err := ceiling.Within(ceiling); err != nil {
		t.Errorf("a ceiling is above itself: %v", err)
	}
	if err := (Limits{}).Within(ceiling); err != nil {
		t.Errorf("nothing is above %+v: %v", ceiling, err)
	}
	for i, want := range []string{
		"memory of 8388609B is above its ceiling of 8MiB",
		"cpu-time of 2.000000001s is above its ceiling of 2s",
		"wall-time of 5.000000001s is above its ceiling of 5s",
		"scratch of 1048577B is above its ceiling of 1MiB",
		"data of 2097153B is above its ceiling of 2MiB",
		"products of 3001B is above its ceiling of 3kB",
		"products-per-day of 4001B/day is above its ceiling of 4kB/day",
		"log-rate of 5001B/day is above its ceiling of 5kB/day",
	} {
		asked := ceiling
		if limit := asked.List()[i]; limit.Time != nil {
			*limit.Time++
		} else {
			*limit.Bytes++
		}
		if err := asked.Within(ceiling); !errors.Is(err, ErrLimit) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
