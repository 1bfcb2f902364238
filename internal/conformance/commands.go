package conformance

// Programs that nobody here wrote, from Debian's packages.
var (
	busybox = Program{Path: "/usr/bin/busybox", Package: "busybox-static"}
	bash    = Program{Path: "/usr/bin/bash-static", Package: "bash-static"}
)

// commands are everyday commands over real input.
func commands() []Case {
	return nil
}
