package actito

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestQuotaRefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		give Quota
		want string
	}{
		"a negative limit":              {Quota{Limit: -1}, "Quota.Limit is -1"},
		"a table without imports":       {Quota{Limits: map[string]int{"Customers": 0}}, `Quota.Limits["Customers"] is 0`},
		"a table with fewer than none":  {Quota{Limits: map[string]int{"Customers": -1}}, `Quota.Limits["Customers"] is -1`},
		"a limit without a table":       {Quota{Limits: map[string]int{"": 3}}, "without a table"},
		"an unknown zone":               {Quota{Window: CalendarDay("Europe/Bruxelles")}, "Europe/Bruxelles"},
		"a zone that is another's here": {Quota{Window: CalendarDay("Local")}, "differs between machines"},
		"both, in an unknown zone":      {Quota{Window: DayAndRolling24h("Mars")}, "Mars"},
		"a licence with a slash":        {Quota{Licence: "a/b"}, "Quota.Licence has a slash"},
		"fewer than none kept free":     {Quota{KeepFree: -1}, "Quota.KeepFree is -1"},
		"all kept free":                 {Quota{KeepFree: 12}, "Quota.KeepFree is 12 of a limit of 12"},
		"all of a table kept free":      {Quota{KeepFree: 3, Limits: map[string]int{"Orders": 3}}, "Quota.KeepFree is 3 of a limit of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newQuota(tt.give)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestTheLimitOfATable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		give Quota
		want int
	}{
		"is twelve":                         {Quota{}, 12},
		"is the one for all":                {Quota{Limit: 24, Limits: map[string]int{"Orders": 3}}, 24},
		"is that of its name":               {Quota{Limit: 24, Limits: map[string]int{"Customers": 3}}, 3},
		"is that of its id":                 {Quota{Limit: 24, Limits: map[string]int{"42": 4}}, 4},
		"is that of its id before its name": {Quota{Limits: map[string]int{"Customers": 3, "42": 4}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := newQuota(tt.give)
			require.NoError(t, err)
			assert.Equal(t, []Bucket{{Name: "L/42", Limit: tt.want}}, q.buckets("L/", []tableRef{{"42", "Customers"}}))
		})
	}
}

func TestLimitsAreCopied(t *testing.T) {
	t.Parallel()
	limits := map[string]int{"42": 4}
	q, err := newQuota(Quota{Limits: limits})
	require.NoError(t, err)
	limits["42"] = 1000
	assert.Equal(t, 4, q.limitOf(tableRef{"42", "Customers"}))
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}

