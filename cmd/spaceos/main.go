// Command spaceos is the people's tool: it runs payloads in cells on this
// computer and says what the computer can do.
//
// It wires packages together and holds no logic of its own. The same program,
// started under the runner's name, is the process that holds a cell.
package main

import (
	"os"
	"runtime"

	"spaceos/cell"
)

func main() {
	if os.Args[0] == cell.RunnerName {
		os.Exit(cell.RunnerMain())
	}
	// A cell's runner dies with the thread that started it: keep it.
	runtime.LockOSThread()
	// All that runs here waits most of the time; a second processor's caches
	// would cost a run a fifth of its memory.
	runtime.GOMAXPROCS(1)
	os.Exit(execute(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}
