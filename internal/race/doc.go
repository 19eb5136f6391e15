// Package race tells tests whether the race detector is on, under which a program takes five to ten times as long. Races
// show in a few draws of a property; many draws, and days of virtual time, run without it.
package race

import "strconv"

// Checks is how often a property is tried, as the flag -rapid.checks takes it: a quarter of n with the race detector.
func Checks(n int) string {
	if Enabled {
		n /= 4
	}
	return strconv.Itoa(n)
}
