package quotatest_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/quotatest"
)

// broken is a store that does something else instead of some of its calls.
type broken struct {
	*reference
	reserve func(*reference, actito.Reservation) error
	begin   func(s *reference, id string) error
	settle  func(s *reference, id string, o actito.Outcome) error
	close   func(s *reference, bucket string, until time.Time) error
	usage   func(s *reference, bucket string) (actito.Usage, error)
}

func (s *broken) Reserve(ctx context.Context, r actito.Reservation) error {
	if s.reserve != nil {
		return s.reserve(s.reference, r)
	}
	return s.reference.Reserve(ctx, r)
}

func (s *broken) Begin(ctx context.Context, id string) error {
	if s.begin != nil {
		return s.begin(s.reference, id)
	}
	return s.reference.Begin(ctx, id)
}

func (s *broken) Settle(ctx context.Context, id string, o actito.Outcome) error {
	if s.settle != nil {
		return s.settle(s.reference, id, o)
	}
	return s.reference.Settle(ctx, id, o)
}

func (s *broken) Close(ctx context.Context, bucket string, until time.Time) error {
	if s.close != nil {
		return s.close(s.reference, bucket, until)
	}
	return s.reference.Close(ctx, bucket, until)
}

func (s *broken) Usage(ctx context.Context, bucket string) (actito.Usage, error) {
	if s.usage != nil {
		return s.usage(s.reference, bucket)
	}
	return s.reference.Usage(ctx, bucket)
}

// changed books something else than what was asked for.
func changed(change func(*actito.Reservation)) *broken {
	return &broken{reserve: func(s *reference, r actito.Reservation) error {
		r.Buckets = append([]actito.Bucket(nil), r.Buckets...)
		change(&r)
		return s.Reserve(context.Background(), r)
	}}
}

// breaks are stores that break the contract, with a test that fails for it.
var breaks = map[string]struct {
	store *broken
	fails string
}{
	"books one more than the limit": {
		changed(func(r *actito.Reservation) { r.Buckets[0].Limit++ }), "Any_order",
	},
	"books the first bucket only": {
		changed(func(r *actito.Reservation) { r.Buckets = r.Buckets[:1] }), "Reserve/books_one_unit_in_each_bucket",
	},
	"books bucket by bucket": {
		&broken{reserve: func(s *reference, r actito.Reservation) error {
			buckets, id := r.Buckets, r.ID
			for i := range buckets {
				r.Buckets = buckets[i : i+1]
				if err := s.Reserve(context.Background(), r); err != nil {
					return err
				}
				r.ID = id + "+"
			}
			return nil
		}}, "Reserve/books_all_or_none",
	},
	"knows no keys": {
		changed(func(r *actito.Reservation) { r.Once = "" }), "Once/refuses_while_the_first_is_reserved",
	},
	"knows no content": {
		changed(func(r *actito.Reservation) { r.Content = [32]byte{} }), "Once/tells_that_the_content_is_another",
	},
	"forgets after a day": {
		&broken{reserve: func(s *reference, r actito.Reservation) error {
			s.Lock()
			s.Ledger.Usage(r.At.Add(6*24*time.Hour), "")
			s.Unlock()
			return s.Reserve(context.Background(), r)
		}}, "Once/remembers_for_a_week",
	},
	"has leases without an end": {
		changed(func(r *actito.Reservation) { r.Lease = r.Lease.Add(240 * time.Hour) }), "Begin/fails_when_the_lease_ran_out",
	},
	"has leases that are short": {
		changed(func(r *actito.Reservation) { r.Lease = r.Lease.Add(-time.Millisecond) }), "Begin/succeeds_until_the_lease_runs_out",
	},
	"begins everything": {
		&broken{begin: func(s *reference, id string) error { _ = s.Begin(context.Background(), id); return nil }},
		"Begin/fails_when_the_day_ended_for_which_the_unit_was_booked",
	},
	"begins without a note of it": {
		&broken{begin: func(*reference, string) error { return nil }},
		"Begin/fails_the_second_time_when_the_lease_ran_out,_and_the_unit_is_held",
	},
	"begins anew each time": {
		&broken{begin: func(s *reference, id string) error {
			err := s.Begin(context.Background(), id)
			_ = s.Settle(context.Background(), id, actito.Held())
			return err
		}}, "Begin/changes_nothing_the_second_time",
	},
	"settles everything": {
		&broken{settle: func(s *reference, id string, o actito.Outcome) error {
			_ = s.Settle(context.Background(), id, o)
			return nil
		}}, "Settle/used_with_another_execution_fails",
	},
	"settles once": {
		&broken{settle: func(s *reference, id string, o actito.Outcome) error {
			if o.State == actito.OutcomeFree {
				return s.Settle(context.Background(), id, actito.Held())
			}
			return s.Settle(context.Background(), id, o)
		}}, "Settle/held_is_reconciled_as_free",
	},
	"closes nothing": {
		&broken{close: func(*reference, string, time.Time) error { return nil }}, "Close/refuses_until_then",
	},
	"closes until the last call's end": {
		&broken{close: func(s *reference, bucket string, until time.Time) error {
			_ = s.Close(context.Background(), bucket, time.Time{})
			return s.Close(context.Background(), bucket, until)
		}}, "Close/never_shortens_an_earlier_call",
	},
	"stays closed": {
		&broken{close: func(s *reference, bucket string, until time.Time) error {
			if until.IsZero() {
				return nil
			}
			return s.Close(context.Background(), bucket, until)
		}}, "Close/opens_with_the_zero_time",
	},
	"shows a window that ended": {
		&broken{usage: func(s *reference, bucket string) (actito.Usage, error) {
			s.Lock()
			defer s.Unlock()
			return s.Ledger.Usage(s.now().Add(-time.Millisecond), bucket), nil
		}}, "Usage/counts_nothing_once_the_day_ended",
	},
	"books anew when the clock steps back": {
		changed(func(r *actito.Reservation) {
			if r.At.Hour() < 12 { // tests begin at noon
				r.Buckets[0].Limit += 2
			}
		}), "Reserve/frees_nothing_when_the_clock_steps_back",
	},
}

