package feedday

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// midnight waits for the next one in Brussels, when the imports of a day are there again.
func midnight(t *testing.T) time.Time {
	brussels, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(brussels)
	next := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, brussels)
	time.Sleep(time.Until(next))
	return next
}

// play lets a demand come in.
func (d *demand) play(began time.Time, signup, order func(i int)) {
	for s, o := 0, 0; s < len(d.signups) || o < len(d.orders); {
		if o == len(d.orders) || s < len(d.signups) && d.signups[s] <= d.orders[o] {
			time.Sleep(time.Until(began.Add(d.signups[s])))
			signup(s)
			s++
			continue
		}
		time.Sleep(time.Until(began.Add(d.orders[o])))
		order(o)
		o++
	}
}

// tables are those of a client.
type tables struct {
	customers *actito.ProfileTable[customer]
	orders    *actito.CustomTable[header]
	lines     *actito.CustomTable[line]
}

func tablesOf(t *testing.T, client *actito.Client) (b tables) {
	var errs [3]error
	b.customers, errs[0] = actito.Profiles[customer](client, "Customers")
	b.orders, errs[1] = actito.Records[header](client, "Orders")
	b.lines, errs[2] = actito.Records[line](client, "Lines")
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func newSignup(i int) customer {
	return customer{ID: signupKey(i), Email: signupKey(i) + "@example.com"}
}

// newOrder makes the rows of an order.
func (d *demand) newOrder(i int) (customer, header, []line) {
	now := actito.DateTimeOf(time.Now())
	buyer := buyerKey(d.buyers[i])
	var lines []line
	for n := range linesOfOrder {
		lines = append(lines, line{lineKey(i, n), orderKey(i), fmt.Sprintf("product %d", i%97+n), 1 + i%3})
	}
	return customer{buyer, buyer + "@example.com", actito.Set(now)}, header{orderKey(i), buyer, now, float64(i%500) / 4}, lines
}

// byFeed hands everything over to a feed whose lanes may spill, unless staleness is 0.
func byFeed(t *testing.T, d *demand, staleness time.Duration, whole bool) figures {
	began := midnight(t)
	n := newNotes(t, d, began)
	s := newService(t, n, whole)
	memory := feedtest.NewMemory()
	client := s.client(t, d.kept)
	f, err := feed.Open(client, memory)
	if err != nil {
		t.Fatal(err)
	}
	b := tablesOf(t, client)
	var spill feed.LaneOption
	if staleness > 0 {
		spill = feed.SpillToBulk(staleness, actito.Keep)
	}
	customers := feed.Profiles(f, b.customers, spill)
	orders := feed.Records(f, b.orders, feed.After(customers), spill)
	lines := feed.Records(f, b.lines, feed.After(orders), spill)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	time.Sleep(d.from)
	go func() { ended <- f.Run(ctx) }()
	handedOver := func(errs ...error) {
		if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
			t.Fatal(errs[i])
		}
	}
	d.play(began, func(i int) {
		handedOver(customers.Push(t.Context(), memory, newSignup(i), feed.MustTrigger()))
	}, func(i int) {
		c, h, l := d.newOrder(i)
		tx := memory.Begin()
		handedOver(customers.Push(t.Context(), tx, c), orders.Push(t.Context(), tx, h))
		for _, one := range l {
			handedOver(lines.Push(t.Context(), tx, one))
		}
		handedOver(tx.Commit())
	})
	for n.left() > 0 && time.Since(began) < 48*time.Hour {
		time.Sleep(time.Minute)
	}
	cancel()
	handedOver(<-ended)
	if s.most > 5 {
		t.Errorf("%d calls at once", s.most)
	}
	return n.figures(s.calls)
}

// handlerPatience is how long a handler waits for its calls.
const handlerPatience = 30 * time.Second

// direct lets every handler call the client. What cannot be sent within its patience is lost.
func direct(t *testing.T, d *demand) figures {
	began := midnight(t)
	n := newNotes(t, d, began)
	s := newService(t, n, false)
	b := tablesOf(t, s.client(t, d.kept))
	var handlers sync.WaitGroup
	handle := func(calls ...func(context.Context) error) {
		handlers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), handlerPatience)
			defer cancel()
			for _, call := range calls {
				if call(ctx) != nil {
					return
				}
			}
		})
	}
	d.play(began, func(i int) {
		handle(func(ctx context.Context) error { _, err := b.customers.Upsert(ctx, newSignup(i)); return err })
	}, func(i int) {
		c, h, l := d.newOrder(i)
		calls := []func(context.Context) error{
			func(ctx context.Context) error { _, err := b.customers.Upsert(ctx, c); return err },
			func(ctx context.Context) error { _, err := b.orders.Upsert(ctx, h); return err },
		}
		for _, one := range l {
			calls = append(calls, func(ctx context.Context) error { _, err := b.lines.Upsert(ctx, one); return err })
		}
		handle(calls...)
	})
	handlers.Wait()
	return n.figures(s.calls)
}

// everyTwoHours loads all that came in since the last time, the three tables by one import.
func everyTwoHours(d *demand) figures {
	const every = 2 * time.Hour
	n := &notes{imports: map[string]int{}}
	s, o := 0, 0
	for at := every; at <= 24*time.Hour; at += every {
		rows := 0
		firstSignup, firstOrder := s, o
		for ; s < len(d.signups) && d.signups[s] < at; s++ {
			rows++
		}
		for ; o < len(d.orders) && d.orders[o] < at; o++ {
			rows += 2 + linesOfOrder
		}
		if rows == 0 {
			continue
		}
		for table := range keyed {
			n.imports[table]++
		}
		end := at + queueTime + runTime + time.Duration(rows)*timePerRow
		for _, pushed := range d.signups[firstSignup:s] {
			n.signups = append(n.signups, end-pushed)
		}
		for _, pushed := range d.orders[firstOrder:o] {
			n.orders = append(n.orders, end-pushed)
		}
	}
	f := n.figures(0)
	f.calls = "few"
	return f
}
