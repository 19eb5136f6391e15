// Package actito loads data into Actito from Go: single profiles and custom table records as they change, and files as
// bulk imports (ETLs).
//
// # Roads
//
// A struct with actito tags is a table's row on every road:
//
//	type Customer struct {
//		ID         string                  `actito:"customerID,key"`
//		Email      string                  `actito:"emailAddress"`
//		Birth      actito.Opt[actito.Date] `actito:"birthDate"`
//		Newsletter actito.Opt[bool]        `actito:"subscriptions#Newsletter"`
//		Created    actito.DateTime         `actito:"creationMoment,readonly"`
//	}
//
// There are these:
//
//   - One by one: [Profiles] and [Records] open tables, whose methods send one row per call and raise scenarios at once.
//   - A stored ETL: [ETLService.Trigger] starts it with files.
//   - One shot: [ETLService.RunOnce] sends definition and files together.
//   - Several files that depend on each other: one definition in the order of [ETLService.Ordered], or a [Sequence] of
//     imports ([ETLService.RunSequence]).
//
// Trigger and RunOnce return an [Execution]; [ExecutionService.Wait] sees it through, and the tables' Rejects read the rows
// that the server refused. [ETLService.Check] is the dry run, and [ExecutionService.Resume] continues after a crash.
// [Client.Doctor] tells what a key, its rights, tables and programs lack before the first night, and [WithHooks] hands every
// call, wait and import to metrics.
// Package feed takes the first road for handlers, through an outbox in their own database.
//
// # Values
//
// A tag is `actito:"name[,key][,omitzero][,readonly]"`; "-" or no tag skips a field, embedded structs are flattened. A
// plain string, [Date] or [DateTime] at its zero value is unset and not sent; plain numbers and bools are always sent,
// unless omitzero is given. An [Opt] has three states: unset is not sent, null clears, a value sets. Subscriptions and
// segmentations must be Opt[bool], and one that is missing from an answer reads as unset, not as false. readonly fields
// are read, never sent. time.Time is refused: a [Date] is a civil date that is never converted, a [DateTime] an instant
// that is written in the zone of [WithTimeZone].
//
// # Empty cells
//
// What an empty CSV cell does to an existing value is not documented. Typed rows with unset or null cells are refused
// for every mode that updates, until [EmptyCells] is declared. Subscriptions and segmentations are left out of derived
// mappings and rows unless [WithSubscriptions] asks for them.
//
// # Transformations
//
// Package transform says as data how values are brought into the form that Actito wants. One specification serves every
// road: a table's Transformed rows, one by one and in files, files that exist ([InputFile].Local and [Transformed]), and
// with [OnServer], for kinds that the service has, the definition. Those that run here run before anything is checked,
// ordered, sent or counted, once for each value. A value that is refused is a [ValidationError]; nothing is guessed or
// dropped. A column that is transformed here and by the definition is refused, unless [AllowBoth] names it. A stored
// definition keeps nothing of what runs here: each import that it is given brings its own.
//
// # Several files
//
// A row whose parent, the row that it refers to by a foreign key, is not on the server yet is rejected. Actito loads the
// files of a definition one after another, in the order of the definition (assumed). An order that contradicts the foreign
// keys of the tables' structures is refused before anything is sent or counted, and so is a row whose parent is neither in
// the parents' file nor on the server; [LookUpParents] bounds the calls for that, or leaves it to the server. After a
// failure [ImportError.Again] names the files that must be sent again, which [Repeats] checks.
//
// A [Sequence] is a graph of imports of which each starts once those that it needs have ended. All data is staged and all
// imports are reserved before the first starts. An [Edge] says what becomes of rows whose parents were not loaded, and
// [SaveState] and [ETLService.ResumeSequence] carry it across a crash, without running a step again that ended.
//
// # Retry
//
// A call is tried 4 times, with waits drawn at random from up to 0.5 s, 1 s, 2 s, at most 20 s; a Retry-After up to 60 s
// is waited for, a longer one ends the call. Connection errors, 429, 502, 503 and 504 are repeated for reads, updates,
// deletes, and upserts whose row carries its table's key. A create without key and the start of an import are repeated
// only where the server certainly did nothing: the connection was never made, a 429, or a 503 with Retry-After or
// Actito's JSON error. Anything else that leaves their outcome open is an [OutcomeUnknownError]. A 404 on a repeated
// delete is success. A 401 is answered with a new token, once. Repeats add at most 10 % to the calls, after a first ten.
// Redirects are followed on the same host only, a write's only with 307 and 308. A 200 that is not JSON is no success,
// except for a delete. This policy may change in details; [WithRetry] and [WithTimeouts] set its numbers.
//
// An error after a cancelled call matches both the context's error and the last answer of the server.
//
// # Order
//
// Writes to one key through one [Client] are sent one after another in call order, and a repeat never follows a newer
// write's first attempt. A profile written by two different attributes has two orders, and so has a table opened by name
// and by id. Between clients, processes and a running import there is no order.
//
// # Quota
//
// Actito takes 12 imports per table and day unless the licence says otherwise ([Quota]). One unit per loaded table is
// reserved in a ledger before anything is uploaded, begun just before the first byte, then used, freed (the server
// certainly did nothing) or held (nobody knows; counts as used until [ExecutionService.Reconcile] finds out, or
// somebody tells [QuotaService.Settle]). When the budget is used up the call ends with a [QuotaError]. What
// Quota.KeepFree keeps is for [Urgent] imports. [Once] starts an import at most once per key.
//
// Clients that share a store share the budget, kept under the licence's id. The ledger in memory is one client's and
// forgets with the process; packages filequota, sqlquota and redisquota keep it for processes and machines. Where the
// store fails, no import is started, unless Quota.FailOpen says otherwise. Within two minutes of midnight an import
// counts on both days, and if this machine's clock and the server's differ by more than five, none is started
// ([ErrClockSkew]).
//
// A start that is answered 429 is repeated, at most 5 tries in 60 s. Where the last one is refused too and a cheap read
// is not, Actito counts imports that the ledger does not know: the table is closed until its budget resets, or of an
// import of several tables, these to imports of them together, but for one import an hour that is tried.
// [QuotaService.Sync] finds what others started.
//
// # Pace
//
// Not more than the calls per minute start in any 60 seconds, and not more than allowed are in flight ([RateLimit]);
// within that, bursts are not delayed. Real-time calls go before [Background] work, that before polling, that before
// listing, and real time has calls and slots that nobody else takes. A wait that cannot meet the context's deadline or
// [MaxWait] fails at once with [ErrBusy]. Each attempt is charged.
//
// Above its limit Actito slows a licence down, until calls time out. Then half as many are made a minute, and half again
// if calls that started since then time out too; while answers are fast, the pace comes back by one per cent of
// CallsPerMinute a minute, or doubles up to where the service last answered. Replicas of a program divide a licence by
// [RateLimit].Share. [NewLimiter] is for several clients of one licence in a process, [WithLimiter] for a pace that is
// shared otherwise, and [NoRateLimit] for tests.
//
// # Data
//
// Nothing is dropped, shortened, cleared or reordered silently. Input is checked before anything is sent or counted, and
// a refusal is a [ValidationError] with file, line and column. One invalid row stops an import, unless [SkipInvalid] is
// given. A source that ends early never looks complete to the server. An import without rows is [ErrNoRows].
//
// Every row of an import ends in exactly one of: accepted, rejected with a reason, refused before sending, unknown
// ([Execution.Account]). Where the server's numbers do not add up, the end of a wait is [ErrRowsUnaccounted].
//
// # Secrets and personal data
//
// API keys and tokens print as REDACTED. Errors and logs carry operation, path template, status, file, line, column,
// rule and attempt; never key values, cells, query values or bodies, which are fields for the program. Plain HTTP is
// accepted to loopback only.
//
// # Compatibility
//
// Unknown JSON fields and enum values never break decoding, and those of definitions survive being read, changed and
// written. Unknown execution statuses count as running; one that stays the same for an hour ends a wait with
// [ErrStatusUnknown].
//
// # Sureness
//
// Doc comments say of a fact whether it is documented by Actito, seen in use by production clients, or assumed. What is
// assumed stands at one place in the code, marked "assumed:". The file api.md lists all methods that call the service, with
// their calls and how sure each is.
package actito

//go:generate env GOWORK=off go -C tools run ./apilist ..

// Version is the library's, as the user agent tells it.
const Version = "0.1.0"

// Environment is one of Actito's installations. The account menu of the UI names a licence's.
type Environment string

// The environments. There is no ENV-2. [DiscoverEnvironment] finds the one of a key.
const (
	Env0    Environment = "ENV-0"   // Brussels, the oldest customers
	Env1    Environment = "ENV-1"   // North America
	Env3    Environment = "ENV-3"   // Paris, newer customers
	Preprod Environment = "PREPROD" // for tests
)

// URL is the environment's address, or "" if it is not one of the constants.
func (e Environment) URL() string {
	switch e {
	case Env0:
		return "https://api.actito.com"
	case Env1:
		return "https://api1.actito.com"
	case Env3:
		return "https://api3.actito.com"
	case Preprod:
		return "https://api-pre1.actito.com"
	}
	return ""
}
