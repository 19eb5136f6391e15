// Package benchmarks measures the library side by side with its peers: both halves of a comparison run in the same
// process against the same server, so that the ratio holds on any machine.
//
//	cd benchmarks && go test -bench . -benchmem -count 10
package benchmarks
