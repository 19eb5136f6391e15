package actito

import (
	"time"

	"github.com/stretchr/testify/require"
)

// Golden compares with a file under testdata; see golden.
var Golden = golden

// DayOf is the day of a reservation, in now's zone.
func DayOf(now time.Time) (from, resetAt time.Time) {
	r := (&quota{zone: now.Location()}).reservation(now)
	return r.From, r.ResetAt
}

// MemoryStore is the store of clients without one.
type MemoryStore = memoryStore

// NewMemoryStore is the store of clients without one, with a clock that can be set.
func NewMemoryStore(now func() time.Time) QuotaStore {
	s := newMemoryStore()
	s.now = now
	return s
}

// TextOf is the text of the first file that is staged.
func TextOf(t require.TestingT, s *Staged) string { return textOf(t, &s.files[0]) }

// Fits reports whether a file of this name is for the input file.
func Fits(f InputFile, name string) bool { return f.fits(name) }

// LeaveOut adds a row that was left out to what is staged.
func LeaveOut(s *Staged, r Refusal) { s.files[0].Refused = append(s.files[0].Refused, r) }

// InParts makes one staged file of several, as SplitAbove cuts it.
func InParts(parts ...*Staged) *Staged {
	whole := &Staged{}
	for _, s := range parts {
		for _, f := range s.files {
			f.Part = len(whole.files) + 1
			whole.files = append(whole.files, f)
		}
	}
	return whole
}

// TempDir is where Doctor looks for temporary files.
func TempDir(dir string) DoctorOption { return doctorOption(func(d *doctor) { d.temp = dir }) }

// Changes lists where two JSON values differ, as Doctor finds it.
func Changes(t require.TestingT, was, is string) []string {
	var before, after any
	require.NoError(t, decodeNumbers([]byte(was), &before))
	require.NoError(t, decodeNumbers([]byte(is), &after))
	return changes("", before, after)
}
