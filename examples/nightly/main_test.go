package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

const apiKey = "key-of-the-tests"

// TestMain is the program in the processes that the demonstration starts.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-url") {
		main()
		return
	}
	_ = os.Setenv("ACTITO_API_KEY", apiKey)
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // the race detector takes a second to end a process otherwise
	os.Exit(m.Run())
}

func TestAJobThatIsKilledIsResumedByTheNext(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-day", "2026-11-22"}, &out))
	killed, rest, _ := strings.Cut(out.String(), "The scheduler starts it again.\n")
	resumed, again, _ := strings.Cut(rest, "And once more.\n")
	assert.Contains(t, killed, "   signal: killed\n")
	assert.NotContains(t, killed, "read")
	assert.Contains(t, resumed, "   left for 2026-11-22 by an earlier run: import by ETL ")
	assert.NotContains(t, again, "left")
	for _, text := range []string{resumed, again} {
		assert.Contains(t, text, "5 read = 3 created + 0 updated + 2 rejected\n")
		assert.Contains(t, text, "rejected: customer C2: INVALID_VALUE in column emailAddress\n")
		assert.Contains(t, text, "rejected: customer C4: INVALID_VALUE in column country\n")
		assert.Contains(t, text, "   exit status 3\n")
	}
	assert.Contains(t, again, "Imports that reached the service: 1\n")
	assert.NotContains(t, out.String(), "@")
}

func TestExitCodesTellTheSchedulerWhatToDo(t *testing.T) {
	t.Parallel()
	fake := shop.NewServer(actitotest.WithAPIKeys(apiKey), actitotest.WithLimits(actitotest.Limits{ImportsPerDay: -1, PerMinute: -1, Concurrent: -1}))
	t.Cleanup(fake.Close)
	client, err := actito.New(apiKey, shop.Entity, actito.WithBaseURL(fake.URL))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	etl, err := storeETL(t.Context(), client)
	require.NoError(t, err)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	header := "customerID,emailAddress,firstName,country\n"
	fine := file("customers.csv", header+"C1,ann@example.com,Ann,BE\n")
	rejects := file("customers.csv", string(sample))
	tests := map[string]struct {
		args []string
		code int
	}{
		"a file without faults":           {[]string{"-file", fine}, 0},
		"rejects that are tolerated":      {[]string{"-file", rejects, "-tolerate", "0.4"}, 0},
		"rejects":                         {[]string{"-file", rejects, "-tolerate", "0.3"}, 3},
		"help":                            {[]string{"-h"}, 0},
		"an unknown flag":                 {[]string{"-force"}, 2},
		"an argument":                     {[]string{"-file", fine, "customers.csv"}, 2},
		"no day":                          {[]string{"-day", "today"}, 2},
		"no file":                         {nil, 2},
		"a file that is not there":        {[]string{"-file", filepath.Join(t.TempDir(), "customers.csv")}, 2},
		"a file of another name":          {[]string{"-file", file("clients.csv", header+"C1,ann@example.com,Ann,BE\n")}, 2},
		"a file without rows":             {[]string{"-file", file("customers.csv", header)}, 2},
		"a file with too few rows":        {[]string{"-file", fine, "-min-rows", "2"}, 2},
		"a file without e-mail addresses": {[]string{"-file", file("customers.csv", header+"C1,,Ann,BE\n")}, 2},
		"a file with a column less":       {[]string{"-file", file("customers.csv", "customerID,firstName\nC1,Ann\n")}, 2},
		"a line with one cell fewer":      {[]string{"-file", file("customers.csv", header+"C1,ann@example.com,Ann\n")}, 2},
		"no state folder":                 {[]string{"-file", fine, "-state", ""}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			err := run(t.Context(), append([]string{"-url", fake.URL, "-etl", etl, "-state", folder}, test.args...), io.Discard)
			assert.Equal(t, test.code, exitCode(err), err)
			assert.NoFileExists(t, state(folder).left())
		})
	}
}

func TestOtherFailuresMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 1, exitCode(context.Canceled))
	assert.Equal(t, 0, exitCode(usageError{flag.ErrHelp}))
	assert.Equal(t, 4, exitCode(&actito.AlreadyStartedError{SameContent: true}))
	assert.Equal(t, 2, exitCode(&actito.AlreadyStartedError{}))
}
