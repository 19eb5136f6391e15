package actito_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/filequota"
)

// TestWhatIsKeptHoldsNoRows looks for values of rows, keys and tokens in all that outlives a call, or that others on the
// machine see: the ledger, handles, states of sequences, names of temporary files, and the log.
func TestWhatIsKeptHoldsNoRows(t *testing.T) {
	dir, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	var kept bytes.Buffer
	var mu sync.Mutex
	keep := func(v any) error {
		text, err := json.Marshal(v)
		mu.Lock()
		defer mu.Unlock()
		kept.Write(append(text, '\n'))
		return err
	}
	staged := 0
	look := func(p actito.Progress) {
		staged++
		names, err := filepath.Glob("/proc/self/fd/*")
		assert.NoError(t, err)
		for _, name := range names {
			if target, err := os.Readlink(name); err == nil && strings.HasPrefix(target, temporary) {
				assert.NoError(t, keep(target))
			}
		}
		assert.NoError(t, keep(p))
	}
	var logged bytes.Buffer
	log := newLogger(&logged)
	server := newShop(t)
	store, err := filequota.Open(filepath.Join(dir, "ledger.json"), filequota.WithLogger(log))
	require.NoError(t, err)
	client := newClient(t, server, actito.WithQuota(actito.Quota{Store: store, Licence: "4711"}), actito.WithLogger(log),
		actito.WithRetry(actito.RetryPolicy{Tries: 1}))
	customers := profilesOf[customer](t, client, "Customers")
	noise, many := make([]byte, 150), 20_000 // too many for memory
	if race.Enabled {
		many = 100
	}
	rows := func(yield func(customer, error) bool) {
		for i := range many {
			_, _ = rand.Read(noise)
			row := customer{ID: secretKey, Email: secretEmail, FirstName: secretName + base64.StdEncoding.EncodeToString(noise), Phone: actito.Set(secretPhone)}
			if i > 0 {
				row.ID = base64.StdEncoding.EncodeToString(noise[:20])
			}
			if !yield(row, nil) {
				return
			}
		}
	}
	d := actito.Definition{Name: "spring", Files: []actito.InputFile{customers.InputFile("c.csv", actito.Keep)}}
	options := func(key string) []actito.ImportOption {
		return []actito.ImportOption{customers.Rows("c.csv", rows), actito.Once(key), actito.OnProgress(look),
			actito.OnPrepared(func(h actito.Handle) error { return keep(h) })}
	}

	_, err = client.ETLs.RunOnce(t.Context(), d, options("first")...)
	require.NoError(t, err)
	server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	_, err = client.ETLs.RunOnce(t.Context(), d, options("second")...)
	require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
	_, err = client.ETLs.RunSequence(t.Context(), actito.Sequence{Steps: []actito.Step{{Name: "customers", Definition: &d, Import: []actito.ImportOption{customers.Rows("c.csv", rows)}}}},
		actito.SaveState(func(s actito.SequenceState) error { return keep(s) }))
	require.NoError(t, err)

	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		kept.WriteString(path + string(text))
		return err
	}))
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
	text := kept.String() + logged.String()
	for _, is := range []string{"first", "second", "customers", "c.csv", "4711"} {
		require.Contains(t, text, is, "what is kept was found")
	}
	if runtime.GOOS == "linux" && !race.Enabled {
		require.Contains(t, text, temporary, "it was large enough for a file")
	}
	require.NotZero(t, staged)
	values := []string{server.APIKey, secretKey, secretEmail, secretName, secretPhone}
	for _, r := range server.Requests(actitotest.OpRunOnce) {
		values = append(values, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}
	for _, value := range values {
		require.NotEmpty(t, value)
		assert.False(t, strings.Contains(text, value), "%q is kept", value) //nolint:testifylint // NotContains would print it all
	}
}
