package actito

import (
	"cmp"
	"context"
	"iter"
	"sync"
)

// UpsertResult is what became of one row.
type UpsertResult struct {
	Row int    // its number, from 1
	ID  string // the profile id or business key; "" if the server sent none
	Err error  // nil: the row is in the table
}

// eachWindow is how many rows may be under way; the limiter decides how many are sent at once.
const eachWindow = 16

// upserted is a result, or what a hook, a limiter or a transport of the user panicked with.
type upserted struct {
	UpsertResult
	panicked any
}

func upsertOne(ctx context.Context, c *Client, n int, r *request, opts []CallOption) (u upserted) {
	defer func() { u.panicked = recover() }()
	u.Row = n
	u.ID, u.Err = c.write(ctx, r, opts)
	return u
}

// upsertEach encodes every row in order, sends them side by side, and yields the results in order.
func upsertEach[T any](ctx context.Context, c *Client, rows iter.Seq2[T, error], opts []CallOption, encode func(*T, []CallOption) (request, error)) iter.Seq[UpsertResult] {
	opts = append([]CallOption{Background()}, opts...)
	return func(yield func(UpsertResult) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var work sync.WaitGroup
		defer work.Wait()
		defer cancel()

		var pending []chan upserted
		first := func() bool {
			r := <-pending[0]
			pending = pending[1:]
			if r.panicked != nil {
				panic(r.panicked)
			}
			return yield(r.UpsertResult)
		}
		if rows == nil {
			yield(UpsertResult{Err: &ValidationError{Rule: "no-data", Detail: "the rows are nil"}})
			return
		}
		number := 0
		for row, failed := range rows {
			number++
			n, result := number, make(chan upserted, 1)
			pending = append(pending, result)
			if err := cmp.Or(failed, ctx.Err()); err != nil {
				result <- upserted{UpsertResult: UpsertResult{Row: n, Err: err}}
				break
			}
			r, err := encode(&row, opts)
			if err != nil {
				result <- upserted{UpsertResult: UpsertResult{Row: n, Err: err}}
			} else {
				c.join(&r)
				work.Go(func() { result <- upsertOne(ctx, c, n, &r, opts) })
			}
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
