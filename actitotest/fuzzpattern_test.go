package actitotest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzReadPattern checks that a pattern is refused or can be written.
func FuzzReadPattern(f *testing.F) {
	for _, text := range []string{"yyyy-MM-dd", "dd/MM/yyyy HH:mm:ss", "d MMMM yyyy", "'", "''", "yyyy'T'HH", "yyyyyyyyyy", "[", "é", ""} {
		f.Add(text)
	}
	at := time.Date(2026, 11, 23, 12, 34, 56, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := readPattern(text, months["fr"])
		if err == nil && len(text) < 100 {
			require.NotContains(t, p.write(at), "%!", text)
		}
	})
}
