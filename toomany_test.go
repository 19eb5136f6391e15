package actito_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestConcurrency429sOfAStartPass(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Times(4, actitotest.Status(429)))
		began := time.Now()
		e, err := b.oneCustomer(t.Context())
		require.LessOrEqual(t, time.Since(began), time.Minute)
		b.loads(t, e, err)
		require.Len(t, b.starts(), 5)
		b.counted(t, "Customers", 1, 0)
	})
}

func TestAStartThatStaysRefusedWith429(t *testing.T) {
	t.Parallel()
	refused := actitotest.Status(429)
	for name, tt := range map[string]struct {
		start    func(b *bulk, ctx context.Context) (*actito.Execution, error)
		fault    actitotest.Fault
		probe    actitotest.Fault
		deadline time.Duration
		starts   int
		table    string // of the QuotaError
		closed   bool
	}{
		"the probe passes":                     {fault: actitotest.Times(5, refused), probe: actitotest.Pass(), starts: 5, table: "Customers", closed: true},
		"two tables, and the probe passes":     {start: (*bulk).both, fault: actitotest.Times(5, refused), probe: actitotest.Pass(), starts: 5, table: "Customers or Orders"},
		"the probe is refused too":             {fault: actitotest.Times(5, refused), probe: refused, starts: 5},
		"the probe fails":                      {fault: actitotest.Times(5, refused), probe: actitotest.Status(500), starts: 5},
		"the minute is over before five tries": {fault: actitotest.Times(5, refused.WithHeader("Retry-After", "25")), starts: 3, table: "Customers", closed: true},
		"the server asks for two minutes":      {fault: refused.WithHeader("Retry-After", "120"), starts: 1, table: "Customers", closed: true},
		"the caller has no time for more":      {fault: refused.WithHeader("Retry-After", "25"), deadline: 10 * time.Second, starts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t))
				b.Fail(actitotest.OpRunOnce, tt.fault)
				if tt.starts == 5 {
					b.Fail(actitotest.OpEntityList, tt.probe)
				}
				if tt.start == nil {
					tt.start = func(b *bulk, ctx context.Context) (*actito.Execution, error) { return b.oneCustomer(ctx) }
				}
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				began := time.Now()
				_, err := tt.start(b, ctx)
				require.ErrorIs(t, err, actito.ErrTooManyRequests)
				require.LessOrEqual(t, time.Since(began), time.Minute)
				require.Len(t, b.starts(), tt.starts)
				require.LessOrEqual(t, len(b.Requests(actitotest.OpEntityList)), 1, "the probe is not repeated")
				b.counted(t, "Customers", 0, 0)

				var used *actito.QuotaError
				require.Equal(t, tt.table != "", errors.As(err, &used), err)
				if used != nil {
					require.Equal(t, tt.table, used.Table)
					require.Equal(t, time.Date(2000, 1, 1, 23, 2, 0, 0, time.UTC), used.ResetAt.UTC())
					var api *actito.APIError
					require.ErrorAs(t, err, &api)
					require.Equal(t, http.StatusTooManyRequests, api.Status)
				}

				e, err := b.oneCustomer(t.Context())
				if !tt.closed {
					b.loads(t, e, err)
					return
				}
				require.ErrorIs(t, err, actito.ErrQuotaExceeded)
				require.Len(t, b.starts(), tt.starts, "a closed table is not asked")
				usage, err := b.client.Quota.Usage(t.Context(), "Customers")
				require.NoError(t, err)
				require.Zero(t, usage.Left)
				require.Equal(t, used.ResetAt, usage.ClosedUntil)
				time.Sleep(24 * time.Hour)
				e, err = b.oneCustomer(t.Context())
				b.loads(t, e, err)
			})
		})
	}
}

func TestThirtySecondsOfTooManyRequestsAtOnceCloseNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		_, err := b.client.Quota.Usage(t.Context(), "Customers") // looks the table up before
		require.NoError(t, err)
		others := newBulk(t, b.Server, actito.WithRateLimit(actito.RateLimit{Concurrent: 6}))
		_, err = others.client.Entities.List(t.Context()) // has its token before
		require.NoError(t, err)
		b.Fail(actitotest.OpProfileGet, actitotest.Times(5, actitotest.Delay(30*time.Second)))
		var busy sync.WaitGroup
		for range 5 {
			busy.Go(func() { _, _ = others.customers.Get(t.Context(), actito.ByID("1")) })
		}
		synctest.Wait()
		e, err := b.oneCustomer(t.Context())
		b.loads(t, e, err)
		busy.Wait()
		require.Greater(t, len(b.starts()), 3)
		require.Empty(t, b.Requests(actitotest.OpEntityList)[1:], "nobody had to find out which limit it was")
		usage, err := b.client.Quota.Usage(t.Context(), "Customers")
		require.NoError(t, err)
		require.Equal(t, []int{1, 11}, []int{usage.Used, usage.Left})
		require.Zero(t, usage.ClosedUntil)
	})
}

func TestAStartThatWaitedLongForItsTurnIsRepeatedToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		waited := false
		limiter := limiterFunc(func(_ context.Context, w actito.Work) (func(), error) {
			if w.Transfer && !waited {
				waited = true
				time.Sleep(2 * time.Minute)
			}
			return func() {}, nil
		})
		b := newBulk(t, inMemory(t), actito.WithLimiter(limiter))
		b.Fail(actitotest.OpRunOnce, actitotest.Times(4, actitotest.Status(429)))
		e, err := b.oneCustomer(t.Context())
		b.loads(t, e, err)
		require.Len(t, b.starts(), 5)
		b.counted(t, "Customers", 1, 0)
	})
}

