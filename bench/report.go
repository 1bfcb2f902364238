package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// report is what a run of the bench has to say.
type report struct {
	Machine  machine
	Tables   []*table
	Budgets  []budget
	Skipped  []string // measures that could not be taken yet, with the reason
	Failures []string
	Commands [][2]string // workload and command line
	Raw      map[string]rawTable
}

// rawTable holds every sample of one measure: by runtime, by part, in the order
// taken.
type rawTable map[string]map[string][]float64

// table adds a table for results: its samples go into the JSON report, its
// failures into the list of failures.
func (h *harness) table(name, title string, r *results) *table {
	t := &table{Title: title}
	h.report.Tables = append(h.report.Tables, t)
	h.report.Raw[name] = r.values
	for _, runtime := range r.order {
		if err := r.failed[runtime]; err != nil {
			h.fail("%s under %s: %v", name, runtime, err)
		}
	}
	return t
}

// fail records a failed measurement; the bench then ends with status 1.
func (h *harness) fail(format string, args ...any) {
	h.report.Failures = append(h.report.Failures, fmt.Sprintf(format, args...))
}

// skip records a measure that what it needs does not allow yet.
func (h *harness) skip(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.logf("skipped: %s", text)
	h.report.Skipped = append(h.report.Skipped, text)
}

// recordCommand keeps the command line of a runtime for the report, with the
// folders of this machine left out.
func (h *harness) recordCommand(w workload, rt *runtime, argv []string) {
	h.report.Commands = append(h.report.Commands, [2]string{w.name, h.relative(strings.Join(argv, " "))})
}

func (h *harness) relative(text string) string {
	text = strings.ReplaceAll(text, h.runDir, "$RUN")
	text = strings.ReplaceAll(text, filepath.Clean(h.root)+"/", "")
	return strings.ReplaceAll(text, fmt.Sprintf("bench-%d-", os.Getpid()), "bench-")
}

// write prints the report as Markdown.
func (rep *report) write(w io.Writer, arguments []string) {
	fmt.Fprintf(w, "# Benchmarks\n\nWritten by `%s`; do not edit.\nHow each runtime is started and each number taken: [bench/README.md](bench/README.md).\n\n",
		strings.TrimSpace("go run ./bench "+strings.Join(arguments, " ")))
	fmt.Fprintf(w, "Each value is the median of samples taken in turns (A B C A B C ...), in parentheses the quartiles. A ratio is the\nmedian of the ratios of samples taken one after the other, not the ratio of medians. A run whose exit status or\nresult is wrong is a failure, never a sample.\n\n")
	rep.Machine.write(w)
	for _, t := range rep.Tables {
		fmt.Fprintf(w, "\n## %s\n\n", t.Title)
		if t.Note != "" {
			fmt.Fprintf(w, "%s\n\n", t.Note)
		}
		t.write(w)
	}
	fmt.Fprintf(w, "\n## Budgets\n\n")
	budgets := table{Words: true, Header: []string{"what", "budget", "measured", "verdict"}}
	for _, b := range rep.Budgets {
		budgets.Rows = append(budgets.Rows, []string{b.What, b.Budget, b.Measured, b.Verdict})
	}
	budgets.write(w)
	writeList(w, "Not measured", rep.Skipped)
	writeList(w, "Failed", rep.Failures)
	fmt.Fprintf(w, "\n## Commands\n\n`$RUN` is a folder in /run that the bench makes and removes.\n\n```\n")
	for _, c := range rep.Commands {
		fmt.Fprintf(w, "%-14s %s\n", c[0], c[1])
	}
	fmt.Fprintf(w, "```\n")
}

func writeList(w io.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n## %s\n\n", title)
	for _, line := range lines {
		fmt.Fprintf(w, "- %s\n", line)
	}
}

func (m *machine) write(w io.Writer) {
	t := table{Words: true, Header: []string{"machine", "value"}, Rows: [][]string{
		{"date", m.Date},
		{"processor", fmt.Sprintf("%s, %d CPUs", m.Processor, m.CPUs)},
		{"memory", m.Memory},
		{"system", m.System + ", " + m.Kernel},
		{"hypervisor", m.Hypervisor},
		{"KVM", m.KVM},
		{"transparent huge pages", m.HugePages},
		{"load before the first measure", m.Load},
	}}
	for _, v := range m.Versions {
		t.Rows = append(t.Rows, v[:])
	}
	t.write(w)
}

// save writes the report to a Markdown file, and to a JSON file if one is
// named; that one has every sample.
func (h *harness) save(markdown, jsonFile string, arguments []string) error {
	var text strings.Builder
	h.report.write(&text, arguments)
	if err := os.WriteFile(markdown, []byte(h.relative(text.String())), 0o644); err != nil {
		return err
	}
	if jsonFile == "" {
		return nil
	}
	data, err := json.MarshalIndent(h.report, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(jsonFile, append(data, '\n'), 0o644)
}
