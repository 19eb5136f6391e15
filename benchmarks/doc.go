// Package benchmarks measures the library side by side with its peers: both halves of a comparison run in the same
// process against the same server, so that the ratio holds on any machine.
//
//	cd benchmarks && go test -run '^$' -bench Encode -benchmem
//
// The tables of README.md are medians of ten runs, which a program writes:
//
//	cd benchmarks && go run ./report
//
// What large imports and many rejects add to the peak of memory is measured by a program:
//
//	cd benchmarks && go run ./memory
//
// What the feed makes of a shop's day is played in virtual time by package feedday.
package benchmarks
