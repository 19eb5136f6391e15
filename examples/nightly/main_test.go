package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

func TestTheJobRunsOnceAndTellsOfRejects(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(t.Context(), []string{"-day", "2026-11-22"}, &out)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	assert.Equal(t, 3, exitCode(err))
	assert.Contains(t, out.String(), "5 read = 3 created + 0 updated + 2 rejected\n")
	assert.Contains(t, out.String(), "rejected: customer C2: INVALID_VALUE in column emailAddress\n")
	assert.Contains(t, out.String(), "rejected: customer C4: INVALID_VALUE in column country\n")
	assert.Contains(t, out.String(), "Imports that reached the service: 1\n")
	assert.NotContains(t, out.String()+err.Error(), "@")
}

func TestExitCodesTellTheSchedulerWhatToDo(t *testing.T) {
	t.Parallel()
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	header := "customerID,emailAddress,firstName,country\n"
	tests := map[string]struct {
		args []string
		code int
	}{
		"a file without faults":      {[]string{"-file", file("customers.csv", header+"C1,ann@example.com,Ann,BE\n")}, 0},
		"help":                       {[]string{"-h"}, 0},
		"an unknown flag":            {[]string{"-force"}, 2},
		"no day":                     {[]string{"-day", "today"}, 2},
		"a file that is not there":   {[]string{"-file", filepath.Join(t.TempDir(), "customers.csv")}, 2},
		"a file of another name":     {[]string{"-file", file("clients.csv", header+"C1,ann@example.com,Ann,BE\n")}, 2},
		"a file without rows":        {[]string{"-file", file("customers.csv", header)}, 2},
		"a file with a column less":  {[]string{"-file", file("customers.csv", "customerID,firstName\nC1,Ann\n")}, 2},
		"a line with one cell fewer": {[]string{"-file", file("customers.csv", header+"C1,ann@example.com,Ann\n")}, 2},
		"a row that is refused":      {[]string{"-file", file("customers.csv", header+"C1,no address,Ann,BE\n")}, 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run(t.Context(), test.args, io.Discard)
			if err == nil {
				assert.Zero(t, test.code)
				return
			}
			assert.Equal(t, test.code, exitCode(err), err)
		})
	}
}

func TestAStartWithoutAnswerIsNotRepeated(t *testing.T) {
	t.Parallel()
	fake := shop.NewServer()
	t.Cleanup(fake.Close)
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL),
		actito.WithQuota(actito.Quota{Limit: 1}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	etl, err := storeETL(t.Context(), client)
	require.NoError(t, err)
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	start := func(day time.Time) int {
		return exitCode(load(t.Context(), client, etl, day, actito.DataBytes("customers.csv", sample), io.Discard))
	}

	fake.Fail(actitotest.OpETLTrigger, actitotest.LoseAnswer())
	assert.Equal(t, 4, start(day), "nobody knows")
	assert.Equal(t, 4, start(day), "and that stays so")
	assert.Equal(t, 5, start(day.AddDate(0, 0, 1)), "it counts, since it may run")
	assert.Len(t, fake.Requests(actitotest.OpETLTrigger), 1)
}

func TestOtherFailuresMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 1, exitCode(context.Canceled))
	assert.Equal(t, 0, exitCode(usageError{flag.ErrHelp}))
	assert.Equal(t, 4, exitCode(&actito.AlreadyStartedError{SameContent: true}))
	assert.Equal(t, 2, exitCode(&actito.AlreadyStartedError{}))
}
