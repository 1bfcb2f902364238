// Command makeschema writes the published JSON Schema of spaceos.yaml from the
// Go types that read it: go generate ./manifest/author runs it in that folder.
package main

import (
	"fmt"
	"os"

	"spaceos/manifest/author"
)

func main() {
	text, err := author.MakeSchema()
	if err == nil {
		err = os.WriteFile(author.SchemaName, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "makeschema:", err)
		os.Exit(1)
	}
}
