package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// saving keeps the latest state as JSON.
func saving(t testing.TB, state *[]byte) actito.SequenceOption {
	return actito.SaveState(func(s actito.SequenceState) error {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		for _, cell := range []string{"C1", "C2", "O2", "L2", "nowhere", "example.com"} {
			require.NotContains(t, string(text), `"`+cell+`"`)
		}
		*state = text
		return nil
	})
}

func stateOf(t testing.TB, text []byte) (s actito.SequenceState) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &s))
	return s
}

func TestAStateOfAnotherSequenceIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		var state []byte
		_, err := b.client.ETLs.RunSequence(t.Context(), sequence(actito.WithoutOrphans), saving(t, &state))
		require.Error(t, err)
		for name, change := range map[string]func(*actito.Sequence){
			"it has a step less": func(s *actito.Sequence) { s.Steps = s.Steps[1:]; s.Steps[0].After = nil },
			"another name":       func(s *actito.Sequence) { s.Steps[0].Name = "rows" },
			"another ETL":        func(s *actito.Sequence) { s.Steps[0].ETL, s.Steps[0].Definition = "7", nil },
			"another entity":     func(s *actito.Sequence) { s.Steps[0].Entity = "Other" },
			"other data where it went": func(s *actito.Sequence) {
				s.Steps[0].Import = []actito.ImportOption{actito.DataBytes("lines.csv", []byte("lineId,orderId\nL9,O1\n"))}
			},
		} {
			seq := sequence(actito.WithoutOrphans)
			change(&seq)
			_, err = b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state))
			require.ErrorIs(t, err, actito.ErrInvalid, name)
		}
		require.Len(t, b.Imports(), 3)
		var s actito.SequenceState
		require.ErrorContains(t, json.Unmarshal([]byte(strings.Replace(string(state), `"version":1`, `"version":2`, 1)), &s), "version 2")

		report, err := b.client.ETLs.ResumeSequence(t.Context(), sequence(actito.WithoutOrphans), stateOf(t, state))
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, report.Account())
		require.Len(t, b.Imports(), 3, "nothing is run again")
	})
}

func TestAnErrorOfSaveStateStopsTheSequence(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is full")
	for n, tt := range []struct {
		imports int
		states  []actito.StepState
	}{
		{0, []actito.StepState{actito.StepNotStarted, actito.StepNotStarted, actito.StepNotStarted}}, // before it reserves
		{0, []actito.StepState{actito.StepNotStarted, actito.StepNotStarted, actito.StepNotStarted}}, // before the first byte
		{1, []actito.StepState{actito.StepWithRejects, actito.StepNotStarted, actito.StepNotStarted}},
		{1, []actito.StepState{actito.StepWithRejects, actito.StepNotStarted, actito.StepNotStarted}},
		{1, []actito.StepState{actito.StepWithRejects, actito.StepNotStarted, actito.StepNotStarted}},
		{2, []actito.StepState{actito.StepWithRejects, actito.StepWithRejects, actito.StepNotStarted}},
	} {
		t.Run(fmt.Sprintf("call %d", n+1), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newSequenceShop(t)
				calls := 0
				report, err := b.client.ETLs.RunSequence(t.Context(), sequence(actito.WithoutOrphans), actito.SaveState(func(actito.SequenceState) error {
					if calls++; calls > n {
						return broken
					}
					return nil
				}))
				require.ErrorIs(t, err, broken)
				require.Len(t, b.Imports(), tt.imports)
				for i, name := range []string{"customers", "orders", "lines"} {
					require.Equal(t, tt.states[i], report.Step(name).State, name)
				}
				for i, table := range []string{"Customers", "Orders", "Lines"} {
					b.counted(t, table, map[bool]int{true: 1}[i < tt.imports], 0)
				}
			})
		})
	}
}

func TestAReservationLastsUntilItsStepStarts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, time.Hour)).Server
		b := newBulk(t, server, actito.WithQuota(actito.Quota{Limit: 1}))
		other := sequence(0).Steps[1]
		time.AfterFunc(50*time.Minute, func() {
			_, err := b.client.ETLs.RunOnce(t.Context(), *other.Definition, other.Import...)
			require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		})
		report, err := b.client.ETLs.RunSequence(t.Context(), sequence(actito.WithoutOrphans))
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, report.Account())
	})
}

func TestOfAProcessThatDiedNothingIsReservedOnceItsDayIsOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b, books := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, time.Hour)), actito.NewMemoryStore(time.Now)
		var u actito.Usage
		for last := 1; u.Held < 2; last++ { // until it dies between the reservations and their use
			_, _, err := live(t, b, books, halves, nil, last)
			require.Error(t, err)
			require.Empty(t, b.Imports())
			u, err = books.Usage(t.Context(), "1/"+ordersID)
			require.NoError(t, err)
		}
		time.Sleep(25 * time.Hour)
		u, err := books.Usage(t.Context(), "1/"+ordersID)
		require.NoError(t, err)
		require.Zero(t, u.Held)
	})
}

func TestAResumedSequenceCountsWhatAnotherLedgerHad(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		before := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, 10*time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		var state []byte
		_, err := before.client.ETLs.RunSequence(ctx, sequence(actito.WithoutOrphans), saving(t, &state))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		after := newBulk(t, before.Server)
		_, err = after.client.ETLs.ResumeSequence(t.Context(), sequence(actito.WithoutOrphans), stateOf(t, state))
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Len(t, after.Imports(), 3)
		for _, table := range []string{"Customers", "Orders", "Lines"} {
			after.counted(t, table, 1, 0)
		}
	})
}
