package main

import (
	"slices"

	"spaceos/libos"
	"spaceos/manifest"
)

// callsView is the attack surface of an image: the calls of the library OS that
// its program can reach.
type callsView struct {
	All       int           `json:"all"`
	Reachable []string      `json:"reachable"`
	Subjects  []subjectView `json:"subjects"`
}

type subjectView struct {
	Subject   string `json:"subject"`
	All       int    `json:"all"`
	Reachable int    `json:"reachable"`
}

// reachable counts the table of calls by subject; the core is always on.
func reachable(m *manifest.Manifest) (v callsView) {
	for _, c := range libos.Calls() {
		v.All++
		name := c.Subject.String()
		at := slices.IndexFunc(v.Subjects, func(s subjectView) bool { return s.Subject == name })
		if at < 0 {
			at = len(v.Subjects)
			v.Subjects = append(v.Subjects, subjectView{Subject: name})
		}
		v.Subjects[at].All++
		if c.Subject == libos.SubjectCore || slices.Contains(m.Subjects, name) {
			v.Subjects[at].Reachable++
			v.Reachable = append(v.Reachable, c.Name)
		}
	}
	slices.Sort(v.Reachable)
	slices.SortStableFunc(v.Subjects, func(a, b subjectView) int { return b.All - a.All })
	return v
}
