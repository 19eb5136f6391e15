package actito_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// oneCustomer starts an import of one customer.
func (b *bulk) oneCustomer(ctx context.Context, opts ...actito.ImportOption) (*actito.Execution, error) {
	return b.client.ETLs.RunOnce(ctx, once(b.customers.InputFile("customers.csv", named)),
		append(opts, b.customers.Rows("customers.csv", all(annRow), named))...)
}

// both starts an import into both tables.
func (b *bulk) both(ctx context.Context) (*actito.Execution, error) {
	return b.client.ETLs.RunOnce(ctx, once(b.customers.InputFile("c.csv", named), b.orders.InputFile("o.csv")),
		b.customers.Rows("c.csv", all(annRow), named), b.orders.Rows("o.csv", all(order{"O1", "C1", 5})))
}

// inBubble runs a test in virtual time, which begins at 01:00 in Brussels.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

func TestTheBudgetOfATableEndsBeforeAnythingIsUploaded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		window  actito.Window
		world   actitotest.Assumption
		resetAt time.Duration // from the first import
	}{
		"by calendar day in Brussels": {"", actitotest.QuotaByCalendarDay, 23*time.Hour + 2*time.Minute},
		"by calendar day elsewhere":   {actito.CalendarDay("Asia/Tokyo"), actitotest.QuotaRolling, 15*time.Hour + 2*time.Minute},
		"rolling":                     {actito.Rolling24h, actitotest.QuotaRolling, 24*time.Hour + 2*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Window: tt.window}))
				b.Assume(tt.world)
				began := time.Now()
				for range 12 {
					e, err := b.oneCustomer(t.Context())
					b.loads(t, e, err)
				}
				_, err := b.oneCustomer(t.Context())
				var used *actito.QuotaError
				require.ErrorAs(t, err, &used)
				require.ErrorIs(t, err, actito.ErrQuotaExceeded)
				require.Equal(t, "Customers", used.Table)
				require.Equal(t, []int{12, 12, 0}, []int{used.Limit, used.Used, used.Held})
				require.WithinDuration(t, began.Add(tt.resetAt), used.ResetAt, time.Minute)
				require.ErrorContains(t, err, "Quota.Limit")
				require.ErrorContains(t, err, used.ResetAt.Format(time.RFC3339))
				require.Len(t, b.starts(), 12)

				time.Sleep(24*time.Hour + 3*time.Minute) // every budget is new
				e, err := b.oneCustomer(t.Context())
				b.loads(t, e, err)
				b.counted(t, "Customers", 1, 0)
			})
		})
	}
}

func TestAnImportOfTwoTablesCostsBothOrNone(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Limits: map[string]int{"Orders": 1}}))
	e, err := b.both(t.Context())
	b.loads(t, e, err)
	b.counted(t, "Customers", 1, 0)
	b.counted(t, "Orders", 1, 0)
	_, err = b.both(t.Context())
	var used *actito.QuotaError
	require.ErrorAs(t, err, &used)
	require.Equal(t, "Orders", used.Table)
	b.counted(t, "Customers", 1, 0)
	require.Len(t, b.starts(), 1)
}

func TestALimitIsATablesByNameOrID(t *testing.T) {
	t.Parallel()
	for name, quota := range map[string]actito.Quota{
		"of all tables": {Limit: 2},
		"by name":       {Limit: 1, Limits: map[string]int{"Customers": 2}},
		"by id":         {Limit: 9, Limits: map[string]int{"16": 2, "Customers": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t), actito.WithQuota(quota))
			for range 2 {
				_, err := b.oneCustomer(t.Context())
				require.NoError(t, err)
			}
			_, err := b.oneCustomer(t.Context())
			require.ErrorIs(t, err, actito.ErrQuotaExceeded)
			usage, err := b.client.Quota.Usage(t.Context(), "16")
			require.NoError(t, err)
			require.Equal(t, []any{"Customers", 2, 2, 0}, []any{usage.Table, usage.Limit, usage.Used, usage.Left})
		})
	}
}

