package main

import (
	"bytes"
	"context"
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

// night is a licence of two imports a day, a job, and what it says.
type night struct {
	fake *actitotest.Server
	job  job
	out  *bytes.Buffer
}

// nights runs a test in a bubble, in which waits take no time.
func nights(t *testing.T, test func(t *testing.T, n *night)) {
	t.Parallel()
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := &night{fake: shop.NewServer(actitotest.InMemory(), actitotest.WithImportTimes(0, time.Hour)), out: new(bytes.Buffer)}
		t.Cleanup(n.fake.Close)
		client, err := actito.New(n.fake.APIKey, shop.Entity, actito.WithBaseURL(n.fake.URL),
			actito.WithHTTPClient(&http.Client{Transport: n.fake.Transport()}), actito.WithQuota(actito.Quota{Limit: 2}))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, client.Close()) })
		etl, err := storeETL(t.Context(), client)
		require.NoError(t, err)
		n.job = job{client: client, etl: etl, state: state(folder), day: "2026-11-22", file: actito.DataBytes("customers.csv", sample), out: n.out}
		test(t, n)
	})
}

// run runs the job for a day and returns its exit code.
func (n *night) run(ctx context.Context, day string) int {
	n.job.day = day
	return exitCode(n.job.run(ctx))
}

// dies leaves what a job of a day leaves that dies at the first byte.
func (n *night) dies(t *testing.T, day string) {
	t.Helper()
	n.fake.Fail(actitotest.OpETLTrigger, actitotest.CutRequest(0))
	handle := actito.Handle{}
	_, err := n.job.client.ETLs.Trigger(t.Context(), n.job.etl, n.job.file, actito.Once("customers-"+day), actito.OnPrepared(func(h actito.Handle) error {
		handle = h
		return nil
	}))
	require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
	require.NoError(t, n.job.state.keep(left{day, handle}))
}

func TestAStartWithoutAnswerIsFoundAtOnce(t *testing.T) {
	nights(t, func(t *testing.T, n *night) {
		n.fake.Fail(actitotest.OpETLTrigger, actitotest.LoseAnswer())
		assert.Equal(t, 3, n.run(t.Context(), "2026-11-22"))
		assert.Contains(t, n.out.String(), "gave no answer")
		assert.Contains(t, n.out.String(), "rejected: customer C2: INVALID_VALUE in column emailAddress\n")
		assert.NoFileExists(t, n.job.state.left())
		assert.Len(t, n.fake.Imports(), 1)
	})
}

func TestAStartThatNobodyCanTellOfIsNotRepeated(t *testing.T) {
	nights(t, func(t *testing.T, n *night) {
		n.fake.Assume(actitotest.ExecutionListMissing)
		n.fake.Fail(actitotest.OpETLTrigger, actitotest.LoseAnswer())
		assert.Equal(t, 4, n.run(t.Context(), "2026-11-22"))
		text, err := os.ReadFile(n.job.state.left())
		require.NoError(t, err)
		assert.NotContains(t, string(text), "example.com")
		assert.Contains(t, string(text), `"ended":`, "so that the next run need not wait")
		assert.Equal(t, 4, n.run(t.Context(), "2026-11-22"), "and that stays so")
		assert.Equal(t, 4, n.run(t.Context(), "2026-11-23"), "whatever the day")
		assert.Len(t, n.fake.Requests(actitotest.OpETLTrigger), 1)
		n.fake.Assume(actitotest.ExecutionListExists)
		assert.Equal(t, 3, n.run(t.Context(), "2026-11-22"), "until the service tells")
	})
}

func TestAnImportThatWasNotStartedIsStarted(t *testing.T) {
	nights(t, func(t *testing.T, n *night) {
		n.dies(t, "2026-11-22")
		assert.Equal(t, 3, n.run(t.Context(), "2026-11-22"))
		assert.Contains(t, n.out.String(), "it was not started")
		assert.Contains(t, n.out.String(), "5 read = 3 created")
		assert.Len(t, n.fake.Imports(), 1)
	})
}

func TestAnEarlierDayThatWasNotStartedComesFirst(t *testing.T) {
	nights(t, func(t *testing.T, n *night) {
		n.dies(t, "2026-11-21")
		for range 2 {
			assert.Equal(t, 6, n.run(t.Context(), "2026-11-22"))
			assert.Empty(t, n.fake.Imports())
		}
		assert.Equal(t, 3, n.run(t.Context(), "2026-11-21"))
		assert.Equal(t, 3, n.run(t.Context(), "2026-11-22"))
		assert.Len(t, n.fake.Imports(), 2)
		assert.Equal(t, 5, n.run(t.Context(), "2026-11-23"))
	})
}

func TestAnEarlierDayIsReportedBeforeTheNextIsLoaded(t *testing.T) {
	nights(t, func(t *testing.T, n *night) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.Equal(t, 1, n.run(ctx, "2026-11-21"), "it is stopped while it waits")
		assert.NotContains(t, n.out.String(), "read")
		n.job.file = actito.DataBytes("customers.csv", []byte("customerID,emailAddress,firstName,country\nC9,ina@example.com,Ina,BE\n"))
		assert.Equal(t, 3, n.run(t.Context(), "2026-11-22"))
		assert.Contains(t, n.out.String(), "5 read = 3 created + 0 updated + 2 rejected\n")
		assert.Contains(t, n.out.String(), "1 read = 1 created + 0 updated + 0 rejected\n")
		assert.NoFileExists(t, n.job.state.left())
		assert.Len(t, n.fake.Imports(), 2)
	})
}

func TestAnImportThatTheServiceRefusesLeavesNothing(t *testing.T) {
	nights(t, func(t *testing.T, n *night) {
		n.fake.Fail(actitotest.OpETLTrigger, actitotest.Status(http.StatusBadRequest))
		assert.Equal(t, 2, n.run(t.Context(), "2026-11-22"))
		assert.NoFileExists(t, n.job.state.left())
	})
}

func TestWhatIsLeftIsReadableByItsOwnerOnly(t *testing.T) {
	t.Parallel()
	s := state(t.TempDir())
	require.NoError(t, s.keep(left{Day: "2026-11-21"}))
	require.NoError(t, s.keep(left{Day: "2026-11-22", Handle: actito.Handle{ID: "7"}}))
	l, err := s.read()
	require.NoError(t, err)
	assert.Equal(t, "2026-11-22", l.Day)
	assert.Equal(t, "7", l.Handle.ID)
	info, err := os.Stat(s.left())
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o600), info.Mode())
	}
	files, err := filepath.Glob(filepath.Join(string(s), "*"))
	require.NoError(t, err)
	assert.Equal(t, []string{s.left()}, files, "nothing else is left")
	require.NoError(t, s.forget())
	require.NoError(t, s.forget())
	_, err = s.read()
	require.ErrorIs(t, err, os.ErrNotExist)
}
