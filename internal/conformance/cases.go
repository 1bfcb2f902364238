package conformance

import (
	"fmt"
	"strings"
)

// text is the file that many cases read.
const text = "The first line\nthe second, with figures 17 4 256\n\nafter an empty one\nthe last line\n"

// files is what /in holds for the programs of ours: files, folders and links
// of every kind that a world has to resolve by itself.
var files = Tree{
	"text":             text,
	"empty":            "",
	"folder/inner":     "inner\n",
	"folder/deep/leaf": "leaf\n",
	"folder/up":        linkMark + "../text",
	"link":             linkMark + "text",
	"absolute":         linkMark + "/in/folder/inner",
	"tofolder":         linkMark + "folder",
	"dangling":         linkMark + "nothing",
	"loop":             linkMark + "loop",
	"ping":             linkMark + "pong",
	"pong":             linkMark + "ping",
	"outside":          linkMark + "../../../../etc/passwd",
	"notafolder":       linkMark + "text/below",
	"none/":            "",
}

// subjects are the programs of ours with the arguments that each is run with;
// nil is one run without.
var subjects = []struct {
	name  string
	args  [][]string
	stdin string
}{
	{name: "memory"},
	{name: "taken"},
	{name: "files"},
	{name: "descriptors", stdin: "what the program reads"},
	{name: "locks"},
	{name: "devices"},
	{name: "tree"},
	{name: "attributes"},
	{name: "corners"},
	{name: "stdio", stdin: "17 25\na line\n\nthe last, without an end"},
	{name: "poll", stdin: "x"},
	{name: "time"},
	{name: "random"},
	{name: "errno"},
	{name: "math"},
	{name: "strings"},
	{name: "process"},
	{name: "signals", args: signalArgs()},
	{name: "signals_handlers"},
	{name: "signals_faults", args: words("memory", "math", "instructions", "interrupts")},
	{name: "signals_int80"},
	{name: "signals_flags"},
	{name: "signals_waits"},
	{name: "signals_timers"},
	{name: "signals_frames", args: words("layout", "registers", "refusals", "vectors", "stacks")},
	{name: "start", args: startArgs()},
	{name: "sequences", args: sequenceArgs()},
	{name: "space", args: spaceArgs()},
	{name: "faults", args: faultArgs()},
}

// signalArgs are the ways to die of a signal that c/signals.c knows, and its
// inventory of what the process keeps.
func signalArgs() [][]string {
	return [][]string{
		{"state"}, {"abort"}, {"abort-ignored"}, {"segv-ignored"}, {"segv-blocked"}, {"pipe"},
		{"raise", "15"}, {"raise", "9"}, {"raise", "1"}, {"raise", "11"}, {"raise", "34"},
		{"kill", "10"}, {"kill", "14"}, {"tkill", "12"}, {"tgkill", "3"}, {"tgkill", "17"},
		{"unblock", "15"}, {"unblock", "2"}, {"unblock", "23"},
	}
}

// words are runs with one argument each.
func words(list ...string) [][]string {
	args := make([][]string, len(list))
	for i, word := range list {
		args[i] = []string{word}
	}
	return args
}

// startArgs are argument lists that a start must hand over untouched.
func startArgs() [][]string {
	return [][]string{
		nil,
		{"one", "", "with space", "\"quoted\"", "--memory", "ünïcode", "-"},
		{strings.Repeat("long ", 20000)},
		strings.Fields(strings.Repeat("many ", 2000)),
	}
}

// sequenceArgs are walks of random calls on memory: the seed.
func sequenceArgs() [][]string {
	var args [][]string
	for seed := range 4 {
		args = append(args, []string{"pages", fmt.Sprint(seed)})
	}
	return args
}

// spaceArgs are walks of c/space.c over small and over huge pages: the seed.
func spaceArgs() [][]string {
	var args [][]string
	for _, size := range []string{"pages", "huge"} {
		for seed := range 2 {
			args = append(args, []string{size, fmt.Sprint(seed)})
		}
	}
	return args
}

