//go:build !race

package feed_test

import "testing"

// playsDays marks a test that plays whole days in virtual time: it does not run under the race detector.
func playsDays(*testing.T) {}