func TestAStartThatCannotBeRepeatedInTimeClosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		turns := 0
		limiter := limiterFunc(func(_ context.Context, w actito.Work) (func(), error) {
			if w.Transfer {
				turns++
			}
			if turns == 2 && w.Transfer {
				return nil, &actito.BusyError{Op: w.Op, Wait: time.Minute}
			}
			return func() {}, nil
		})
		b := newBulk(t, inMemory(t), actito.WithLimiter(limiter))
		b.Fail(actitotest.OpRunOnce, actitotest.Status(429))
		_, err := b.oneCustomer(t.Context())
		require.ErrorIs(t, err, actito.ErrBusy)
		require.ErrorIs(t, err, actito.ErrTooManyRequests)
		require.NotErrorIs(t, err, actito.ErrQuotaExceeded)
		e, err := b.oneCustomer(t.Context())
		b.loads(t, e, err)
	})
}

func TestAClosedTableIsTriedOnceAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := inMemory(t)
		ours, theirs := newBulk(t, server), newBulk(t, server)
		for range 12 {
			_, err := theirs.oneCustomer(t.Context())
			require.NoError(t, err)
		}
		began := time.Now()
		tryFor := func(d time.Duration) {
			for ; time.Since(began) < d; time.Sleep(time.Minute) {
				_, err := ours.oneCustomer(t.Context())
				require.ErrorIs(t, err, actito.ErrQuotaExceeded)
			}
		}
		probes := func() int { return len(ours.Requests(actitotest.OpEntityList)) }
		tryFor(40 * time.Minute)
		require.Equal(t, 1, probes(), "in forty minutes")
		require.Len(t, ours.starts(), 12+5)
		tryFor(150 * time.Minute)
		require.Equal(t, 3, probes(), "in two and a half hours")
		require.Len(t, ours.starts(), 12+3*5)
	})
}

func TestAProbeThatSucceedsOpensTheTable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Times(5, actitotest.Status(429)))
		_, err := b.oneCustomer(t.Context())
		require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		time.Sleep(time.Hour)
		for range 12 {
			e, err := b.oneCustomer(t.Context())
			b.loads(t, e, err)
		}
		_, err = b.oneCustomer(t.Context())
		require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		require.Len(t, b.starts(), 5+12)
	})
}

func TestATableIsClosedForARollingWindowFromTheRefusalOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Window: actito.Rolling24h}))
		b.Fail(actitotest.OpRunOnce, actitotest.Times(5, actitotest.Status(429)))
		began := time.Now()
		_, err := b.oneCustomer(t.Context())
		var full *actito.QuotaError
		require.ErrorAs(t, err, &full)
		require.WithinDuration(t, began.Add(24*time.Hour+2*time.Minute), full.ResetAt, time.Second)
		usage, err := b.client.Quota.Usage(t.Context(), "Customers")
		require.NoError(t, err)
		require.True(t, full.ResetAt.Equal(usage.ClosedUntil), usage.String())
	})
}

func TestTablesThatAreRefusedTogetherAreClosedTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Times(5, actitotest.Status(429)))
		_, err := b.both(t.Context())
		require.ErrorIs(t, err, actito.ErrTooManyRequests)
		require.ErrorContains(t, err, "table Customers or Orders")
		_, err = b.both(t.Context())
		require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		require.NotErrorIs(t, err, actito.ErrTooManyRequests)
		require.ErrorContains(t, err, "table Customers and Orders: closed until")
		require.Len(t, b.starts(), 5)
		e, err := b.oneCustomer(t.Context())
		b.loads(t, e, err) // alone it is open
		require.NoError(t, b.client.Quota.Reopen(t.Context(), "Orders", "Customers"))
		e, err = b.both(t.Context())
		b.loads(t, e, err)
	})
}

func TestAnotherProgramsImportsAreNoticed(t *testing.T) {
	inEveryWorldInVirtualTime(t, func(t *testing.T, world ...actitotest.Assumption) {
		server := inMemory(t)
		server.Assume(world...)
		ours, theirs := newBulk(t, server), newBulk(t, server)
		for range 11 {
			_, err := theirs.oneCustomer(t.Context())
			require.NoError(t, err)
		}
		for i := range 3 {
			_, err := ours.oneCustomer(t.Context())
			switch i {
			case 0:
				require.NoError(t, err)
			case 1:
				require.ErrorIs(t, err, actito.ErrTooManyRequests)
				require.ErrorIs(t, err, actito.ErrQuotaExceeded)
			case 2:
				require.ErrorIs(t, err, actito.ErrQuotaExceeded)
				require.NotErrorIs(t, err, actito.ErrTooManyRequests)
			}
		}
		require.Len(t, ours.starts(), 11+1+5)
	}, actitotest.QuotaRolling, actitotest.IDOnlyInLocation, actitotest.FailedRunsFree)
}

// inEveryWorldInVirtualTime is inEveryWorld with a bubble around each test.
func inEveryWorldInVirtualTime(t *testing.T, test func(t *testing.T, world ...actitotest.Assumption), opposites ...actitotest.Assumption) {
	t.Helper()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		synctest.Test(t, func(t *testing.T) { test(t, world...) })
	}, opposites...)
}
