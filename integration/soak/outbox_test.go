package soak

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// outbox is a feed and the database of its handlers.
type outbox struct {
	store     feed.Store
	begin     func(ctx context.Context) (feedtest.Transaction, error)
	close     func()
	feed      *feed.Feed
	customers *feed.Lane[customer]
	orders    *feed.Lane[order]
}

func newMemory(testing.TB) *outbox {
	memory := feedtest.NewMemory()
	return &outbox{
		store: memory, close: func() {},
		begin: func(context.Context) (feedtest.Transaction, error) { return memory.Begin(), nil },
	}
}

func newSQLite(t testing.TB) *outbox {
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/outbox.db?_pragma=journal_mode(wal)&_pragma=busy_timeout(30000)&_txlock=immediate")
	require.NoError(t, err)
	db.SetMaxIdleConns(4)
	db.SetMaxOpenConns(4)
	store := feed.SQL(db, feed.SQLite)
	require.NoError(t, store.Migrate(t.Context()))
	return &outbox{
		store: store, close: func() { assert.NoError(t, db.Close()) },
		begin: func(ctx context.Context) (feedtest.Transaction, error) { return db.BeginTx(ctx, nil) },
	}
}

// drain runs the feed, and starts it again every so often, as processes are replaced.
func (s *soak) drain(ctx context.Context) {
	for ctx.Err() == nil {
		life, cancel := context.WithTimeout(ctx, s.span/3)
		err := s.outbox.feed.Run(life)
		cancel()
		if !assert.NoError(s, err) { //nolint:testifylint // not the test's goroutine
			return
		}
		s.count("feed", "runs")
	}
}

// hands hands rows over, whose last state must arrive.
func (s *soak) hands(n int, random *rand.Rand) {
	profiles := s.newKeys(true, 2, fmt.Sprint("F", n))
	records := s.newKeys(false, 2, fmt.Sprint("G", n))
	for version := int64(1); s.again(random); version++ {
		i := random.IntN(2)
		c := customer{ID: profiles[i].id, Version: actito.Set(version)}
		o := order{ID: records[i].id, Version: actito.Set(version)}
		if random.IntN(2) == 0 {
			c.Name, o.Name = fmt.Sprint("Ann ", version), fmt.Sprint("paid ", version)
		}
		var opts []feed.PushOption
		if random.IntN(5) == 0 {
			opts = append(opts, feed.MustTrigger())
		}
		switch random.IntN(6) {
		case 0:
			s.hand(records[i], func(state) state { return state{} }, random, func(tx feed.Execer) error {
				return s.outbox.orders.Delete(s.Context(), tx, o.ID)
			})
		case 1, 2:
			s.hand(records[i], change(o.Name, version), random, func(tx feed.Execer) error {
				return s.outbox.orders.Push(s.Context(), tx, o, opts...)
			})
		case 3:
			c.News = actito.Set(version%2 == 0)
			fallthrough
		default:
			after := change(c.Name, version)
			if on, ok := c.News.Get(); ok {
				after = func(st state) state { return news(fmt.Sprint(on))(change(c.Name, version)(st)) }
			}
			s.hand(profiles[i], after, random, func(tx feed.Execer) error {
				return s.outbox.customers.Push(s.Context(), tx, c, opts...)
			})
		}
	}
}

// bursts hands over so many customers with their orders at a time that calls alone would be too late with them.
func (s *soak) bursts() {
	for i := 0; s.sleep(s.span / 6); i++ {
		profiles := s.newKeys(true, s.burst, fmt.Sprint("H", i))
		records := s.newKeys(false, s.burst, fmt.Sprint("I", i))
		tx, err := s.outbox.begin(s.Context())
		if !assert.NoError(s, err) {
			return
		}
		for n := range s.burst {
			c := customer{ID: profiles[n].id, Name: "Ann", Version: actito.Set(int64(n))}
			o := order{ID: records[n].id, Name: "paid", Version: actito.Set(int64(n)), Customer: actito.Set(c.ID)}
			if !assert.NoError(s, s.outbox.customers.Push(s.Context(), tx, c)) || !assert.NoError(s, s.outbox.orders.Push(s.Context(), tx, o)) {
				return
			}
			profiles[n].may([]state{change(c.Name, int64(n))(state{})})
			records[n].may([]state{change(o.Name, int64(n))(state{})})
		}
		if !assert.NoError(s, tx.Commit()) {
			return
		}
		s.count("feed", "bursts")
	}
}

// hand hands a row over in a transaction, which is rolled back at times.
func (s *soak) hand(k *key, after func(state) state, random *rand.Rand, push func(feed.Execer) error) {
	tx, err := s.outbox.begin(s.Context())
	if !assert.NoError(s, err) || !assert.NoError(s, push(tx)) {
		return
	}
	if random.IntN(10) == 0 {
		s.count("feed", "rolled back")
		assert.NoError(s, tx.Rollback())
		return
	}
	if assert.NoError(s, tx.Commit()) {
		s.count("feed", "handed over")
		k.may([]state{after(k.possible[0])})
	}
}
