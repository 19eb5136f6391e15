// Package race tells tests whether the race detector is on, under which a program takes five to ten times as long. Races
// show in a few draws of a property, and in seconds of a storm; more of them, and days of virtual time, run without it.
package race

// Less is a quarter of n with the race detector, and else n.
func Less[T ~int | ~int64](n T) T {
	if Enabled {
		return n / 4
	}
	return n
}
