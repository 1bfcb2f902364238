// Package conformance holds programs whose behaviour on Linux is the truth
// that a cell is measured against, and the means to run them in both places.
//
// A [Case] is a static program with its arguments, its standard input and the
// files it finds; a [Runner] runs one. [Linux] runs it natively, in a mount
// namespace that shows the same paths as a cell; [Cell] runs it by
// "spaceos run". [Compare] says line by line where two results differ. No
// expected result is stored: Linux on the machine of the test is asked each
// time.
//
//	bench, err := conformance.NewBench(dir)
//	for _, c := range conformance.Cases() {
//		want, err := linux.Run(ctx, bench, c)
//		got, err := cell.Run(ctx, bench, c)
//		differences := conformance.Compare(c, want, got)
//	}
//
// The programs nobody here wrote are in commands.go, ours in the folder c. What
// a cell does otherwise than Linux on purpose is in one table, with the reason
// for each: deviations.go.
//
// It is support for tests: nothing that is delivered imports it.
package conformance
