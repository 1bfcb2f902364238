// Package deltas holds the fixtures of package image/delta: small changes of
// real programs, built before and after, sealed, and sent as deltas. It is test
// support, and says how large such updates are beside what Debian's bsdiff and
// zstd make of the same files, and how fast they are made and applied:
//
//	go test -run '^$' -bench Fixtures ./internal/deltas
//
// Its main type is the fixture. A budget that is missed is a failing test.
package deltas
