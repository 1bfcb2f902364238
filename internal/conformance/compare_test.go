package conformance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestCompareSeesEachKindOfDifference(t *testing.T) {
	base := Result{Stdout: "a\nb\nc\n", Stderr: "e", Status: 3, Out: Tree{"f": "- x"}, Data: Tree{"g": "- y"}}
	tests := []struct {
		name   string
		change func(r *Result)
		want   string
	}{
		{"no difference", func(*Result) {}, ""},
		{"another line", func(r *Result) { r.Stdout = "a\nB\nc\n" }, "- Linux: b\n  + cell:  B\n"},
		{"a line less", func(r *Result) { r.Stdout = "a\nc\n" }, "- Linux: b\n"},
		{"a line more", func(r *Result) { r.Stdout = "a\nb\nnew\nc\n" }, "+ cell:  new\n"},
		{"no last newline", func(r *Result) { r.Stdout = "a\nb\nc" }, "standard output"},
		{"standard error", func(r *Result) { r.Stderr = "" }, "standard error"},
		{"status", func(r *Result) { r.Status = 139 }, "- Linux: 3\n  + cell:  139\n"},
		{"a product's content", func(r *Result) { r.Out = Tree{"f": "- z"} }, "/out"},
		{"a product missing", func(r *Result) { r.Out = Tree{} }, "/out"},
		{"stored data", func(r *Result) { r.Data = Tree{"g": "- y", "h": ""} }, "/data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cell := base
			tt.change(&cell)
			got := strings.Join(Compare(Case{Name: "a case"}, base, cell), "")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("Compare(%+v, %+v) = %q, want %q in it", base, cell, got, tt.want)
			}
		})
	}
}

func TestCompareHoldsDeviationsBothWays(t *testing.T) {
	c := Case{Name: "a case", Program: Program{Subject: "process"}}
	var linux, cell []string
	for _, d := range deviationsOf(c) {
		linux, cell = append(linux, d.Linux), append(cell, d.Cell)
	}
	all := func(lines []string) Result { return Result{Stdout: strings.Join(lines, "\n") + "\n"} }
	if got := Compare(c, all(linux), all(cell)); len(got) != 0 {
		t.Errorf("every deviation as stated: Compare says %q, want nothing", got)
	}
	if got := Compare(c, all(linux), all(linux)); len(got) != len(linux) {
		t.Errorf("a cell that does what Linux does: Compare says %q, want %d deviations not seen", got, len(linux))
	}
	swapped := slices.Clone(cell)
	swapped[0] += " and more"
	if got := Compare(c, all(linux), all(swapped)); len(got) == 0 {
		t.Error("a cell that deviates in a third way: Compare says nothing")
	}
}

func TestNoticeOfADeathIsTakenOffOrMissed(t *testing.T) {
	const missing = "(no line that begins: spaceos: the program died by SIGABRT)\n"
	tests := []struct{ name, stderr, want string }{
		{"alone", "spaceos: the program died by SIGABRT\n", ""},
		{"behind the program's own", "own\nspaceos: the program died by SIGABRT at RIP 0x1\n", "own\n"},
		{"missing", "own\n", "own\n" + missing},
		{"another signal", "spaceos: the program died by SIGSEGV\n", "spaceos: the program died by SIGSEGV\n" + missing},
		{"not the last line", "spaceos: the program died by SIGABRT\nown\n", "spaceos: the program died by SIGABRT\nown\n" + missing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := withoutNotice(tt.stderr, syscall.SIGABRT); got != tt.want {
				t.Errorf("withoutNotice(%q, SIGABRT) = %q, want %q", tt.stderr, got, tt.want)
			}
		})
	}
}

func TestCasesAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	commands := 0
	for _, c := range Cases() {
		if seen[c.Name] {
			t.Errorf("two cases are named %q", c.Name)
		}
		seen[c.Name] = true
		if c.Program.Path != "" {
			commands++
		}
	}
	if commands < 20 {
		t.Errorf("%d everyday commands, want 20 or more", commands)
	}
}

func TestEveryFaultOfTheProgramIsACase(t *testing.T) {
	list := native(t, Case{Name: "list of faults", Program: Program{Subject: "faults", Build: Musl}})
	var want []string
	for _, args := range faultArgs() {
		want = append(want, args[0])
	}
	if got := strings.Fields(list.Stdout); !slices.Equal(got, want) {
		t.Errorf("c/faults.c knows %q, the cases run %q", got, want)
	}
}

// The document's numbers of deliberate differences are those of the tables,
// whose entries must each show.
func TestSpecificationCountsTheDifferences(t *testing.T) {
	text, err := os.ReadFile("../../SPECIFICATION.md")
	if err != nil {
		t.Fatal(err)
	}
	inSignals := len(deviationsOf(Case{Program: Program{Subject: "signals_int80"}}))
	for _, want := range []string{
		fmt.Sprintf("all pass, %d deliberate differences |", len(deviations)),
		fmt.Sprintf("%d deliberate difference (`int 0x80`) |", inSignals),
		fmt.Sprintf("all but %d families, each with its reason |", len(gridDeviations)),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("SPECIFICATION.md does not say %q", want)
		}
	}
}
