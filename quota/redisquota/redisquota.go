// Package redisquota lets all processes and machines of a licence share its limits through Redis: its calls, by the
// [Limiter], and its imports, by the ledger of a [Store], whose documentation says what that guarantees. Each works without
// the other. This is about calls.
//
// Use the limiter where several programs, or several replicas of one, make calls under one licence, and their load moves between
// them: whoever has something to do may use what the others leave. Give every program the same limits and the same name
// of the licence:
//
//	rdb := redis.NewClient(&redis.Options{Addr: "redis:6379"})
//	limiter, err := redisquota.NewLimiter(rdb, actito.RateLimit{}, redisquota.Licence("acme"))
//	…
//	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Env3), actito.WithLimiter(limiter))
//
// Any client of go-redis will do: for one server, for Sentinel, for a cluster. Redis must be of version 5 or newer, or
// Valkey. All keys begin with {actito:<licence>}, which makes them one hash slot, and expire some two minutes after the
// last call. Where ACLs are used, the user needs EVALSHA, EVAL, TIME, INCR, PEXPIRE and the commands of sorted sets.
//
// # What it guarantees
//
// All who share a licence together start not more than CallsPerMinute calls in any 60 seconds, by the clock of Redis,
// and have not more than Concurrent in flight, at any instant. What [actito.RateLimit] says of real time and of
// transfers holds for all of them together too. Those who wait stand in one queue, by class, then by when Redis first
// heard of them, whichever process they are in. A wait that cannot be in time for the minute fails at once, as in the
// limiter built in. When slots become free nobody can foresee.
//
// A call costs one round trip to Redis before it, and one after it, for which release waits; calls that start or end at
// the same time share theirs. A process with calls that wait asks once for all of them: when the minute opens for the
// first, and up to forty times a second while they wait for slots of other processes. A slot that becomes free in the
// same process is taken at once.
//
// A slot in flight is renewed every 20 seconds. The slots of a process that was killed are free within 60 seconds, and
// its calls that waited hold up others for 5 at most.
//
// # What it does not
//
// Each process keeps to the limits that it was given itself, and what all others do counts in full. Where they differ,
// those with the lower ones wait while those with the higher ones still start, and Actito sees the highest.
//
// When Redis cannot be reached, or does not answer within a second, no call fails for that. The process paces alone, see
// [Alone], and tries Redis once a second while it has something to ask or to tell. Once Redis answers, it hears what was
// started meanwhile, which then counts for all. Processes that pace alone know nothing of each other: if there are many,
// they exceed the licence's limits together.
//
// What Redis forgets is told again, the slots in flight within 20 seconds and the queue within one, but not the starts
// of the last minute, so that for a minute more calls than allowed may start. A replica that was promoted may have
// missed those of the last moments; a server that was restarted without its data, or that evicts keys when its memory is
// full, forgets all of them. A clock of Redis that is set forward does the same. A process that is stopped in the middle
// of a call for more than a minute loses its slot to others, and has one too many when it goes on.
//
// Calls for tokens that somebody waits for ask no limiter that is given to a client, see [actito.WithLimiter], and are
// not counted: where all calls of the licence are used, set a few less a minute. Time-outs do not slow this pace down, as
// they do the one built in.
package redisquota

import (
	"log/slog"

	"github.com/actito-go/actito"
)

// Option changes how [NewLimiter] makes a limiter.
type Option func(*options)

type options struct {
	licence string
	alone   *actito.RateLimit
	logger  *slog.Logger
}

// Licence names the licence whose limits are shared. All who give the same name and use the same Redis share them. It
// is required, and may be any text, such as the name of the customer.
func Licence(name string) Option { return func(o *options) { o.licence = name } }

// Alone sets the limits of this process for while Redis cannot be reached. Without it they are a quarter of the shared
// ones, rounded up: for the base of a licence, 25 calls a minute and 2 at once. Choose them so that those of all
// processes add up to the licence's.
func Alone(r actito.RateLimit) Option { return func(o *options) { o.alone = &r } }

// WithLogger logs a warning when Redis cannot be reached, once for each outage, and when it answers again. Without it
// nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }
