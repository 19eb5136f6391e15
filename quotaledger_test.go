package actito_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestALedgerIsTheSameAfterItWasSaved(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600))
	var l actito.Ledger
	for i, o := range []actito.Outcome{actito.Used("x"), actito.Held(), actito.Free()} {
		id := fmt.Sprint(i)
		r := actito.Reservation{
			ID: id, Buckets: []actito.Bucket{{Name: "1", Limit: 12}, {Name: "2", Limit: 24}}, At: now, Lease: now.Add(time.Hour),
			Rolling: 24 * time.Hour, Once: id, Content: [32]byte{byte(i)},
		}
		require.NoError(t, l.Reserve(r))
		require.NoError(t, l.Begin(now, id))
		require.NoError(t, l.Settle(now, id, o))
		r.ID, r.Once = "reserved "+id, ""
		require.NoError(t, l.Reserve(r))
	}
	require.NoError(t, l.Begin(now, "reserved 1"))
	l.Close(now, "2", now.Add(3*time.Hour))
	now = now.Add(time.Hour)
	probe := actito.Reservation{ID: "probe", Buckets: []actito.Bucket{{Name: "2", Limit: 24}}, At: now, Lease: now.Add(48 * time.Hour), Rolling: 24 * time.Hour}
	require.NoError(t, l.Reserve(probe))
	probe.ID, probe.Buckets[0].Name = "found", "3"
	added, err := l.Count(now, probe, "y")
	require.NoError(t, err)
	require.True(t, added)

	data, err := json.Marshal(l)
	require.NoError(t, err)
	var saved actito.Ledger
	require.NoError(t, json.Unmarshal(data, &saved))
	again, err := json.Marshal(saved)
	require.NoError(t, err)
	assert.JSONEq(t, string(data), string(again))
	for _, now := range []time.Time{now, now.Add(2 * time.Hour), now.Add(24 * time.Hour)} {
		for _, table := range []string{"1", "2", "3"} {
			assert.Equal(t, l.Usage(now, table).String(), saved.Usage(now, table).String())
		}
	}
	for _, books := range []*actito.Ledger{&l, &saved} {
		require.NoError(t, books.Settle(now, "probe", actito.Used("y")))
		assert.Zero(t, books.Usage(now, "2").ClosedUntil, "a probe opens what it found open")
		assert.Zero(t, books.Usage(now, "3").Used, "what was found was the probe")
	}
}

func TestALedgerWithNothingBookedCanBeSaved(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(actito.Ledger{})
	require.NoError(t, err)
	var saved actito.Ledger
	require.NoError(t, json.Unmarshal(data, &saved))
	saved.Close(time.Now(), "2", time.Now().Add(time.Hour))
	require.NoError(t, saved.Reserve(actito.Reservation{ID: "a", Buckets: []actito.Bucket{{Name: "1", Limit: 1}}, At: time.Now()}))
}

func TestAReservationWithoutIDIsRefused(t *testing.T) {
	t.Parallel()
	var l actito.Ledger
	require.ErrorContains(t, l.Reserve(actito.Reservation{Buckets: []actito.Bucket{{Name: "1", Limit: 1}}, At: time.Now()}), "needs an ID")
}

func TestWhoOnlyCountsChangesNoLimit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ask := func(id string, limit int) actito.Reservation {
		return actito.Reservation{ID: id, Buckets: []actito.Bucket{{Name: "1", Limit: limit}}, At: now, Lease: now.Add(time.Hour), Rolling: 24 * time.Hour}
	}
	var l actito.Ledger
	for i, found := range []string{"before", "after"} {
		_, err := l.Count(now, ask(found, 12), found)
		require.NoError(t, err)
		require.NoError(t, l.SameLimits(ask("", 24)), "what others started has no limit")
		if i == 0 {
			require.NoError(t, l.Reserve(ask("a", 24)))
		}
	}
	require.Equal(t, "table 1: 2 of 24 imports used, 1 held, 21 left, resets at 2026-11-24T12:00:00Z", l.Usage(now, "1").String())
	require.ErrorContains(t, l.SameLimits(ask("", 12)), "1 imports of table 1 are booked under a limit of 24, and this client has one of 12")
	now = now.Add(24 * time.Hour)
	require.NoError(t, l.SameLimits(ask("", 12)), "nothing counts any more")
}

func TestAReservationOfALimitThatLeavesNothingIsRefused(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	all := actito.Reservation{ID: "a", Buckets: []actito.Bucket{{Name: "1", Limit: 1, Keep: 1}}, At: now, Rolling: 24 * time.Hour}
	var l actito.Ledger
	require.ErrorIs(t, l.Reserve(all), actito.ErrQuotaExceeded)
	_, err := l.Count(now, actito.Reservation{ID: "x", Buckets: []actito.Bucket{{Name: "1", Limit: 1}}, At: now, Rolling: 24 * time.Hour}, "x")
	require.NoError(t, err)
	full, ok := errors.AsType[*actito.QuotaError](l.Reserve(all))
	require.True(t, ok)
	require.Equal(t, now.Add(24*time.Hour), full.ResetAt)
}

func TestCountRefusesAnIDThatIsAnothers(t *testing.T) {
	t.Parallel()
	r := actito.Reservation{ID: "a", Buckets: []actito.Bucket{{Name: "1", Limit: 1}}, At: time.Now(), Rolling: time.Hour}
	var l actito.Ledger
	_, err := l.Count(r.At, r, "x")
	require.NoError(t, err)
	_, err = l.Count(r.At, r, "y")
	require.ErrorContains(t, err, "reservation a exists")
	require.Equal(t, "x", l.Entries(r.At, "1")[0].ExecutionID)
}

func TestALedgerThatNobodySavedIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ give, want string }{
		"no object":         {`[]`, "cannot unmarshal array"},
		"no unit":           {`{"units":[null]}`, "a unit has no ID of its own"},
		"a unit without ID": {`{"units":[{"state":"used"}]}`, "a unit has no ID of its own"},
		"one ID twice":      {`{"units":[{"id":"a","state":"used"},{"id":"a","state":"used"}]}`, "a unit has no ID of its own"},
		"an unknown state":  {`{"units":[{"id":"a","state":"lent"}]}`, `reservation a is in the unknown state "lent"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l actito.Ledger
			require.ErrorContains(t, json.Unmarshal([]byte(tt.give), &l), tt.want)
		})
	}
}