// Brief gives the case with fewer turns, where it is one that draws them: for
// machines on which each takes long.
func (c Case) Brief() Case {
	turns := map[string]string{"sequences": "50", "space": "12"}[c.Program.Subject]
	if turns != "" {
		c.Args = append(c.Args[:len(c.Args):len(c.Args)], turns)
	}
	return c
}

// stepsCases are a few walks of random file calls, the same each time.
func stepsCases() []Case {
	var cases []Case
	for _, mount := range []string{"/tmp", "/out", "/data", "/in"} {
		walks := make([]Walk, 3)
		for i := range walks {
			walks[i] = DrawWalk(0, mount, i, 120)
		}
		cases = append(cases, stepsCase("steps"+mount, walks))
	}
	return cases
}

// faultArgs are the deaths that c/faults.c knows.
func faultArgs() [][]string {
	names := []string{
		"null_read", "null_write", "null_call", "null_page", "kernel_read", "last_page",
		"noncanonical_read", "noncanonical_jump", "noncanonical_stack", "text_write",
		"rodata_write", "data_exec", "stack_exec", "heap_exec", "readonly_write",
		"none_read", "unmapped_read", "took_write_away", "took_read_away",
		"took_exec_away", "past_end_of_file", "brk_end", "endless_recursion",
		"below_stack_limit", "divide", "divide_overflow", "sse_divide", "x87_divide",
		"ud2", "int3", "int1", "int4", "int14", "int32", "int255", "hlt", "cli", "sti",
		"in_byte", "in_word", "out_byte", "out_long", "outs", "rdmsr", "wrmsr",
		"read_cr0", "write_cr3", "read_dr7", "lgdt", "lidt", "ltr", "invlpg", "wbinvd",
		"clts", "swapgs", "sysret", "xsetbv", "bad_selector", "bad_iret",
		"misaligned_sse", "trap_flag", "alignment_check", "do_abort", "long_nop",
		"bad_opcode", "lock_nop", "popf_flags",
	}
	return words(names...)
}

// gridSample is which lines of the grid are among the cases: they run on every
// KVM, and twice on Linux. TestCellAnswersTheGridAsLinux runs all.
const gridSample = 28

// Cases lists every case: the programs of ours with each C library, a sample of
// the grid, then the commands of others.
func Cases() []Case {
	var cases []Case
	for _, s := range subjects {
		if s.args == nil {
			s.args = [][]string{nil}
		}
		for i, args := range s.args {
			for _, build := range buildsOf(s.name) {
				cases = append(cases, Case{
					Name:    s.name + label(s.args, i) + "/" + build.String(),
					Program: Program{Subject: s.name, Build: build},
					Args:    args,
					Env:     []string{"LANG=C", "EMPTY=", "SPACED=a b=c"},
					Stdin:   s.stdin,
					In:      files,
					App:     Tree{"model": "a model\n"},
					Data:    Tree{"kept": "kept\n"},
				})
			}
		}
	}
	cases = append(cases, stepsCases()...)
	for _, g := range Grids(gridSample) {
		cases = append(cases, g.Case)
	}
	return append(cases, commands()...)
}

// buildsOf gives the builds a subject is tried in: both C libraries, and the
// position independent ones where the address of things matters.
func buildsOf(subject string) []Build {
	switch subject {
	case "start", "memory":
		return []Build{Musl, Glibc, MuslPIE, GlibcPIE}
	case "faults", "sequences":
		return []Build{Musl}
	}
	return []Build{Musl, Glibc}
}

// label names one of several argument lists in a case's name.
func label(args [][]string, i int) string {
	if len(args) == 1 {
		return ""
	}
	joined := strings.ReplaceAll(strings.Join(args[i], "-"), "/", "")
	if len(joined) == 0 || len(joined) > 24 {
		return fmt.Sprintf("/%d", i)
	}
	return "/" + joined
}
