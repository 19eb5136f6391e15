// Package feed delivers what handlers hand over within their own transactions: never lost, in order per row, at the
// licence's pace.
//
// A direct call from a handler fails when the service rests, waits when the licence's 100 calls a minute are used up, and
// may leave the handler's own rows without it, or go out for rows that were rolled back. A feed writes the row into an
// outbox, a table in the handler's database, with the handler's transaction. One of the processes that run the feed
// delivers it: one by one, or where the lane allows it and the backlog demands it, by bulk import.
//
//	f, err := feed.Open(client, feed.SQL(db, feed.Postgres))
//	…
//	customers := feed.Profiles(f, customerTable)
//	orders := feed.Records(f, orderTable, feed.After(customers), feed.SpillToBulk(30*time.Minute))
//	…
//	err = customers.Push(ctx, tx, c) // commits with your own rows
//	…
//	err = f.Run(ctx) // in every process, until it stops
//
// # What it promises
//
// What was committed is delivered at least once, and for each row the last state wins, whichever process, machine or
// connection dies, at any instruction. What was rolled back is never delivered.
//
// Hand-overs of one row (one key of one lane) by transactions that follow one another are applied in that order. Those
// of transactions that overlap are applied in some order, always the same for whoever looks: that of their IDs. Push
// after the statement that locks the row's own data, and they follow one another. Hand-overs of a row that wait together
// are merged: unset keeps what an earlier one says, null clears, a value sets. A delete forgets what came before it, and
// erases it from the outbox with the transaction that hands it over.
//
// A row of a lane with [After] waits until nothing that was handed over before it, or with it, of the rows that it names
// is left in the outbox, parked ones included: within ten seconds the order of hand-overs is no matter.
// No other order is promised: not between rows, not between lanes.
//
// Rows of lanes with [SpillToBulk] go by bulk import when calls would not deliver them in time. While an import holds a
// row, what is newer of that row waits for its end, which may be long; opt-outs and deletes go at once, and again after
// it. Bulk raises no scenarios: [MustTrigger] keeps a row out of files.
//
// A row that Actito refuses is parked, with the reason, and does not hold up the others ([Feed.Dead], [Feed.Retry],
// [Feed.Discard]); what is pushed of it later takes it along. A subscription that it ends is sent alone, if the profile
// exists. Anything else that fails is repeated, with growing pauses,
// for as long as it takes. A row that fails ten times while others of its lane go through is parked too.
//
// What it cannot promise: the process that delivers holds a lease, and looks at it just before each call is sent, and again
// as its body is read. One that is stopped between its last look and the send, for longer than the lease, can still send
// the calls that were there when it wakes up, behind newer ones of its successor: in tests that stop it there on purpose,
// deletes, which have no body. It can note nothing in the outbox. Writes to the same rows that do not go through the feed
// have no order with it. An import whose outcome stays unknown for an hour, or that has not ended after a day, is given
// up: its rows go one by one, and if it loads them after all, it brings back their state of then. A process that is stopped
// while it starts an import is kept from it by the quota's ledger, if that is shared; one that is stopped within a
// transaction of its SQLite file keeps everybody from writing.
//
// # Numbers
//
// A process that drains asks the outbox five times a second for urgent events (MustTrigger, deletes, opt-outs), and
// once a second for others. It makes up to eight urgent calls at a time and four others, within the client's [actito.RateLimit]:
// urgent ones as real-time calls, which have RealTimeCalls a minute that nobody else takes, the others as Background work,
// spread over the minute when the licence makes them wait. Lanes that spill are counted every five seconds. A file holds
// at most a million rows or 100 MB of payloads.
package feed
