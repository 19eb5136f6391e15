package actito

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/actito-go/actito/internal/transport"
)

// Hooks tell a program what its client does, for metrics and traces. Those that are nil are not called, and later
// versions may add some.
//
// They are called synchronously, in the goroutine of the call that they are about, often several at once: they should be
// quick and must be safe for concurrent use. A panic goes to whoever made the call; one in a delivery
// of a feed ends the process. Their values hold operations, path
// templates, classes and counts, which are few, and no keys, values or addresses; but errors may carry a server's message
// ([APIError].Message), so record what they match, not their fields.
type Hooks struct {
	// CallStart is told of each call, before any wait. The context that it returns is the call's, so that spans nest; nil
	// changes nothing. A call has many attempts or none.
	CallStart func(ctx context.Context, c CallInfo) context.Context
	// CallEnd is told once how each call ended, under the context that CallStart of the same Hooks returned: also when it
	// was not sent, or panicked. A download ends with its headers.
	CallEnd func(ctx context.Context, c CallInfo, r CallResult)
	// Attempt is told of each attempt of a call when it has ended, redirects apart, and of one that was not sent, since its
	// turn would have come too late or there was no token.
	Attempt func(ctx context.Context, c CallInfo, a Attempt)
	// Token is told of each request for an access token. It runs under no caller's context, maybe in the background, where
	// a panic ends the process.
	Token func(ctx context.Context, t TokenResult)
	// ImportUnit is told what became of the day's import that was reserved for an import, or for a part of one, in each
	// table that it loads.
	ImportUnit func(ctx context.Context, u ImportUnit)
	// ImportEnd is told of each import whose end [ExecutionService.Wait] or [ExecutionService.Resume] saw, by every one of them.
	ImportEnd func(ctx context.Context, r ImportResult)
	// Transport wraps what sends, once, in [New], below pace, tokens and repeats: one RoundTrip is one request on the wire, those for
	// tokens included. [CallFromContext] knows the call by the request's context.
	Transport func(http.RoundTripper) http.RoundTripper
}

// CallInfo is a call.
type CallInfo struct {
	Op           string // such as "upsert profile"
	Method       string
	PathTemplate string // such as "/profiles/v4/entity/{entity}/table/{table}/profile/{key}"
	Class        Class
	Attempts     int // that have ended so far
}

// CallResult is how a call ended.
type CallResult struct {
	Status   int // of the last answer; 0 if there was none
	Duration time.Duration
	Err      error // as the caller gets it; nil: it succeeded, though what it answered may yet have another shape than expected
}

// Attempt is one attempt of a call.
type Attempt struct {
	Wait     time.Duration // for its turn, see [Limiter]
	Duration time.Duration // after that
	Status   int           // 0: no answer. 401 and 403 may be a token request's
	Err      error         // why there was no usable answer; nil if the server's status says it all
}

// TokenResult is how a request for an access token ended.
type TokenResult struct {
	Duration time.Duration
	Err      error // nil: there is a new token
}

// ImportUnit is what became of one reservation. One that is held can be told again, as used or free.
type ImportUnit struct {
	State string // "used", "free" (the server certainly did nothing), "held" (nobody knows) or "refused": not reserved
	Err   error  // why it was refused: it matches [ErrQuotaExceeded], or else the store failed or something is invalid
}

// ImportResult is how an import ended.
type ImportResult struct {
	ETLID    string // "" for a one shot
	Status   ExecutionStatus
	Created  int // rows
	Updated  int
	Rejected int       // by the server
	Refused  int       // here, before it was sent
	End      time.Time // by the server's clock; zero if it did not say
	Err      error     // as Wait returns it; nil: it succeeded, or what was rejected is tolerated
}

// WithHooks tells h what the client does. Given more than once, all are told, in order, and of ends of calls the last first,
// so that spans nest.
func WithHooks(h Hooks) Option {
	return func(c *config) error {
		c.hooks = append(c.hooks, h)
		return nil
	}
}

// CallFromContext returns the call that a request belongs to, by the request's context, or by one made from it.
func CallFromContext(ctx context.Context) (CallInfo, bool) {
	c, ok := transport.FromContext(ctx)
	if !ok {
		return CallInfo{}, false
	}
	return infoOf(c), true
}

func infoOf(c *transport.Call) CallInfo {
	return CallInfo{Op: c.Op, Method: c.Method, PathTemplate: c.Template, Class: Class(c.Class), Attempts: c.Attempts()}
}

// hooks are all that were given.
type hooks []Hooks

// around makes a call within all hooks. Each is told of its end under its own context, however that comes.
func (all hooks) around(ctx context.Context, c CallInfo, call func(context.Context) (reply, error)) (r reply, err error) {
	if len(all) == 0 {
		return call(ctx)
	}
	h, began := all[0], time.Now()
	if h.CallStart != nil {
		if own := h.CallStart(ctx, c); own != nil {
			ctx = own
		}
	}
	if h.CallEnd != nil {
		err = errPanicked
		defer func() {
			result := CallResult{Status: r.status, Duration: time.Since(began), Err: err}
			c.Attempts = r.attempts
			if api, ok := errors.AsType[*APIError](err); ok {
				result.Status, c.Attempts = api.Status, api.Attempts
			}
			h.CallEnd(ctx, c, result)
		}()
	}
	return all[1:].around(ctx, c, call)
}

var errPanicked = errors.New("actito: the call panicked")

// attempted is nil if nobody wants to know.
func (all hooks) attempted() func(context.Context, *transport.Call, transport.Attempt) {
	var told hooks
	for _, h := range all {
		if h.Attempt != nil {
			told = append(told, h)
		}
	}
	if told == nil {
		return nil
	}
	return func(ctx context.Context, c *transport.Call, a transport.Attempt) {
		for _, h := range told {
			h.Attempt(ctx, infoOf(c), Attempt(a))
		}
	}
}

func (all hooks) token(ctx context.Context, t TokenResult) {
	for _, h := range all {
		if h.Token != nil {
			h.Token(ctx, t)
		}
	}
}

func (all hooks) importUnit(ctx context.Context, u ImportUnit) {
	for _, h := range all {
		if h.ImportUnit != nil {
			h.ImportUnit(ctx, u)
		}
	}
}

func (all hooks) importEnd(ctx context.Context, e *Execution, err error) {
	for _, h := range all {
		if h.ImportEnd != nil {
			t := e.Totals()
			h.ImportEnd(ctx, ImportResult{ETLID: e.ETLID, Status: e.Status, Created: t.Created, Updated: t.Updated,
				Rejected: t.Rejected, Refused: len(e.Refused), End: e.End, Err: err})
		}
	}
}

// wrap leaves the client that was given, whose idle connections Close closes, as it is.
func (all hooks) wrap(client *http.Client) *http.Client {
	wrapped := *client
	for _, h := range all {
		if h.Transport == nil {
			continue
		}
		if wrapped.Transport == nil {
			wrapped.Transport = http.DefaultTransport
		}
		if own := h.Transport(wrapped.Transport); own != nil {
			wrapped.Transport = own
		}
	}
	return &wrapped
}
