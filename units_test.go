package spaceos

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]Bytes{
		"0": 0, "7": 7, "7B": 7, "64MiB": 64 << 20, "20kB": 20000, "1 GiB": 1 << 30, "3TB": 3e12,
		"18446744073709551615": 1<<64 - 1,
	} {
		if got, err := ParseBytes(in); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "1.5MiB", "1mib", "1KB", "1 M", "16777216TiB", "18446744073709551616", "1e3", "0x10"} {
		if got, err := ParseBytes(in); !errors.Is(err, ErrUnits) {
			t.Errorf("ParseBytes(%q) = %d, %v; want an ErrUnits", in, got, err)
		}
	}
}

func TestBytesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Bytes(rapid.Uint64().Draw(t, "bytes"))
		if got, err := ParseBytes(b.String()); err != nil || got != b {
			t.Fatalf("%d prints as %q and reads as %d, %v", b, b, got, err)
		}
	})
}

func TestDigest(t *testing.T) {
	// FIPS 180-2, B.1: the message "abc".
	const abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := DigestOf([]byte("abc")).String(); got != abc {
		t.Errorf("digest of abc: %s, want %s", got, abc)
	}
	d, err := ParseDigest(abc)
	if err != nil || d.String() != abc {
		t.Errorf("ParseDigest: %v, %v", d, err)
	}
	for _, in := range []string{"", "sha256:", abc[:70], abc + "0", "SHA256" + abc[6:], "sha256:BA" + abc[9:], "sha512:" + abc[7:], "sha256:zz" + abc[9:]} {
		if _, err := ParseDigest(in); !errors.Is(err, ErrDigest) {
			t.Errorf("ParseDigest(%q): %v, want ErrDigest", in, err)
		}
	}
}
