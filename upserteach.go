package actito

import (
	"context"
	"iter"
	"sync"
)

// UpsertResult is what became of one row.
type UpsertResult struct {
	Row int    // its number, from 1
	ID  string // the profile id or business key
	Err error
}

type upsertFunc func(context.Context) (string, error)

// eachWindow is how many rows may be under way; the limiter decides how many are sent at once.
const eachWindow = 16

// upsertEach starts every row in order, runs them side by side, and yields the results in order.
func upsertEach[T any](ctx context.Context, rows iter.Seq2[T, error], start func(*T) upsertFunc) iter.Seq[UpsertResult] {
	return func(yield func(UpsertResult) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var work sync.WaitGroup
		defer work.Wait()
		defer cancel()

		var pending []chan UpsertResult
		first := func() bool {
			r := <-pending[0]
			pending = pending[1:]
			return yield(r)
		}
		n := 0
		for row, err := range rows {
			n++
			result := make(chan UpsertResult, 1)
			pending = append(pending, result)
			if err != nil {
				result <- UpsertResult{Row: n, Err: err}
				break
			}
			upsert, number := start(&row), n
			work.Go(func() {
				id, err := upsert(ctx)
				result <- UpsertResult{number, id, err}
			})
			if len(pending) == eachWindow && !first() {
				return
			}
		}
		for len(pending) > 0 {
			if !first() {
				return
			}
		}
	}
}
