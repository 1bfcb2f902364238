package image

import (
	"slices"
	"testing"
	"time"

	"spaceos"
	"spaceos/manifest"
)

func TestCompareManifests(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m *manifest.Manifest)
		want   []Change
	}{
		{"nothing", func(*manifest.Manifest) {}, nil},
		{"a limit", func(m *manifest.Manifest) { m.Limits.WallTime = time.Hour }, []Change{{Changed, "limits", "wall-time", "1m0s", "1h0m0s"}}},
		{"a need that is new", func(m *manifest.Manifest) { m.Services = []string{"position"} }, []Change{{Added, "needs", "service position", "", ""}}},
		{"a need that is gone", func(m *manifest.Manifest) { m.Subjects = nil }, []Change{{Gone, "needs", "calls for files", "", ""}}},
		{"a description that is new", func(m *manifest.Manifest) { m.Description = "Hello" }, []Change{{Added, "description", "", "", "Hello"}}},
		{"a variable", func(m *manifest.Manifest) { m.Env = map[string]string{"A": "1 2"} }, []Change{{Changed, "environment", "A", `"0"`, `"1 2"`}}},
		{"a variable that is empty", func(m *manifest.Manifest) { m.Env = map[string]string{"A": "0", "B": ""} }, []Change{{Added, "environment", "B", "", `""`}}},
		{"what starts it", func(m *manifest.Manifest) { m.Start = []manifest.Start{{On: manifest.OnBoot}} }, []Change{{Added, "starts", "the computer's start", "", ""}}},
		{"several, in the order in which people read", func(m *manifest.Manifest) {
			m.Args, m.Version, m.Limits.Memory = []string{"-v"}, "2", spaceos.GiB
		}, []Change{{Changed, "version", "", "1.0.0", "2"}, {Changed, "limits", "memory", "16MiB", "1GiB"}, {Added, "arguments", "", "", "-v"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := &Image{Manifest: payload()}, &Image{Manifest: payload()}
			before.Manifest.Env = map[string]string{"A": "0"}
			after.Manifest.Env = map[string]string{"A": "0"}
			c.change(&after.Manifest)
			if got, _ := Compare(before, after); !slices.Equal(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestCompareFiles(t *testing.T) {
	file := func(path, text string) File {
		return File{path, spaceos.DigestOf([]byte(text)), int64(len(text)), false}
	}
	tool := file("a", "1")
	tool.Executable = true
	for _, c := range []struct {
		name          string
		before, after []File
		want          []FileChange
	}{
		{"the same", []File{file("a", "1")}, []File{file("a", "1")}, nil},
		{"other bytes", []File{file("a", "1")}, []File{file("a", "2")}, []FileChange{{Changed, file("a", "1"), file("a", "2")}}},
		{"another mode", []File{file("a", "1")}, []File{tool}, []FileChange{{Changed, file("a", "1"), tool}}},
		{"some new, some gone", []File{file("a", "1"), file("b", "1"), file("d", "1")}, []File{file("b", "1"), file("c", "1"), file("e", "1")},
			[]FileChange{{Gone, file("a", "1"), File{}}, {Added, File{}, file("c", "1")}, {Gone, file("d", "1"), File{}}, {Added, File{}, file("e", "1")}}},
		{"all new", nil, []File{file("a", "1")}, []FileChange{{Added, File{}, file("a", "1")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := Compare(&Image{Files: c.before}, &Image{Files: c.after}); !slices.Equal(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}