func TestTheOutcomeOfAStartIsSettled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		faults     []actitotest.Fault
		used, held int
		starts     int
		want       error
	}{
		"accepted":                     {nil, 1, 0, 1, nil},
		"refused with 400":             {faults(actitotest.Status(400)), 0, 0, 1, actito.ErrInvalid},
		"refused with 403":             {faults(actitotest.Status(403)), 0, 0, 1, actito.ErrForbidden},
		"refused early":                {faults(actitotest.Status(400).Early()), 0, 0, 1, actito.ErrInvalid},
		"a token that ran out":         {faults(actitotest.RevokeToken()), 1, 0, 2, nil},
		"busy for a moment":            {faults(actitotest.Status(503).WithHeader("Retry-After", "7")), 1, 0, 2, nil},
		"an error of the server":       {faults(actitotest.Status(500)), 0, 1, 1, actito.ErrOutcomeUnknown},
		"an error of a proxy":          {faults(actitotest.Status(502).WithBody("text/html", "<html>")), 0, 1, 1, actito.ErrOutcomeUnknown},
		"the answer is lost":           {faults(actitotest.LoseAnswer()), 0, 1, 1, actito.ErrOutcomeUnknown},
		"the answer is cut":            {faults(actitotest.CutAnswer(3)), 0, 1, 1, actito.ErrOutcomeUnknown},
		"the upload is cut":            {faults(actitotest.CutRequest(10)), 0, 1, 1, actito.ErrOutcomeUnknown},
		"an answer after nine minutes": {faults(actitotest.Delay(9 * time.Minute)), 1, 0, 1, nil},
		"no answer":                    {faults(actitotest.Hang()), 0, 1, 1, actito.ErrOutcomeUnknown},
		"refused after a 429":          {faults(actitotest.Status(429), actitotest.Status(400)), 0, 0, 2, actito.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t))
				b.Fail(actitotest.OpRunOnce, tt.faults...)
				e, err := b.both(t.Context())
				if tt.want != nil {
					require.ErrorIs(t, err, tt.want)
					require.Nil(t, e)
				} else {
					require.NoError(t, err)
				}
				require.Len(t, b.starts(), tt.starts)
				b.counted(t, "Customers", tt.used, tt.held)
				b.counted(t, "Orders", tt.used, tt.held)
			})
		})
	}
}

func faults(f ...actitotest.Fault) []actitotest.Fault { return f }

func TestACallerWhoLeavesDuringTheUploadLeavesAHeldUnit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := b.oneCustomer(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		b.counted(t, "Customers", 0, 1)
	})
}

type limiterFunc func(context.Context, actito.Work) (func(), error)

func (f limiterFunc) Acquire(ctx context.Context, w actito.Work) (func(), error) { return f(ctx, w) }

func TestAReservationThatRanOutIsMadeOnceMore(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		slow int // turns that come after the lease
		want error
	}{
		"and may then come in time":         {1, nil},
		"and no byte leaves after a second": {2, actito.ErrReservationLost},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				left := tt.slow
				limiter := limiterFunc(func(_ context.Context, w actito.Work) (func(), error) {
					if w.Transfer && left > 0 {
						left--
						time.Sleep(16 * time.Minute)
					}
					return func() {}, nil
				})
				b := newBulk(t, inMemory(t), actito.WithLimiter(limiter), actito.WithQuota(actito.Quota{FailOpen: true})) // no store failed
				_, err := b.oneCustomer(t.Context())
				if tt.want == nil {
					require.NoError(t, err)
					require.Len(t, b.Imports(), 1)
					return
				}
				require.ErrorIs(t, err, tt.want)
				b.untouched(t)
			})
		})
	}
}

func TestAStartThatIsRepeatedAfterMidnightCountsOnTheNewDay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		_, err := b.client.Quota.Usage(t.Context(), "Customers") // looks the table up before
		require.NoError(t, err)
		midnight := time.Date(2000, 1, 1, 23, 2, 0, 0, time.UTC) // in Brussels, with the margin for clocks that differ
		time.Sleep(time.Until(midnight) - time.Second)
		b.Fail(actitotest.OpRunOnce, actitotest.Status(429).WithHeader("Retry-After", "5"))
		_, err = b.oneCustomer(t.Context())
		require.NoError(t, err)
		require.Len(t, b.starts(), 2)
		b.counted(t, "Customers", 1, 0)
		entries, err := b.client.Quota.Entries(t.Context(), "Customers")
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.False(t, entries[0].At.Before(midnight), "%s", entries[0].At)
	})
}

