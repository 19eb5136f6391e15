package main

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func noEnvironment(string) string { return "" }

func TestTheDayIsDrawn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, noEnvironment, &out))
	assert.Regexp(t, `table Customers: [23] of 12 imports used, 1 held, [89] left \(2 of them for urgent ones\)`, out.String())
	assert.Regexp(t, `(?m)^  ■{2,3}▣□+◇◇$`, out.String())
	assert.Contains(t, out.String(), "table Orders")
}

func TestALedgerThatWasGivenIsKept(t *testing.T) {
	t.Parallel()
	ledger := filepath.Join(t.TempDir(), "quota.json")
	for _, want := range []string{"[23] of 12 imports used, 1 held", "[4-7] of 12 imports used, 2 held"} {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{"-ledger", ledger, "-tables", "Customers"}, noEnvironment, &out))
		assert.Regexp(t, want, out.String())
	}
}

func TestTheServiceIsReadOnlyWithAKey(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(t.Context(), []string{"-live"}, noEnvironment, &bytes.Buffer{}), "ACTITO_API_KEY")
}

func TestTheDayShowsWhenThingsHappen(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 26, hour, minute, 0, 0, zone) }
	entries := []actito.QuotaEntry{
		{At: at(2, 0).AddDate(0, 0, -1), State: "used"},
		{At: at(2, 0).UTC(), State: "used"},
		{At: at(7, 40), State: "held"},
		{At: at(9, 0), State: "used"}, {At: at(9, 10), State: "begun"}, {At: at(9, 29), State: "used"},
	}
	plan := actito.Plan{At: []time.Time{at(12, 0), at(23, 30)}}
	assert.Equal(t, "····■··········▣··3·│····○······················○", day(entries, plan, at(10, 15)))
}
