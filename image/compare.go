package image

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"spaceos/manifest"
)

// Kind says how something differs.
type Kind byte

// The kinds, as people mark them.
const (
	Added   Kind = '+'
	Gone    Kind = '-'
	Changed Kind = '~'
)

// Change is one fact of the manifest that differs.
type Change struct {
	Kind  Kind
	Group string // such as "limits" or "needs"
	Name  string // in the group; empty if there is but one
	Old   string // empty where the name says all
	New   string
}

// FileChange is one file that differs: in its bytes or in its mode.
type FileChange struct {
	Kind     Kind
	Old, New File // the zero File where there is none
}

// Compare lists what differs between two images.
func Compare(before, after *Image) ([]Change, []FileChange) {
	return compareManifests(&before.Manifest, &after.Manifest), compareFiles(before.Files, after.Files)
}

// compareFiles goes through two lists in order of their paths.
func compareFiles(before, after []File) (changes []FileChange) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].Path < after[0].Path:
			changes = append(changes, FileChange{Kind: Gone, Old: before[0]})
			before = before[1:]
		case len(before) == 0 || after[0].Path < before[0].Path:
			changes = append(changes, FileChange{Kind: Added, New: after[0]})
			after = after[1:]
		default:
			if before[0] != after[0] {
				changes = append(changes, FileChange{Changed, before[0], after[0]})
			}
			before, after = before[1:], after[1:]
		}
	}
	return changes
}

// row is one fact of a manifest; group and name tell it apart.
type row struct{ group, name, value string }

func compareManifests(before, after *manifest.Manifest) (changes []Change) {
	old, fresh := manifestRows(before), manifestRows(after)
	find := func(rows []row, r row) int {
		return slices.IndexFunc(rows, func(o row) bool { return o.group == r.group && o.name == r.name })
	}
	for _, r := range fresh {
		if i := find(old, r); i < 0 {
			changes = append(changes, Change{Added, r.group, r.name, "", r.value})
		} else if old[i].value != r.value {
			changes = append(changes, Change{Changed, r.group, r.name, old[i].value, r.value})
		}
	}
	for _, r := range old {
		if find(fresh, r) < 0 {
			changes = append(changes, Change{Gone, r.group, r.name, r.value, ""})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Compare(slices.Index(groups[:], a.Group), slices.Index(groups[:], b.Group))
	})
	return changes
}

// groups are in the order in which people read changes.
var groups = [...]string{"name", "tenant", "version", "description", "licence", "source", "limits", "needs", "engine", "starts", "restart", "priority", "program", "arguments", "environment", "assets"}

// manifestRows takes a manifest apart into what can differ. Services and
// subjects are the needs, by name.
func manifestRows(m *manifest.Manifest) []row {
	rows := []row{
		{"name", "", m.Name}, {"tenant", "", m.Tenant}, {"version", "", m.Version},
		{"description", "", m.Description}, {"licence", "", m.Licence},
		{"source", "address", m.Source.Repository}, {"source", "commit", m.Source.Commit},
		{"engine", "", string(m.Engine)}, {"restart", "", Restarts(m)},
		{"priority", "", strconv.Itoa(m.Priority)}, {"program", "", m.Program},
		{"arguments", "", Words(m.Args)}, {"assets", "", strings.Join(m.Assets, " ")},
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.value == "" }) // it says nothing
	for _, l := range m.Limits.List() {
		rows = append(rows, row{"limits", l.Name, l.String()})
	}
	for _, s := range m.Services {
		rows = append(rows, row{"needs", "service " + s, ""})
	}
	for _, s := range m.Subjects {
		rows = append(rows, row{"needs", "calls for " + s, ""})
	}
	for _, s := range m.Start {
		rows = append(rows, row{"starts", Starts(s), ""})
	}
	for _, kv := range m.Environment() {
		name, value, _ := strings.Cut(kv, "=")
		rows = append(rows, row{"environment", name, strconv.Quote(value)})
	}
	return rows
}

// Words joins arguments or variables as people read them: in quotes where the
// blanks between them would not tell them apart.
func Words(list []string) string {
	words := make([]string, len(list))
	for i, w := range list {
		if words[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'\\") {
			words[i] = strconv.Quote(w)
		}
	}
	return strings.Join(words, " ")
}

// Starts says in words what starts a run.
func Starts(s manifest.Start) string {
	switch s.On {
	case manifest.OnFrame:
		return "a frame from camera " + s.Camera
	case manifest.OnSchedule:
		return "every " + s.Every.String()
	case manifest.OnBoot:
		return "the computer's start"
	}
	return "an order from the ground"
}

// Restarts says in words what becomes of a run that ended.
func Restarts(m *manifest.Manifest) string {
	switch r := m.Restart; r.When {
	case manifest.OnFailure:
		return fmt.Sprintf("on failure, %d times in a row, %v apart", r.Attempts, r.Delay)
	case manifest.Always:
		return fmt.Sprintf("always, after %v", r.Delay)
	}
	return "never"
}
