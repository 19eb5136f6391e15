package feed_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// refused expects an error from every method of a lane, and from its feed.
func refused[T any](t *testing.T, f *feed.Feed, l *feed.Lane[T], says string) {
	t.Helper()
	var row T
	memory := feedtest.NewMemory()
	require.ErrorContains(t, l.Push(t.Context(), memory, row), says)
	require.ErrorContains(t, l.Delete(t.Context(), memory, "1"), says)
	_, _, err := l.Statement(row)
	require.ErrorContains(t, err, says)
	if f == nil {
		return
	}
	require.ErrorContains(t, f.Run(t.Context()), says)
	require.ErrorContains(t, f.Drain(t.Context()), says)
}

func TestLanesThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	type keyless struct {
		Email string `actito:"emailAddress"`
	}
	type readOnlyKey struct {
		ID    string `actito:"customerID,key,readonly"`
		Email string `actito:"emailAddress"`
	}
	table := func(s *shop) *actito.ProfileTable[customer] {
		table, err := actito.Profiles[customer](s.client, "Customers")
		require.NoError(t, err)
		return table
	}
	orders := func(s *shop) *actito.CustomTable[order] {
		table, err := actito.Records[order](s.client, "Orders")
		require.NoError(t, err)
		return table
	}
	another := func(s *shop) *feed.Feed {
		f, err := feed.Open(s.client, feedtest.NewMemory())
		require.NoError(t, err)
		return f
	}
	for name, test := range map[string]func(*testing.T, *shop){
		"without key": func(t *testing.T, s *shop) {
			rows, err := actito.Profiles[keyless](s.client, "Customers")
			require.NoError(t, err)
			f := another(s)
			refused(t, f, feed.Profiles(f, rows), "no key")
		},
		"of maps without key": func(t *testing.T, s *shop) {
			rows, err := actito.Records[map[string]any](s.client, "Orders")
			require.NoError(t, err)
			f := another(s)
			refused(t, f, feed.Records(f, rows), "no key")
		},
		"with a key that is only read": func(t *testing.T, s *shop) {
			rows, err := actito.Profiles[readOnlyKey](s.client, "Customers")
			require.NoError(t, err)
			f := another(s)
			refused(t, f, feed.Profiles(f, rows), "key")
		},
		"without feed": func(t *testing.T, s *shop) {
			refused(t, nil, feed.Profiles(nil, table(s)), "needs a feed")
			refused(t, nil, feed.Records(nil, orders(s)), "needs a feed")
		},
		"without profile table": func(t *testing.T, s *shop) {
			f := another(s)
			refused(t, f, feed.Profiles[customer](f, nil), "Profiles needs a feed and a table")
		},
		"without custom table": func(t *testing.T, s *shop) {
			f := another(s)
			refused(t, f, feed.Records[order](f, nil), "Records needs a feed and a table")
		},
		"made twice": func(t *testing.T, s *shop) {
			refused(t, s.feed, feed.Profiles(s.feed, table(s)), "has this lane already")
		},
		"after a lane of another feed": func(t *testing.T, s *shop) {
			f := another(s)
			refused(t, f, feed.Records(f, orders(s), feed.After(s.customers)), "same feed")
		},
		"after nothing": func(t *testing.T, s *shop) {
			f := another(s)
			refused(t, f, feed.Records(f, orders(s), feed.After(nil)), "same feed")
		},
		"after a lane that is nil": func(t *testing.T, s *shop) {
			f := another(s)
			refused(t, f, feed.Records(f, orders(s), feed.After((*feed.Lane[customer])(nil))), "same feed")
		},
		"after a refused lane": func(t *testing.T, s *shop) {
			f := another(s)
			refused(t, nil, feed.Records(f, orders(s), feed.After(feed.Profiles[customer](nil, nil))), "same feed")
		},
		"by an attribute that the rows lack": func(t *testing.T, s *shop) {
			f := another(s)
			refused(t, f, feed.Records(f, orders(s), feed.After(feed.Profiles(f, table(s)), "buyer")), `no attribute "buyer"`)
		},
		"by two attributes": func(t *testing.T, s *shop) {
			f := another(s)
			refused(t, f, feed.Records(f, orders(s), feed.After(feed.Profiles(f, table(s)), "customerID", "orderID")), "at most one attribute")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newShop(t))
		})
	}
}

