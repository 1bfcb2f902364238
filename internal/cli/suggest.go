package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ExplainFlag turns the flag parser's error into a sentence that says what to
// write.
func ExplainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var value *pflag.InvalidValueError
	var absent *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &value):
		return fmt.Errorf("--%s: %q is not %s", value.GetFlag().Name, value.GetValue(), wanted(value.GetFlag()))
	case errors.As(err, &absent):
		return fmt.Errorf("--%s needs a value: %s", absent.GetFlag().Name, absent.GetFlag().Usage)
	}
	return err
}

// wanted says what a flag's value looks like.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "duration":
		return "a time: write a number and a unit, as 30s"
	case "int", "int64":
		return "a whole number that can be held: write one, as 1000"
	case "SIZE", "SIZE/day":
		return "a size: write a whole number and a unit, as 64MiB"
	case "TIME":
		return "a time of whole milliseconds: write a number and a unit, as 1.5s"
	case "bool":
		return "true or false: write the flag alone for true"
	}
	return "a " + f.Value.Type()
}

func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	name, dashes := unknown.GetSpecifiedName(), "--"
	if short := unknown.GetSpecifiedShortnames(); short != "" {
		name, dashes = short, "-"
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
	best := Nearest(name, flags)
	if best == "" {
		return fmt.Errorf("there is no flag %s%s", dashes, name)
	}
	return fmt.Errorf("there is no flag %s%s (did you mean --%s?)", dashes, name, best)
}

// unknownName says that there is nothing of a kind for a command's name, and
// names the nearest commands under above.
func unknownName(above *cobra.Command, kind, name string) error {
	text := fmt.Sprintf("there is no %s %q", strings.TrimSpace(kind+strings.TrimPrefix(above.CommandPath(), above.Root().Name())), name)
	if near := above.SuggestionsFor(name); len(near) > 0 && name != "" {
		text += fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
	}
	return Usagef("%s; see %s --help", text, above.CommandPath())
}

// Nearest is the word that fewest letters tell apart from one that was typed; ""
// if none is near.
func Nearest(typed string, words []string) string {
	best, distance := "", min(3, len(typed))
	for _, w := range words {
		if d := editDistance(typed, w); d < distance {
			best, distance = w, d
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
