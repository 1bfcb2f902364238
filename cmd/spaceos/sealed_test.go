package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"spaceos"
	"spaceos/cell"
	"spaceos/libos"
	"spaceos/manifest"
)

// hello is a sealed image as it was read.
func hello() *sealed {
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "hello", "1.0.0", "acme", "bin/hello"
	m.Args, m.Env, m.Subjects = []string{"-v"}, map[string]string{"B": "2", "A": "1"}, []string{"time"}
	return &sealed{manifest: m}
}

func TestImageBecomesTheSpec(t *testing.T) {
	f, err := parse("--in", "i", "--seed", "7", "--memory", "8MiB", "--timeout=30s")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.seal(hello()); err != nil {
		t.Fatal(err)
	}
	subjects, err := libos.Only([]string{"time"})
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(7)
	want := cell.Spec{
		Program: "bin/hello", Args: []string{"-v"}, Env: []string{"A=1", "B=2"}, In: "i", Seed: &seed, Subjects: subjects,
		Memory: 8 * spaceos.MiB, Timeout: 30 * time.Second, // lowered
		CPUTime: 10 * time.Second, OutBytes: spaceos.MiB, DataBytes: spaceos.MiB, TmpBytes: spaceos.MiB, // the image's own
	}
	if !reflect.DeepEqual(f.spec, want) {
		t.Errorf("got  %+v\nwant %+v", f.spec, want)
	}
}

func TestFlagsOnlyLowerAnImagesLimits(t *testing.T) {
	for _, c := range []struct{ flag, within, above string }{
		{"--memory", "16MiB", "17MiB"}, {"--out-limit", "1MiB", "1025KiB"}, {"--data-limit", "1MiB", "1025KiB"},
		{"--cpu-time", "10s", "10001ms"}, {"--timeout", "1m", "61s"},
	} {
		f, err := parse(c.flag, c.within)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.seal(hello()); err != nil {
			t.Errorf("%s %s: %v", c.flag, c.within, err)
		}
		if f, err = parse(c.flag, c.above); err != nil {
			t.Fatal(err)
		}
		if err := f.seal(hello()); err == nil || !strings.Contains(err.Error(), "a flag can only lower it") {
			t.Errorf("%s %s: %v, want that it can only lower the limit", c.flag, c.above, err)
		}
	}
	for _, args := range [][]string{{"--app", "a"}, {"--env", "A=1"}} {
		f, err := parse(args...)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.seal(hello()); err == nil {
			t.Errorf("%q is taken beside an image", args)
		}
	}
}

func TestScratchIsWithinALoweredMemory(t *testing.T) {
	s := hello()
	s.manifest.Limits.Scratch = 16 * spaceos.MiB
	f, err := parse("--memory", "4MiB")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.seal(s); err != nil || f.spec.TmpBytes != 4*spaceos.MiB {
		t.Errorf("/tmp has %v of 4MiB, %v", f.spec.TmpBytes, err)
	}
}