func TestALaneThatIsMadeWhileTheFeedRunsIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		rows, err := actito.Records[map[string]any](s.client, "Others")
		require.NoError(t, err)
		rows, err = rows.KeyedBy("id")
		require.NoError(t, err)
		stop := s.run(s.feed)
		synctest.Wait()
		late := feed.Records(s.feed, rows)
		require.ErrorContains(t, late.Push(t.Context(), s.memory, map[string]any{"id": "1"}), "before Run")
		stop()
		s.push(customer{ID: "1"})
		s.runFor(time.Second)
		s.empty()
	})
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for name, open := range map[string]func() (*feed.Feed, error){
		"no client":         func() (*feed.Feed, error) { return feed.Open(nil, s.memory) },
		"no store":          func() (*feed.Feed, error) { return feed.Open(s.client, nil) },
		"a lease too short": func() (*feed.Feed, error) { return feed.Open(s.client, s.memory, feed.LeaseTime(time.Second)) },
		"no logger":         func() (*feed.Feed, error) { return feed.Open(s.client, s.memory, feed.WithLogger(nil)) },
		"a seal of nothing": func() (*feed.Feed, error) { return feed.Open(s.client, s.memory, feed.Seal(nil)) },
	} {
		f, err := open()
		require.ErrorContains(t, err, "feed: ", name)
		assert.Nil(t, f, name)
	}
	f, err := feed.Open(s.client, s.memory, nil)
	require.NoError(t, err)
	require.ErrorContains(t, f.Run(t.Context()), "no lanes")
}

func TestARowThatCannotBeSentIsNotWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for name, row := range map[string]customer{
		"without key":          {Email: "ann@example.com"},
		"with what is no text": {ID: "1", FirstName: actito.Set("\xff")},
	} {
		_, ok := errors.AsType[*actito.ValidationError](s.customers.Push(t.Context(), s.memory, row))
		assert.True(t, ok, name)
		_, _, err := s.customers.Statement(row)
		require.ErrorIs(t, err, actito.ErrInvalid, name)
	}
	require.ErrorIs(t, s.customers.Delete(t.Context(), s.memory, ""), actito.ErrInvalid)
	s.empty()
}

func TestAnErrorOfTheDatabaseIsFound(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	down := errors.New("down")
	tx := feed.ExecFunc(func(context.Context, string, ...any) error { return down })
	require.ErrorIs(t, s.customers.Push(t.Context(), tx, customer{ID: "1"}), down)
	require.ErrorIs(t, s.customers.Delete(t.Context(), tx, "1"), down)
	done := s.memory.Begin()
	require.NoError(t, done.Commit())
	require.ErrorIs(t, s.customers.Push(t.Context(), done, customer{ID: "1"}), sql.ErrTxDone)
	s.empty()
}

func TestAStatementIsWhatPushRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // so that both have the same time
		s := newShop(t)
		info := actito.DataCollectionInfo{Date: actito.DateTimeOf(time.Now()), Source: "shop", Way: "api"}
		row := customer{ID: "1", Email: "ann@example.com", Newsletter: actito.Set(false)}
		for _, opts := range [][]feed.PushOption{nil, {feed.MustTrigger()}, {feed.DataCollection(info), nil}} {
			var pushed feed.Statement
			tx := feed.ExecFunc(func(_ context.Context, query string, args ...any) error {
				pushed = feed.Statement{Query: query, Args: args}
				return nil
			})
			require.NoError(t, s.customers.Push(t.Context(), tx, row, opts...))
			query, args, err := s.customers.Statement(row, opts...)
			require.NoError(t, err)
			assert.Equal(t, pushed.Query, query)
			assert.Equal(t, pushed.Args, args)
		}
	})
}

// visit has what values can be.
type visit struct {
	ID       int                `actito:"visitID,key"`
	Day      actito.Date        `actito:"day"`
	At       actito.DateTime    `actito:"at"`
	Amount   float64            `actito:"amount"`
	Note     actito.Opt[string] `actito:"note"`
	Modified actito.DateTime    `actito:"updateMoment,readonly"`
}

func addVisits(s *actitotest.Server) {
	s.AddCustomTable("Shop", actitotest.Table{Name: "Visits", PrimaryKey: "visitID", Attributes: []actitotest.Attribute{
		{Name: "visitID", Type: "INTEGER", Unique: true, Mandatory: true}, {Name: "day", Type: "DATE"}, {Name: "at", Type: "TIMESTAMP"},
		{Name: "amount", Type: "NUMBER"}, {Name: "note", Type: "STRING"},
	}})
}

func TestValuesArriveAsADirectCallSendsThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		addVisits(s.server)
		table, err := actito.Records[visit](s.client, "Visits")
		require.NoError(t, err)
		visits := feed.Records(s.feed, table)
		row := visit{Day: actito.NewDate(2026, time.March, 29), At: actito.DateTimeOf(time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)),
			Amount: 0.1, Note: actito.Set(`"ä" <b> 😀`)}
		row.ID, row.Modified = 9007199254740993, actito.DateTimeOf(time.Now())
		row.ID = 7
		_, err = table.Upsert(t.Context(), row)
		require.NoError(t, err)
		row.ID = 8
		require.NoError(t, visits.Push(t.Context(), s.memory, row))
		row.ID = 9
		require.NoError(t, visits.Push(t.Context(), s.memory, row))
		require.NoError(t, visits.Push(t.Context(), s.memory, visit{ID: 9, Note: actito.Set("")}))
		require.NoError(t, visits.Push(t.Context(), s.memory, visit{ID: 10}))
		require.NoError(t, visits.Delete(t.Context(), s.memory, "10"))
		s.runFor(5 * time.Second)
		s.empty()
		direct, ok := s.server.Record("Visits", "7")
		require.True(t, ok)
		pushed, ok := s.server.Record("Visits", "8")
		require.True(t, ok)
		direct["visitID"] = "8"
		for _, own := range []string{"creationMoment", "updateMoment"} {
			delete(direct, own)
			delete(pushed, own)
		}
		assert.Equal(t, direct, pushed)
		merged, ok := s.server.Record("Visits", "9")
		require.True(t, ok)
		assert.Equal(t, direct["day"], merged["day"])
		assert.Equal(t, "0", merged["amount"], "plain numbers are always sent")
		assert.Empty(t, merged["note"])
		_, ok = s.server.Record("Visits", "10")
		assert.False(t, ok)
	})
}

func TestMapsAreRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		addVisits(s.server)
		table, err := actito.Records[map[string]any](s.client, "Visits")
		require.NoError(t, err)
		table, err = table.KeyedBy("visitID")
		require.NoError(t, err)
		visits := feed.Records(s.feed, table)
		require.NoError(t, visits.Push(t.Context(), s.memory, map[string]any{"visitID": 3, "note": "first", "day": "2026-01-02"}))
		require.NoError(t, visits.Push(t.Context(), s.memory, map[string]any{"visitID": 3, "note": nil, "amount": 2.5}))
		require.ErrorIs(t, visits.Push(t.Context(), s.memory, map[string]any{"note": "no key"}), actito.ErrInvalid)
		s.runFor(5 * time.Second)
		s.empty()
		r, ok := s.server.Record("Visits", "3")
		require.True(t, ok)
		assert.Equal(t, "2026-01-02", r["day"])
		assert.Equal(t, "2.5", r["amount"])
		assert.NotContains(t, r, "note")
		assert.Len(t, s.calls(), 1)
	})
}

func TestDataCollectionArrives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		info := actito.DataCollectionInfo{Date: actito.DateTimeOf(time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)), Source: "webshop", Way: "api_push"}
		table, err := actito.Profiles[customer](s.client, "Customers")
		require.NoError(t, err)
		row := customer{ID: "1", Email: "ann@example.com"}
		_, err = table.Upsert(t.Context(), row, actito.DataCollection(info))
		require.NoError(t, err)
		s.push(row, feed.DataCollection(info))
		s.push(row) // it keeps what an earlier one says
		s.order(order{ID: "A", Customer: "1"}, feed.DataCollection(info))
		s.runFor(5 * time.Second)
		s.empty()
		calls := s.server.Requests(actitotest.OpProfileUpsert)
		require.Len(t, calls, 2)
		assert.Contains(t, string(calls[1].Body), `"webshop"`)
		assert.JSONEq(t, string(calls[0].Body), string(calls[1].Body))
		assert.Len(t, s.server.Requests(actitotest.OpRecordUpsert), 1)
	})
}

func TestADryRunEmptiesNoOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &logBook{}
		s := setup{client: []actito.Option{actito.WithDryRun()}, feed: []feed.Option{log.option()}}.open(t)
		s.push(customer{ID: "1"})
		s.delete("2")
		s.runFor(time.Minute)
		pending, dead := s.left()
		assert.Equal(t, 2, pending)
		assert.Zero(t, dead)
		assert.Equal(t, 1, log.count("WithDryRun"))
	})
}
