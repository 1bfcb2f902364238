// Command spaceos is the people's tool: it runs payloads in cells on this
// computer and says what the computer can do.
//
// It wires packages together and holds no logic of its own. The same program,
// started under the runner's name, is the process that holds a cell.
package main

import (
	"os"

	"spaceos/cell"
	"spaceos/internal/cli"
)

func main() {
	if os.Args[0] == cell.RunnerName {
		os.Exit(cell.RunnerMain())
	}
	os.Exit(execute(os.Args[1:], cli.Standard()))
}