func TestAnImportAtMidnightIsUsedOnBothDays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Limit: 2}))
		time.Sleep(time.Until(time.Date(2000, 1, 1, 22, 59, 0, 0, time.UTC))) // a minute before midnight in Brussels
		_, err := b.oneCustomer(t.Context())
		require.NoError(t, err)
		time.Sleep(90 * time.Second)
		b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		_, err = b.oneCustomer(t.Context())
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		time.Sleep(8 * time.Hour)
		usage, err := b.client.Quota.Usage(t.Context(), "Customers")
		require.NoError(t, err)
		require.Equal(t, "table Customers: 1 of 2 imports used, 1 held, 0 left, resets at 2000-01-03T00:02:00+01:00", usage.String())
		_, err = b.oneCustomer(t.Context())
		require.ErrorContains(t, err, "1 of 2 imports used and 1 held")
	})
}

// notedStore notes what it is asked. A call whose context ended does nothing, as in a store that is a database.
type notedStore struct {
	actito.QuotaStore
	lost     bool // settling fails
	reserved []actito.Reservation
	settled  []actito.Outcome
}

func (s *notedStore) Reserve(ctx context.Context, r actito.Reservation) error {
	s.reserved = append(s.reserved, r)
	return ctx.Err()
}

func (s *notedStore) Begin(ctx context.Context, _ string) error { return ctx.Err() }

func (s *notedStore) Settle(ctx context.Context, _ string, o actito.Outcome) error {
	if s.lost {
		return errors.New("the ledger is gone")
	}
	if ctx.Err() == nil {
		s.settled = append(s.settled, o)
	}
	return ctx.Err()
}

func TestAnImportIsSettledWhoeverIsGone(t *testing.T) {
	t.Parallel()
	t.Run("the caller", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			store := &notedStore{}
			b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: store}))
			b.Fail(actitotest.OpRunOnce, actitotest.Hang())
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := b.oneCustomer(ctx)
			require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
			require.Equal(t, []actito.Outcome{actito.Held()}, store.settled)
		})
	})
	t.Run("the ledger", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: &notedStore{lost: true}}))
			e, err := b.oneCustomer(t.Context())
			b.loads(t, e, err)
		})
	})
}

func TestATableIsReservedOnceHoweverOftenItIsLoaded(t *testing.T) {
	t.Parallel()
	store := &notedStore{}
	b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: store}))
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("a.csv", named), b.customers.InputFile("b.csv", named)),
		b.customers.Rows("a.csv", all(annRow), named), b.customers.Rows("b.csv", all(bobRow), named))
	b.loads(t, e, err)
	require.Equal(t, []actito.Bucket{{Name: "1/16", Limit: 12}}, store.reserved[0].Buckets)
	require.Equal(t, []actito.Outcome{actito.Used(e.ID)}, store.settled)
}

func TestADryRunChecksAndSendsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		dry := newBulk(t, b.Server, actito.WithDryRun())
		etl := b.stored(t, b.customers.InputFile("customers.csv", named))
		began := time.Now()
		for range 20 { // more than the budget
			e, err := dry.oneCustomer(t.Context(), actito.Once("key"))
			require.NoError(t, err)
			require.Equal(t, actito.StatusDryRun, e.Status)
			e, err = dry.client.Executions.Wait(t.Context(), e)
			require.NoError(t, err)
			require.Empty(t, collect(t, dry.customers.Rejects(t.Context(), e)))
			e, err = dry.client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte(annCSV)))
			require.NoError(t, err)
			require.Equal(t, etl, e.ETLID)
		}
		require.Less(t, time.Since(began), time.Minute)
		_, err := dry.oneCustomer(t.Context(), actito.DataBytes("x.csv", nil))
		require.ErrorIs(t, err, actito.ErrInvalid)
		_, err = dry.client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte("customerID\nC1\n")))
		require.ErrorIs(t, err, actito.ErrInvalid)
		dry.untouched(t)
	})
}
