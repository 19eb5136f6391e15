package quotatest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/actito-go/actito"
)

// broken is a store that does something else instead of some of its calls.
type broken struct {
	*reference
	reserve func(*reference, actito.Reservation) error
	begin   func(s *reference, id string) error
	settle  func(s *reference, id string, o actito.Outcome) error
	close   func(s *reference, bucket string, until time.Time) error
	usage   func(s *reference, bucket string) (actito.Usage, error)
	count   func(s *reference, r actito.Reservation, executionID string) (bool, error)
	entries func(s *reference, bucket string) []actito.QuotaEntry
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

func (s *broken) Count(ctx context.Context, r actito.Reservation, executionID string) (bool, error) {
	if s.count != nil {
		return s.count(s.reference, r, executionID)
	}
	return s.reference.Count(ctx, r, executionID)
}

func (s *broken) Entries(ctx context.Context, bucket string) ([]actito.QuotaEntry, error) {
	if s.entries != nil {
		return s.entries(s.reference, bucket), nil
	}
	return s.reference.Entries(ctx, bucket)
}

// closedUntil is when a bucket opens, zero if it is open.
func (s *reference) closedUntil(bucket string) time.Time {
	u, _ := s.Usage(context.Background(), bucket)
	return u.ClosedUntil
}

// whileOpen makes a call with the buckets open that are closed, and closes them again unless the call is to open them.
func (s *reference) whileOpen(call func() error, buckets ...string) error {
	until := make(map[string]time.Time)
	for _, bucket := range buckets {
		until[bucket] = s.closedUntil(bucket)
		_ = s.Close(context.Background(), bucket, time.Time{})
	}
	err := call()
	for bucket, until := range until {
		if !until.IsZero() {
			_ = s.Close(context.Background(), bucket, until)
		}
	}
	return err
}

// names lists the buckets of a reservation.
func names(r actito.Reservation) (list []string) {
	for _, b := range r.Buckets {
		list = append(list, b.Name)
	}
	return list
}

// closeable are the buckets that tests of probes close.
var closeable = []string{"4711/1", "4711/2"}

// nameless cuts the licence off a bucket.
func nameless(bucket string) string { return bucket[strings.Index(bucket, "/"):] }

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
		}), "Windows/free_nothing_when_the_clock_steps_back",
	},
	"keeps nothing free": {
		changed(func(r *actito.Reservation) { r.Buckets[0].Keep = 0 }), "Reserve/leaves_of_the_limit_what_is_not_for_it",
	},
	"keeps free for good": {
		changed(func(r *actito.Reservation) {
			r.Buckets[0].Limit -= r.Buckets[0].Keep
			r.Buckets[0].Keep = 0
		}), "Reserve/tells_when_it_has_one_of_24_hours,_beside_what_is_not_for_it",
	},
	"counts days only": {
		changed(func(r *actito.Reservation) {
			if !r.From.IsZero() {
				r.Rolling = 0
			}
		}), "Windows/count_an_import_as_long_as_the_day_or_the_24_hours_count_it",
	},
	"counts 24 hours only": {
		changed(func(r *actito.Reservation) {
			if r.Rolling > 0 {
				r.From, r.ResetAt = time.Time{}, time.Time{}
			}
		}), "Windows/count_an_import_as_long_as_the_day_does_that_is_longer_than_24_hours",
	},
	"counts from the reservation": {
		&broken{begin: func(s *reference, id string) error {
			s.Lock()
			defer s.Unlock()
			s.Ledger.Usage(s.now(), "")
			for _, e := range s.Ledger.Entries(s.now(), "4711/1") {
				if e.ID == id {
					return s.Ledger.Begin(e.At, id)
				}
			}
			return s.Ledger.Begin(s.now(), id)
		}}, "Begin/makes_a_unit_of_a_day_count_from_then,_so_that_it_counts_in_the_next_one_too_that_overlaps",
	},
	"never probes": {
		&broken{reserve: func(s *reference, r actito.Reservation) error {
			for _, b := range r.Buckets {
				if until := s.closedUntil(b.Name); !until.IsZero() {
					return &actito.QuotaError{Table: b.Name, Limit: b.Limit, Closed: true, ResetAt: until}
				}
			}
			return s.Reserve(context.Background(), r)
		}}, "Probe/makes_one_reservation_in_an_hour",
	},
	"probes at once": {
		&broken{reserve: func(s *reference, r actito.Reservation) error {
			return s.whileOpen(func() error { return s.Reserve(context.Background(), r) }, names(r)...)
		}}, "Probe/makes_one_reservation_in_an_hour",
	},
	"probes a full bucket": {
		&broken{reserve: func(s *reference, r actito.Reservation) error {
			r.Buckets = slices.Clone(r.Buckets)
			for i, b := range r.Buckets {
				if !s.closedUntil(b.Name).IsZero() {
					r.Buckets[i].Limit++
				}
			}
			return s.Reserve(context.Background(), r)
		}}, "Probe/is_not_made_in_a_full_bucket,_but_once_there_is_room",
	},
	"opens with a probe that is made": {
		&broken{reserve: func(s *reference, r actito.Reservation) error {
			err := s.Reserve(context.Background(), r)
			for _, b := range r.Buckets {
				if err == nil {
					_ = s.Close(context.Background(), b.Name, time.Time{})
				}
			}
			return err
		}}, "Probe/opens_nothing_when_it_lapses",
	},
	"opens with a probe that is freed": {
		&broken{settle: func(s *reference, id string, o actito.Outcome) error {
			for _, bucket := range closeable {
				if o.State == actito.OutcomeFree {
					_ = s.Close(context.Background(), bucket, time.Time{})
				}
			}
			return s.Settle(context.Background(), id, o)
		}}, "Probe/opens_nothing_when_it_is_freed",
	},
	"opens one bucket with a probe": {
		&broken{settle: func(s *reference, id string, o actito.Outcome) error {
			return s.whileOpen(func() error { return s.Settle(context.Background(), id, o) }, "4711/2")
		}}, "Probe/opens_all_its_buckets_when_it_is_used",
	},
	"opens nothing with a probe": {
		&broken{settle: func(s *reference, id string, o actito.Outcome) error {
			return s.whileOpen(func() error { return s.Settle(context.Background(), id, o) }, closeable...)
		}}, "Probe/opens_when_it_was_held_and_is_reconciled_as_used",
	},
	"opens with what is no probe": {
		&broken{settle: func(s *reference, id string, o actito.Outcome) error {
			for _, bucket := range closeable {
				if o.State == actito.OutcomeUsed {
					_ = s.Close(context.Background(), bucket, time.Time{})
				}
			}
			return s.Settle(context.Background(), id, o)
		}}, "Probe/what_was_reserved_before_opens_nothing",
	},
	"probes an hour after the first call of Close": {
		&broken{close: func(s *reference, bucket string, until time.Time) error {
			if closed := s.closedUntil(bucket); !until.IsZero() && !until.After(closed) {
				return nil
			}
			return s.Close(context.Background(), bucket, until)
		}}, "Probe/waits_for_an_hour_after_the_last_call_of_Close",
	},
	"knows no licences": {
		&broken{
			reserve: func(s *reference, r actito.Reservation) error {
				r.Buckets = slices.Clone(r.Buckets)
				for i := range r.Buckets {
					r.Buckets[i].Name = nameless(r.Buckets[i].Name)
				}
				err := s.Reserve(context.Background(), r)
				if full, ok := errors.AsType[*actito.QuotaError](err); ok {
					full.Table = r.ID[:strings.Index(r.ID, "/")] + full.Table
				}
				return err
			},
			close: func(s *reference, bucket string, until time.Time) error {
				return s.Close(context.Background(), nameless(bucket), until)
			},
			usage: func(s *reference, bucket string) (actito.Usage, error) {
				u, err := s.Usage(context.Background(), nameless(bucket))
				u.Table = bucket
				return u, err
			},
		}, "Licences/have_tables_of_their_own",
	},
	"knows an execution of another licence": {
		&broken{count: func(s *reference, r actito.Reservation, executionID string) (bool, error) {
			if e, _ := s.Entries(context.Background(), "1/16"); len(e) > 0 && e[0].ExecutionID == executionID {
				return false, nil
			}
			return s.Count(context.Background(), r, executionID)
		}}, "Licences/have_executions_of_their_own",
	},
	"counts up to the limit": {
		&broken{count: func(s *reference, r actito.Reservation, executionID string) (bool, error) {
			for _, b := range r.Buckets {
				if u, _ := s.Usage(context.Background(), b.Name); u.Used+u.Held >= b.Limit {
					return false, nil
				}
			}
			return s.Count(context.Background(), r, executionID)
		}}, "Count/books_over_the_limit",
	},
	"counts each time": {
		&broken{count: func(s *reference, r actito.Reservation, executionID string) (bool, error) {
			r.ID += s.now().String() + r.Buckets[0].Name
			return s.Count(context.Background(), r, executionID+r.ID)
		}}, "Count/books_an_execution_once",
	},
	"counts executions without an ID": {
		&broken{count: func(s *reference, r actito.Reservation, executionID string) (bool, error) {
			if executionID == "" {
				executionID = "none"
			}
			return s.Count(context.Background(), r, executionID)
		}}, "Count/refuses_an_execution_without_an_ID",
	},
	"counts from now on": {
		&broken{count: func(s *reference, r actito.Reservation, executionID string) (bool, error) {
			r.At = s.now()
			return s.Count(context.Background(), r, executionID)
		}}, "Count/counts_from_the_import's_time_on_in_the_last_24_hours",
	},
	"counts what was counted twice": {
		&broken{settle: func(s *reference, id string, o actito.Outcome) error {
			counted := false
			list, _ := s.Entries(context.Background(), "4711/1")
			for _, e := range list {
				counted = counted || e.ExecutionID == o.ExecutionID && e.ID != id
			}
			if counted {
				o.ExecutionID += " again"
			}
			return s.Settle(context.Background(), id, o)
		}}, "Count/is_one_with_the_reservation_that_is_used_by_it_later",
	},
	"lists what counts": {
		&broken{entries: func(s *reference, bucket string) []actito.QuotaEntry {
			list, _ := s.Entries(context.Background(), bucket)
			return slices.DeleteFunc(list, func(e actito.QuotaEntry) bool { return s.now().Sub(e.At) > 24*time.Hour })
		}}, "Entries/stay_for_a_week,_whether_they_count_or_not",
	},
	"lists the newest first": {
		&broken{entries: func(s *reference, bucket string) []actito.QuotaEntry {
			list, _ := s.Entries(context.Background(), bucket)
			slices.Reverse(list)
			return list
		}}, "Entries/are_the_oldest_first",
	},
	"lists leases that are over": {
		&broken{entries: func(s *reference, bucket string) []actito.QuotaEntry {
			list, _ := s.Entries(context.Background(), bucket)
			for i, e := range list {
				if e.Lease.IsZero() {
					list[i].Lease = e.At.Add(10 * time.Minute)
				}
			}
			return list
		}}, "Entries/tell_what_came_of_an_import",
	},
	"lists what it keeps": {
		&broken{entries: func(s *reference, bucket string) []actito.QuotaEntry {
			list, _ := s.Entries(context.Background(), bucket)
			for i, e := range list {
				kept, _ := keptTables.LoadOrStore(s, e.Tables)
				list[i].Tables, _ = kept.([]string)
			}
			return list
		}}, "Entries/are_copies",
	},
}

// keptTables are those of the first entry of each store that lists what it keeps.
var keptTables sync.Map
