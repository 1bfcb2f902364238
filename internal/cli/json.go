package cli

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// JSONFlag gives a verb --json: it prints then by PrintJSON what it prints for
// people otherwise.
func JSONFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON")
}

// PrintJSON prints one document for scripts. Field names are snake_case with
// their unit at the end, as size_bytes.
func PrintJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
