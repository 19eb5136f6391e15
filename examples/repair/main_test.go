package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

const header = "customerID,emailAddress,firstName,country\n"

func TestWhatHasARemedyIsRepairedAndTheRestIsLeft(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), []string{"-rest", folder}, &out), errRowsLeft)
	assert.Regexp(t, "A webhook told so: execution [0-9]+, WITH_ERROR.\n", out.String())
	assert.Contains(t, out.String(), "9 read = 2 created + 0 updated + 7 rejected\n")
	assert.Contains(t, out.String(), "\n4     customers.csv  INVALID_VALUE  emailAddress\n3     customers.csv  INVALID_VALUE  country\n")
	assert.Contains(t, out.String(), "   customer C2: emailAddress put right\n   customer C4: country put right\n   customer C6: country put right\n")
	assert.Contains(t, out.String(), "   customer C9: actito: upsert profile: ")
	assert.Contains(t, out.String(), "Left for people: 4 rows, in "+filepath.Join(folder, fileName)+"\n")
	assert.Contains(t, out.String(), "Profiles that the fake holds: 5, imports that reached it: 1\n")
	for _, personal := range []string{"example", "Ann", "Dée", "Utopia"} {
		assert.NotContains(t, out.String(), personal)
	}

	rest, err := os.ReadFile(filepath.Join(folder, fileName))
	require.NoError(t, err)
	assert.Equal(t, header+"C5,eve@example,Ève,LU\nC7,gil at example.com,Gil,NLD\nC8,hal@example.com,Hal,Atlantis\nC9,mailto:ina@example.com,Ina,Utopia\n", string(rest))
	info, err := os.Stat(filepath.Join(folder, fileName))
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o600), info.Mode())
	}

	require.ErrorIs(t, run(t.Context(), []string{"-rest", folder}, io.Discard), os.ErrExist, "nothing is overwritten")
}

func TestWhereEverythingIsRepairedNothingIsLeft(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{"without rejects": "C1,ann@example.com,Ann,BE\n", "with some": "C1,ann@example.com,Ann,BE\nC2,bob@example.com,Bob,Belgium\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), fileName)
			require.NoError(t, os.WriteFile(file, []byte(header+text), 0o600))
			require.NoError(t, run(t.Context(), []string{"-file", file, "-rest", folder}, io.Discard))
			assert.NoFileExists(t, filepath.Join(folder, fileName))
		})
	}
}

func TestTheWebhookEndsTheWait(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lost bool
		says string
	}{
		"it comes":   {false, "waited 300ms.\nA webhook told so"},
		"it is lost": {true, "No webhook told so"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fake := shop.NewServer(actitotest.InMemory(), actitotest.WithImportTimes(100*time.Millisecond, 200*time.Millisecond))
				t.Cleanup(fake.Close)
				client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL), actito.WithHTTPClient(&http.Client{Transport: fake.Transport()}))
				require.NoError(t, err)
				t.Cleanup(func() { assert.NoError(t, client.Close()) })
				customers, err := actito.Profiles[Customer](client, shop.Customers)
				require.NoError(t, err)
				receiver, err := newReceiver(client)
				require.NoError(t, err)
				receiver.url = "https://shop.example/webhooks/actito"
				if !tt.lost {
					fake.SendWebhooksTo(receiver.handler)
				}
				var out bytes.Buffer
				job := job{client: client, customers: customers, receiver: receiver, out: &out}
				etl, err := job.setUp(t.Context())
				require.NoError(t, err)
				_, err = job.load(t.Context(), etl, actito.DataBytes(fileName, []byte(header+"C1,ann@example.com,Ann,BE\n")))
				require.NoError(t, err)
				assert.Contains(t, out.String(), tt.says)
			})
		})
	}
}

func TestWrongCallsAreErrors(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"an unknown flag":          {"-force"},
		"an argument":              {"customers.csv"},
		"a file that is not there": {"-file", filepath.Join(t.TempDir(), fileName)},
	} {
		require.Error(t, run(t.Context(), args, io.Discard), name)
	}
}
