package actito

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sameAgain reads JSON and what that is written as: both must be the same.
func sameAgain[T any](t *testing.T, text []byte) {
	t.Helper()
	var read, again T
	if json.Unmarshal(text, &read) != nil {
		return
	}
	written, err := json.Marshal(read)
	if err != nil {
		return // of Extra
	}
	require.NoError(t, json.Unmarshal(written, &again), "%s", written)
	rewritten, err := json.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(written), string(rewritten))
}

// FuzzSaved reads what programs store, and definitions, executions and structures of the server.
func FuzzSaved(f *testing.F) {
	f.Add([]byte(`{"id":"r","files":[{"name":"c.csv","rows":1,"mode":"CREATE"}],"refused":[{"row":1}],"prepared":"2026-11-23T12:00:00Z","parts":[{"id":"a"}]}`))
	f.Add([]byte(`{"version":1,"steps":[{"name":"a","entity":"E","handle":{"id":"r"},"executions":["7"]}]}`))
	f.Add([]byte(`{"id":1,"name":"daily","inputFiles":[{"fileNamePattern":"c_$yyyyMMdd.csv","new":[1e400]}],"schedule":{"at":"x"}}`))
	f.Add([]byte(`{"id":7,"status":"FINISHED","files":[{"fileName":"c.csv","rowsRead":1e400,"rowsInError":-1}],"endMoment":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		sameAgain[Handle](t, text)
		sameAgain[SequenceState](t, text)
		sameAgain[Definition](t, text)
		_ = json.Unmarshal(text, new(Structure)) // its Raw is not written as it was read
		if e, err := (&Client{core: &core{zone: time.UTC}}).decodeExecution(text); err == nil {
			_, _ = e.Totals(), e.Ended()
		}
	})
}

// spooled holds an archive as it was downloaded.
func spooled(t testing.TB, archive []byte) *spool {
	s := &spool{bounds: bounds{limit: math.MaxInt64, memory: stagingMemory}}
	t.Cleanup(func() { _ = s.Close() })
	_, err := s.Write(archive)
	require.NoError(t, err)
	return s
}

func zipOf(t testing.TB, files ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		entry, err := w.Create(files[i])
		require.NoError(t, err)
		_, err = entry.Write([]byte(files[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

const rejectsText = "a,errorCode,errorColumn\n1,E,a\n"

func TestRejectsThatUnpackToTooMuchAreRefused(t *testing.T) {
	t.Parallel()
	two := spooled(t, zipOf(t, "a.csv", rejectsText, "b.csv", rejectsText))
	entries, err := rejectsEntries(two, uint64(2*len(rejectsText)))
	require.NoError(t, err)
	require.Len(t, entries, 2)
	_, err = rejectsEntries(two, uint64(2*len(rejectsText)-1))
	require.ErrorContains(t, err, "unpacks to")
}

// FuzzRejectsArchive reads whole archives.
func FuzzRejectsArchive(f *testing.F) {
	whole := zipOf(f, "a.csv", rejectsText)
	for at, to := range map[int]byte{0: 'P', 6: 1, 30: '/', 35: 0, 40: 0xff, len(whole) - 40: 1} { // encrypted, absolute, with NUL, damaged
		changed := bytes.Clone(whole)
		changed[at] = to
		f.Add(changed)
	}
	f.Add(zipOf(f, "a.csv", rejectsText, "a.csv", rejectsText))
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, archive []byte) {
		entries, err := rejectsEntries(spooled(t, archive), maxRejectsText)
		if err != nil {
			return
		}
		for _, entry := range entries {
			_, _ = readRejects(t.Context(), entry, 0, func(f *rejectsFile, row *rejectedRow) error {
				if len(row.cells) != len(f.header) {
					require.Error(t, row.err)
				}
				return nil
			})
		}
	})
}
