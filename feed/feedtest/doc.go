// Package feedtest tests that a [feed.Store] keeps its contract, and has one in memory for tests of what uses a feed.
//
// # An outbox in memory
//
// [Memory] is for tests only: it loses all that it holds with the process. It needs no database and no network, and works
// within the bubbles of testing/synctest:
//
//	m := feedtest.NewMemory()
//	f, err := feed.Open(client, m)
//	tx := m.Begin()
//	err = customers.Push(ctx, tx, c)
//	err = tx.Commit() // or push to m itself, without a transaction
//
// Its Fail makes calls fail as those of a database do that is down.
//
// # Tests of a store
//
// [Run] tests every sentence of the contract by itself, and [AnyOrder] all methods in any order. A store of one's own is
// tested like this:
//
//	func TestStore(t *testing.T) {
//		feedtest.Run(t, func(t *testing.T) feedtest.Outbox {
//			db := newDatabase(t) // a fresh one, or a schema of its own
//			return feedtest.Outbox{
//				Store: mystore.New(db),
//				Begin: func(ctx context.Context) (feedtest.Transaction, error) { return db.BeginTx(ctx, nil) },
//			}
//		})
//	}
//
// Tests run in parallel, each with an outbox of its own, with at most eight transactions at a time. [OneWriter] is for
// databases like SQLite:
//
//	feedtest.Run(t, open, feedtest.OneWriter())
//
// The package needs the standard library only, besides this module.
package feedtest
