// Package actitotest is a stateful fake of the Actito service for tests: it hands
// out tokens, keeps profile tables and custom tables, checks what is written to
// them, runs imports, and enforces the limits of a licence.
//
//	server := actitotest.NewServer()
//	defer server.Close()
//	server.AddProfileTable("MyEntity", actitotest.Table{
//		Name: "Customers",
//		Attributes: []actitotest.Attribute{
//			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
//			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
//		},
//		Subscriptions: []string{"Newsletter"},
//	})
//	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL))
//
// # What it checks
//
// The fake is strict: where the reference leaves open whether the service accepts
// something, the fake refuses it, so that a test fails and not an import. Each such
// choice is marked "assumed" in the code, and the ones that decide what is safe to
// do can be turned around with [Server.Assume]. The environment variable
// ACTITOTEST_ASSUME turns them around for all servers of a test run, so that a
// whole suite can be tried in another world:
//
//	ACTITOTEST_ASSUME=EmptyCellsClear,QuotaRolling go test ./...
//	ACTITOTEST_ASSUME=opposites go test ./...
//
// # Time
//
// Everything that takes time goes by [Server.Clock], and everything that waits ends
// with its request. Within testing/synctest use [InMemory] and [Server.Transport].
//
// Scheduled ETLs run when the clock passes their times, and a file that a test puts
// to a location ([Server.AddLocation], [Server.PutFile]) starts the ETLs that wait
// for it.
//
// # Files
//
// An import takes one part for each file, archives of some, or one archive of all,
// whose own name does not count: the names in it do. A folder as an entry of its own
// fits no file, and fails the execution as any entry does that fits none.
//
// A file's transformations run in the order of the definition on the cells of its
// columns, before the table checks the row. The kinds are those that the service's
// guide names: TRIM, UPPERCASE, LOWERCASE, CAPITALIZE, VALUE_MAPPING, DATE,
// DATE_TIME, LANGUAGE and COUNTRY. The names of them and of their parameters are
// assumed; the files under testdata/transform of this repository say what they make
// of which cell. They are written here once more, by other means than in package
// transform, so that a test that compares the two compares something. Lithuanian dots
// and the accents of older Greek follow no rules of their own.
//
// A cell that is empty stays empty, and one may become so. A cell that cannot be
// read rejects its row with TRANSFORMATION_FAILED and the column; the file of rejects
// repeats the row as it was sent, and so does the file of results. A definition is
// refused with 400 if a transformation has another type, a parameter that is
// missing, unknown or wrong, or a column that no attribute is mapped to. A file that
// lacks the column is not loaded.
//
// # What goes wrong
//
// [Server.Fail] lines up faults: statuses, cut connections, lost answers, revoked
// tokens. [Server.FailFile] lets the load of one file fail, among others that do not.
// [Server.Storm] lets all of it, and more, happen at random from a seed.
// [Limits] are in force from the start, as they are for any licence: a test
// in real time that makes more than 100 calls in a minute sets Limits.PerMinute.
//
// # Webhooks
//
// A client subscribes to the executions of an ETL and to the real-time events of a
// table. The fake POSTs them as its clock passes, in order and one call after the
// other, to loopback addresses or, with [Server.SendWebhooksTo], to a handler in
// memory. [Server.DeliverWebhooks] waits until that is done, and
// [Server.RepeatWebhooks] sends everything once more.
//
// # What happened
//
// [Server.Requests], [Server.Imports], [Server.Events], [Server.Webhooks],
// [Server.Profile] and [Server.Record] tell a test what the client did, and what
// came of it.
package actitotest
