// Package redisquota lets all processes and machines of a licence share its calls through Redis.
//
// Use it where several programs, or several replicas of one, make calls under one licence, and their load moves between
// them: whoever has something to do may use what the others leave. Give every program the same limits and the same name
// of the licence:
//
//	rdb := redis.NewClient(&redis.Options{Addr: "redis:6379"})
//	limiter, err := redisquota.NewLimiter(rdb, actito.RateLimit{}, redisquota.Licence("acme"))
//	…
//	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Env3), actito.WithLimiter(limiter))
//
// Any client of go-redis will do: of one server, of Sentinel, of a cluster. It needs Redis 5 or newer, or Valkey, and
// may run one script (EVALSHA, EVAL) on the keys that begin with {actito:<licence>}, which are all in one hash slot.
// They expire when nobody makes calls.
//
// # What it guarantees
//
// All who share a licence together start not more than CallsPerMinute calls in any 60 seconds, by the clock of Redis,
// and have not more than Concurrent in flight, at any instant. What [actito.RateLimit] says of real time and of
// transfers holds for all of them together too. Who waits stands in one queue, by class, then by when Redis first heard
// of it, whichever process it is in. A process that waits asks again when the minute opens for it, and for a slot ten to
// forty times a second, whoever of it waits; a slot that becomes free within the process is taken at once. A wait that
// cannot be in time for the minute fails at once, as in the limiter built in; when slots become free nobody can foresee.
//
// A call costs one round trip to Redis before it, and one after it, in which release waits; calls at the same time share
// theirs. A slot that is held is renewed every 20 seconds. After a process was killed its slots are free within 60
// seconds, and what it waited for no longer holds up others within 5.
//
// # What it does not
//
// Each process is held to the limits that it was given itself; what all others did counts in full. Where they differ,
// the lower ones therefore wait while the higher ones still start: the highest are those that Actito sees.
//
// When Redis cannot be reached, or does not answer within a second, no call fails for that. The process paces alone, see
// [Alone], until Redis answers again, which it tries once a second while there are calls; it then tells what it started
// meanwhile, which counts from then on. Processes that are cut off from Redis, each for itself, know nothing of each
// other: if there are many, the licence's limits can be exceeded.
//
// A replica that is promoted may not know of the starts, the slots and the queue of the last moments, as little as a
// Redis that was restarted without its data or that evicts keys when its memory is full: the slots and the queue are
// told again within 20 seconds and a second, the starts are forgotten, and for a minute more calls than allowed may
// start. So they may if the clock of Redis jumps ahead. A process that is stopped for over a minute in the middle of a
// call loses the slot to others, and then has one more.
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