// breakVariable names the store that a process tests.
const breakVariable = "QUOTATEST_BREAK"

func TestABrokenStore(t *testing.T) {
	name, ok := os.LookupEnv(breakVariable)
	if !ok {
		t.Skip("TestBrokenStoresFail runs it")
	}
	quotatest.Run(t, func(_ *testing.T, now func() time.Time) func() actito.QuotaStore {
		s := *breaks[name].store
		s.reference = &reference{now: now}
		return func() actito.QuotaStore { return &s }
	}, quotatest.Seed(1))
}

func TestBrokenStoresFail(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	require.NoError(t, err)
	for name, tt := range breaks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(binary, "-test.run=^TestABrokenStore$")
			cmd.Env = append(os.Environ(), breakVariable+"="+name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			assert.Contains(t, string(out), "--- FAIL: TestABrokenStore/"+tt.fails)
		})
	}
	t.Run("shares nothing", func(t *testing.T) {
		t.Parallel()
		cmd := exec.Command(binary, "-test.run=^TestAStoreThatSharesNothing$")
		cmd.Env = append(os.Environ(), breakVariable+"=")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "--- FAIL: TestAStoreThatSharesNothing/All/stores_on_one_ledger_see_what_the_others_did")
		assert.Contains(t, string(out), "--- FAIL: TestAStoreThatSharesNothing/All/stores_on_one_ledger_reserve_at_most_the_limit_at_once")
	})
}

func TestAStoreThatSharesNothing(t *testing.T) {
	if _, ok := os.LookupEnv(breakVariable); !ok {
		t.Skip("TestBrokenStoresFail runs it")
	}
	quotatest.Run(t, func(_ *testing.T, now func() time.Time) func() actito.QuotaStore {
		return func() actito.QuotaStore { return &reference{now: now} }
	})
}
