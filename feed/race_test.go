//go:build race

package feed_test

import "testing"

// playsDays skips a test of whole days in virtual time, which take minutes under the race detector: others run the same
// code with it.
func playsDays(t *testing.T) { t.Skip("it plays days: run it without the race detector") }
