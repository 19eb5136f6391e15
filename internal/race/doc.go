// Package race tells tests whether the race detector is on, under which a program takes five to ten times as long. Races
// show in a few draws of a property, and in seconds of a storm; more of them, and days of virtual time, run without it.
package race

import (
	"iter"
	"maps"
	"slices"
)

// Cases yields the cases of a slow table, with the race detector every third in the order of their names.
func Cases[V any](table map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for i, name := range slices.Sorted(maps.Keys(table)) {
			if Enabled && i%3 != 0 {
				continue
			}
			if !yield(name, table[name]) {
				return
			}
		}
	}
}

// Less is a quarter of n with the race detector, and else n.
func Less[T ~int | ~int64](n T) T {
	if Enabled {
		return n / 4
	}
	return n
}
