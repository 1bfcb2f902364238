package cli

import (
	"runtime/debug"
	"strings"
	"testing"
)

// TestVersionNamesTheCommit: what go build records of a repository, and what
// becomes of it (go help buildvcs).
func TestVersionNamesTheCommit(t *testing.T) {
	commit := strings.Repeat("0123456789", 4)
	for _, c := range []struct {
		name     string
		settings []debug.BuildSetting
		version  string
		commit   string
		modified bool
	}{
		{"no repository", []debug.BuildSetting{{Key: "GOOS", Value: "linux"}}, "development", "", false},
		{"a commit", []debug.BuildSetting{{Key: "vcs.revision", Value: commit}, {Key: "vcs.modified", Value: "false"}}, "012345678901", commit, false},
		{"a commit and more", []debug.BuildSetting{{Key: "vcs.revision", Value: commit}, {Key: "vcs.modified", Value: "true"}}, "012345678901+changes", commit, true},
		{"a commit of another kind", []debug.BuildSetting{{Key: "vcs.revision", Value: "17"}}, "development", "17", false},
	} {
		if b := buildOf(c.settings); b.Version != c.version || b.Commit != c.commit || b.Modified != c.modified {
			t.Errorf("%s: of %v got %+v, want version %q, commit %q, modified %v", c.name, c.settings, b, c.version, c.commit, c.modified)
		}
	}
}
