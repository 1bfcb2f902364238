package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"spaceos"
	"spaceos/cell"
	"spaceos/libos"
	"spaceos/manifest"
)

// asked is what a report says of the image.
func (s *sealed) asked() *cell.Image {
	m := &s.manifest
	i := &cell.Image{Tenant: m.Tenant, Name: m.Name, Version: m.Version, Digest: s.digest.String(), Subjects: append([]string{}, m.Subjects...), Limits: map[string]uint64{}}
	for _, l := range s.own.List() {
		if l.Time != nil {
			i.Limits[l.Name+"-ms"] = uint64(l.Time.Milliseconds())
		} else {
			i.Limits[l.Name] = uint64(*l.Bytes)
		}
	}
	return i
}

// print says what was asked for and what was used.
func (s *sealed) print(w io.Writer, r *cell.Report) error {
	m := &s.manifest
	text := fmt.Sprintf("%s:%s of %s\n", m.Name, m.Version, m.Tenant)
	row := func(name, asked, used string) {
		text += fmt.Sprintf("  %-10s %10s asked %12s used%s\n", name, asked, used, s.note(name, r))
	}
	used := map[string]string{
		"memory":    spaceos.Bytes(r.Memory.Peak).Approx(),
		"cpu-time":  micros(r.Time.RunnerCPU),
		"wall-time": micros(r.Time.Wall),
		"scratch":   written(r, "/tmp"),
		"data":      written(r, "/data"),
		"products":  written(r, "/out"),
		"log-rate":  written(r, "stdout", "stderr"),
	}
	for _, l := range s.own.List() {
		if amount, ok := used[l.Name]; ok {
			row(strings.TrimSuffix(l.Name, "-rate"), l.String(), amount)
		}
	}
	reach, all := 0, 0
	for _, c := range libos.Calls() {
		if all++; specSubjects(m).Allows(c.Subject) {
			reach++
		}
	}
	row("calls", fmt.Sprintf("%d of %d", reach, all), fmt.Sprintf("%d", len(r.Calls.Served)))
	if refused := s.refused(r); refused != "" {
		text += "  calls refused: " + refused + "\n"
	}
	if bytesWritten(r, "stdout", "stderr") > uint64(m.Limits.LogRate) {
		text += "  its log is more than its log-rate allows in a day; spaceos run does not hold it to that\n"
	}
	for _, service := range m.Services {
		text += fmt.Sprintf("  /svc/%s is asked for, and is not there: spaceos run has no services yet\n", service)
	}
	_, err := io.WriteString(w, text)
	return err
}

// note is what a row of the table must say beside its numbers.
func (s *sealed) note(name string, r *cell.Report) string {
	text := ""
	if name == "memory" && r.Memory.Refused > 0 {
		text += "; a request for more at once than the limit was refused"
	}
	for _, l := range s.manifest.Limits.List() {
		if flag := s.lowered[l.Name]; flag != "" && l.Name == name {
			text += fmt.Sprintf("; lowered to %v by --%s", l, flag)
		}
	}
	if name == "log" {
		text += "; not held by a single run"
	}
	return text
}

// refused names the calls that the program made and that are off, by the
// subject that would grant them.
func (s *sealed) refused(r *cell.Report) string {
	names := map[string][]string{}
	for _, c := range libos.Calls() {
		if r.Calls.Unsupported[c.Name] > 0 && !specSubjects(&s.manifest).Allows(c.Subject) {
			names[c.Subject.String()] = append(names[c.Subject.String()], c.Name)
		}
	}
	var groups []string
	for _, subject := range manifest.Subjects() {
		if list := names[subject]; list != nil {
			slices.Sort(list)
			groups = append(groups, fmt.Sprintf("%s (subject %s)", strings.Join(list, ", "), subject))
		}
	}
	return strings.Join(groups, "; ")
}

// specSubjects is a valid manifest's set.
func specSubjects(m *manifest.Manifest) libos.SubjectSet {
	set, err := libos.Only(m.Subjects)
	if err != nil {
		return 1 << libos.SubjectCore
	}
	return set
}

func micros(us int64) string {
	return (time.Duration(us) * time.Microsecond).Round(100 * time.Microsecond).String()
}

func written(r *cell.Report, where ...string) string {
	return spaceos.Bytes(bytesWritten(r, where...)).Approx()
}

func bytesWritten(r *cell.Report, where ...string) (sum uint64) {
	for _, w := range where {
		sum += r.Bytes.Written[w]
	}
	return sum
}

// switchedOff names a subject that a sealed program failed without.
func (s *sealed) switchedOff(r *cell.Report) string {
	for _, c := range libos.Calls() {
		if r.Calls.Unsupported[c.Name] > 0 && !specSubjects(&s.manifest).Allows(c.Subject) {
			return fmt.Sprintf("the program failed (exit status %d) and had called %s, which its image does not ask for: add %v to subjects in spaceos.yaml and seal it again", r.Ended.Status, c.Name, c.Subject)
		}
	}
	return ""
}

// more says who can raise a limit that was hit.
func (s *sealed) more(flag, limit string) string {
	switch {
	case s == nil:
		return "give it more with --" + flag
	case s.lowered[limit] != "":
		for _, l := range s.own.List() {
			if l.Name == limit {
				return fmt.Sprintf("--%s lowered it from the image's own %v: give it more with that flag, or leave the flag out", flag, l)
			}
		}
	}
	return "give it more with limits." + limit + " in spaceos.yaml, and seal it again"
}
