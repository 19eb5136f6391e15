package feedtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/actito-go/actito/feed"
)

// cancelling calls every method with a context that has ended.
var cancelling = func() (tests []contractTest) {
	for _, tt := range []struct {
		name string
		call func(ctx context.Context, s *subject, pending, parked int64) error
	}{
		{"ends Lease", func(ctx context.Context, s *subject, _, _ int64) error { _, err := s.Lease(ctx); return err }},
		{"ends Take", func(ctx context.Context, s *subject, _, _ int64) error {
			_, err := s.Take(ctx, s.lease, "two")
			return err
		}},
		{"ends Release", func(ctx context.Context, s *subject, _, _ int64) error { return s.Release(ctx, s.lease.Fence) }},
		{"ends Apply", func(ctx context.Context, s *subject, pending, _ int64) error {
			return s.Apply(ctx, s.lease.Fence, feed.Note{Remove: []int64{pending}})
		}},
		{"ends Page", func(ctx context.Context, s *subject, _, _ int64) error {
			_, err := s.Page(ctx, feed.Page{Lanes: []string{people}, Limit: 1})
			return err
		}},
		{"ends Events", func(ctx context.Context, s *subject, _, _ int64) error {
			_, err := s.Events(ctx, []feed.Key{key("a")}, 1)
			return err
		}},
		{"ends States", func(ctx context.Context, s *subject, _, _ int64) error {
			_, err := s.States(ctx, []feed.Key{key("a")})
			return err
		}},
		{"ends Held", func(ctx context.Context, s *subject, _, _ int64) error {
			_, err := s.Held(ctx, "i", feed.Event{}, 1)
			return err
		}},
		{"ends Imports", func(ctx context.Context, s *subject, _, _ int64) error { _, err := s.Imports(ctx); return err }},
		{"ends Backlog", func(ctx context.Context, s *subject, _, _ int64) error { _, err := s.Backlog(ctx); return err }},
		{"ends Parked", func(ctx context.Context, s *subject, _, _ int64) error { _, err := s.Parked(ctx, 0, 1); return err }},
		{"ends Unpark", func(ctx context.Context, s *subject, _, parked int64) error {
			_, err := s.Unpark(ctx, parked)
			return err
		}},
		{"ends Discard", func(ctx context.Context, s *subject, _, parked int64) error {
			_, err := s.Discard(ctx, parked)
			return err
		}},
	} {
		tests = append(tests, contractTest{tt.name, false, func(s *subject) {
			id := s.push(changed("a"), changed("b"))
			s.park(id[1], "400")
			s.lease, _ = s.Lease(s.Context())
			before := s.look(id)
			ctx, cancel := context.WithCancel(s.Context())
			cancel()
			if err := tt.call(ctx, s, id[0], id[1]); !errors.Is(err, context.Canceled) {
				s.Fatalf("got error %v, want context.Canceled", err)
			}
			s.leased(s.lease)
			if after := s.look(id); after != before {
				s.Fatalf("before:\n%s\nafter:\n%s", before, after)
			}
		}})
	}
	return tests
}()

// commits executes statements in a transaction, from any goroutine.
func (s *subject) commits(statements ...feed.Statement) error {
	if s.oneWriter {
		s.writes.Lock()
		defer s.writes.Unlock()
	}
	tx, err := s.open(s.Context())
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(s.Context(), statement.Query, statement.Args...); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	return tx.Commit()
}

// takes takes the lease, from any goroutine.
func (s *subject) takes(seen feed.Lease, holder string) error {
	if s.oneWriter {
		s.writes.Lock()
		defer s.writes.Unlock()
	}
	_, err := s.Take(s.Context(), seen, holder)
	return err
}

// applies applies a note, from any goroutine.
func (s *subject) applies(fence int64, n feed.Note) error {
	if s.oneWriter {
		s.writes.Lock()
		defer s.writes.Unlock()
	}
	return s.Apply(s.Context(), fence, n)
}

var sharing = []contractTest{
	{"pushes are delivered once each, and none is lost", false, func(s *subject) {
		const writers, each = 8, 25
		fence := s.take("test").Fence
		var wg sync.WaitGroup
		var left atomic.Int32
		left.Store(writers)
		failed := make(chan error, writers)
		for w := range writers {
			wg.Go(func() {
				defer left.Add(-1)
				for i := range each {
					one := s.Append(changed(fmt.Sprint("w", w, "i", i)))
					two := s.Append(in(orders, changed(fmt.Sprint("x", w, "i", i))))
					if err := s.commits(one, two); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		delivered := make(map[feed.Key]int)
		for {
			done := left.Load() == 0 // before the page, which has all then
			page := s.page()
			if len(page) == 0 && done {
				break
			}
			for _, e := range page {
				delivered[e.Key]++
			}
			s.ok(s.applies(fence, feed.Note{Remove: ids(page)}))
		}
		wg.Wait()
		select {
		case err := <-failed:
			s.ok(err)
		default:
		}
		if len(delivered) != 2*writers*each {
			s.Fatalf("%d of %d events were delivered", len(delivered), 2*writers*each)
		}
		for k, n := range delivered {
			if n != 1 {
				s.Fatalf("the event of key %s was delivered %d times", k, n)
			}
		}
	}},
	{"one of several takes the lease", false, func(s *subject) {
		seen, err := s.Lease(s.Context())
		s.ok(err)
		if taken := s.together(8, func(i int) error { return s.takes(seen, fmt.Sprint(i)) }); taken != 1 {
			s.Fatalf("%d took the lease, want 1", taken)
		}
	}},
	{"a note and the next holder exclude each other", false, func(s *subject) {
		id := s.push(changed("a"))
		s.take("first")
		for range 20 {
			seen, err := s.Lease(s.Context())
			s.ok(err)
			var taken atomic.Bool
			worked := s.together(5, func(i int) error {
				if i < 4 {
					return s.applies(seen.Fence, feed.Note{OneByOne: id})
				}
				err := s.takes(seen, "next")
				taken.Store(err == nil)
				return err
			})
			if noted := worked != 1; noted == taken.Load() || noted && worked != 4 {
				s.Fatalf("of 4 notes and 1 next holder %d worked, the lease was taken: %t", worked, taken.Load())
			}
		}
	}},
}

// together makes n calls at once, and counts those that worked. The others must have lost the lease.
func (s *subject) together(n int, call func(i int) error) int {
	s.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = call(i) })
	}
	wg.Wait()
	worked := 0
	for _, err := range errs {
		if err == nil {
			worked++
		} else {
			s.lost(err)
		}
	}
	return worked
}
