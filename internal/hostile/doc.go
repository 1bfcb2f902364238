// Package hostile holds guests that attack, and the means to show that each
// ends as a program ends and leaves its owner as it was.
//
// The programs of the folder c list their attacks when they have no argument,
// and carry out the one that they are given. A [Case] is one attack with the
// limits it runs under. What must come of it is what Linux does with the same
// program on the same machine, asked each time ([conformance.Linux]), unless
// the tables in expected.go say with a reason what a cell does instead. Where
// the processor is emulated Linux itself dies of some attacks: there it is what
// Linux did elsewhere ([OnLinux]), or what it does there if that differs. An
// [Owner] is a process that runs one case after another through package cell
// and says after each what it has left: descriptors, processes, goroutines,
// memory.
//
//	cases, err := hostile.Cases(ctx, bench)
//	owner, err := hostile.StartOwner()
//	for _, c := range cases {
//		answer, err := owner.Run(hostile.Order{Program: path, Args: []string{c.Attack}})
//		// answer.Report.Ended, answer.Stdout, answer.Left
//	}
//
// Its tests run on any KVM, without a compiler where the programs lie compiled
// already ([conformance.Bench]). It is support for tests: nothing that is
// delivered imports it.
package hostile