func TestTheWindowOfAReservation(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		window        Window
		now           string
		from, resetAt string
	}{
		"an ordinary day in Brussels":                     {"", "2026-11-23T12:00:00Z", "2026-11-23T00:00:00+01:00", "2026-11-24T00:00:00+01:00"},
		"a day begins before it does in UTC":              {"", "2026-11-22T23:02:00Z", "2026-11-23T00:00:00+01:00", "2026-11-24T00:00:00+01:00"},
		"the last moment belongs to the day":              {"", "2026-11-22T22:59:59.999999999Z", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00"},
		"the two minutes after it belong to it too":       {"", "2026-11-22T23:01:59.999999999Z", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00"},
		"a day of 23 hours":                               {"", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		"a day of 25 hours":                               {"", "2026-10-25T12:00:00Z", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		"the hour that comes twice":                       {"", "2026-10-25T01:30:00Z", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		"another zone":                                    {CalendarDay("America/Montreal"), "2026-11-23T03:00:00Z", "2026-11-22T00:00:00-05:00", "2026-11-23T00:00:00-05:00"},
		"UTC if asked for":                                {CalendarDay("UTC"), "2026-11-23T03:00:00Z", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"},
		"a day without midnight":                          {CalendarDay("America/Sao_Paulo"), "2018-11-04T12:00:00Z", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
		"a day before one without midnight":               {CalendarDay("America/Sao_Paulo"), "2018-11-03T12:00:00Z", "2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00"},
		"a day that has midnight twice":                   {CalendarDay("America/Havana"), "2026-11-01T04:30:00Z", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
		"a day that has midnight twice, after the second": {CalendarDay("America/Havana"), "2026-11-01T05:30:00Z", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := newQuota(Quota{Window: tt.window})
			require.NoError(t, err)
			r := q.reservation(at(t, tt.now))
			assert.Equal(t, tt.now, r.At.Format(time.RFC3339Nano))
			assert.Equal(t, tt.from, r.From.Add(2*time.Minute).Format(time.RFC3339), "the day begins two minutes early")
			assert.Equal(t, tt.resetAt, r.ResetAt.Add(-2*time.Minute).Format(time.RFC3339), "the day ends two minutes late")
			assert.Zero(t, r.Rolling)
		})
	}
	t.Run("24 hours know no days", func(t *testing.T) {
		t.Parallel()
		q, err := newQuota(Quota{Window: Rolling24h})
		require.NoError(t, err)
		now := at(t, "2026-03-29T12:00:00Z")
		assert.Equal(t, Reservation{At: now, Rolling: 24*time.Hour + 2*time.Minute}, q.reservation(now))
	})
	t.Run("both count", func(t *testing.T) {
		t.Parallel()
		q, err := newQuota(Quota{Window: DayAndRolling24h("UTC")})
		require.NoError(t, err)
		now := at(t, "2026-11-23T12:00:00Z")
		r := q.reservation(now)
		assert.Equal(t, 24*time.Hour+2*time.Minute, r.Rolling)
		assert.Equal(t, "2026-11-24T00:02:00Z", r.ResetAt.Format(time.RFC3339))
	})
}

func TestDaysCoverEveryInstantOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom([]string{
			"Europe/Brussels", "Europe/London", "Asia/Beirut", "Africa/Cairo", "America/Havana", "America/Sao_Paulo",
			"Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
		}).Draw(rt, "zone")
		zone, err := time.LoadLocation(name)
		require.NoError(rt, err)
		now := time.Unix(rapid.Int64Range(1_500_000_000, 2_000_000_000).Draw(rt, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(rt, "ns")).In(zone)

		from, next := day(now)
		if from.After(now) || !next.After(now) {
			rt.Fatalf("%s is not between %s and %s", now, from, next)
		}
		date := now.Format(time.DateOnly)
		if got := from.Format(time.DateOnly); got != date {
			rt.Fatalf("the day of %s begins on %s", now, got)
		}
		if got := from.Add(-1).Format(time.DateOnly); got >= date {
			rt.Fatalf("the day of %s begins before %s", now, from)
		}
		if got := next.Add(-1).Format(time.DateOnly); got != date {
			rt.Fatalf("the day of %s ends on %s", now, got)
		}
		if again, _ := day(next); !again.Equal(next) {
			rt.Fatalf("after %s the day begins at %s", next, again)
		}
	})
}

func TestUsageReadsWellInALog(t *testing.T) {
	t.Parallel()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	u := Usage{Table: "42", Limit: 12, Used: 5, Held: 1, Left: 6, ResetAt: time.Date(2026, 11, 24, 0, 0, 0, 0, brussels)}
	assert.Equal(t, "table 42: 5 of 12 imports used, 1 held, 6 left, resets at 2026-11-24T00:00:00+01:00", u.String())
	u.Left, u.ClosedUntil = 0, time.Date(2026, 11, 23, 18, 0, 0, 0, brussels)
	assert.Equal(t, "table 42: 5 of 12 imports used, 1 held, 0 left, resets at 2026-11-24T00:00:00+01:00, "+
		"closed until 2026-11-23T18:00:00+01:00", u.String())
	assert.Equal(t, "table 42: 3 of 12 imports used, 0 held, 9 left (2 of them for urgent ones)", Usage{Table: "42", Limit: 12, Used: 3, Left: 9, Kept: 2}.String())
	assert.Equal(t, "table 42: 0 of 12 imports used, 0 held, 12 left", Usage{Table: "42", Limit: 12, Left: 12}.String())
}

func TestUsageIsCompleteBeforeAnythingIsBooked(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-11-23T12:00:00Z")
	for name, tt := range map[string]struct {
		window  Window
		prepare func(q *quota, clock *time.Time)
		want    Usage
	}{
		"of a table that was never imported": {
			"", func(*quota, *time.Time) {},
			Usage{Table: "Customers", Limit: 12, Left: 12, ResetAt: at(t, "2026-11-24T00:02:00+01:00")},
		},
		"of a table that was imported yesterday": {
			"", func(q *quota, clock *time.Time) {
				*clock = now.Add(-24 * time.Hour)
				r := q.reservation(*clock)
				r.ID, r.Lease, r.Buckets = "r", clock.Add(time.Hour), []Bucket{{Name: "42", Limit: 12}}
				require.NoError(t, q.store.Reserve(t.Context(), r))
				require.NoError(t, q.store.Settle(t.Context(), r.ID, Used("exec")))
			},
			Usage{Table: "Customers", Limit: 12, Left: 12, ResetAt: at(t, "2026-11-24T00:02:00+01:00")},
		},
		"of a table that was imported under another limit": {
			"", func(q *quota, _ *time.Time) {
				r := q.reservation(now)
				r.ID, r.Lease, r.Buckets = "r", now.Add(time.Hour), []Bucket{{Name: "42", Limit: 2}}
				require.NoError(t, q.store.Reserve(t.Context(), r))
			},
			Usage{Table: "Customers", Limit: 12, Held: 1, Left: 11, ResetAt: at(t, "2026-11-24T00:02:00+01:00")},
		},
		"of a table that is closed": {
			"", func(q *quota, _ *time.Time) {
				require.NoError(t, q.store.Close(t.Context(), "42", now.Add(time.Hour)))
			},
			Usage{Table: "Customers", Limit: 12, Left: 0, ResetAt: at(t, "2026-11-24T00:02:00+01:00"), ClosedUntil: now.Add(time.Hour)},
		},
		"of 24 hours without imports": {
			Rolling24h, func(*quota, *time.Time) {},
			Usage{Table: "Customers", Limit: 12, Left: 12},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock, store := now, newMemoryStore()
			store.now = func() time.Time { return clock }
			q, err := newQuota(Quota{Store: store, Window: tt.window})
			require.NoError(t, err)
			tt.prepare(q, &clock)
			clock = now
			got, err := q.usage(t.Context(), "42", tableRef{"42", "Customers"}, now)
			require.NoError(t, err)
			assert.True(t, tt.want.ResetAt.Equal(got.ResetAt), "%s", got)
			got.ResetAt = tt.want.ResetAt
			assert.Equal(t, tt.want, got)
		})
	}
}
