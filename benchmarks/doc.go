// Package benchmarks measures the library side by side with its peers: both halves of a comparison run in the same
// process against the same server, so that the ratio holds on any machine.
//
//	cd benchmarks && go test -bench . -benchmem -count 10
//
// What large imports and many rejects add to the peak of memory is measured by a program:
//
//	cd benchmarks && go run ./memory
//
// What the feed makes of a shop's day is played in virtual time by package feedday.
package benchmarks
