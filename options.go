package actito

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/actito-go/actito/internal/transport"
)

// RetryPolicy says when failed calls are repeated. Fields at zero have the defaults named beside them.
//
// Repeated on connection errors, 429, 502, 503 and 504 are reads, updates, deletes, and upserts whose row carries
// its table's key; anything else only where the server certainly did nothing.
type RetryPolicy struct {
	Tries         int           // 4, the first one included; 1 never repeats
	MinWait       time.Duration // 500 ms: waits are drawn from 0 to this, then twice this, and so on
	MaxWait       time.Duration // 20 s: and from no more than this
	MaxRetryAfter time.Duration // 60 s: a server that asks for a longer wait ends the call
	Budget        float64       // 0.1: the share of the calls that repeats may add, after a first ten
}

// Timeouts bound the phases of one attempt. Fields at zero have the defaults named beside them. The whole call is
// bounded by its context.
type Timeouts struct {
	Dial     time.Duration // 10 s to connect, and again for TLS; not with WithHTTPClient
	Answer   time.Duration // 30 s for a call without file; one that takes as long slows the pace down, see RateLimit
	Import   time.Duration // 10 min from the last byte of an import to the answer
	Progress time.Duration // 60 s: the longest pause within an upload or download, which have no other limit
}

const defaultAnswer = 30 * time.Second

// Option configures a client.
type Option func(*config) error

type config struct {
	base     string
	http     *http.Client
	log      *slog.Logger
	agent    string
	tokens   TokenSource
	key      func(context.Context) (string, error)
	retry    RetryPolicy
	timeouts Timeouts
	rate     RateLimit
	limiter  Limiter
	quota    Quota
	zone     string
	parts    partNames
	hooks    hooks

	unprefixed, profilesV5, dryRun bool
}

// WithEnvironment chooses the installation.
func WithEnvironment(e Environment) Option {
	return func(c *config) error {
		if e.URL() == "" {
			return fmt.Errorf("actito: unknown environment %q: use Env0, Env1, Env3 or Preprod, or WithBaseURL", string(e))
		}
		return WithBaseURL(e.URL())(c)
	}
}

// WithBaseURL chooses the address: a proxy's or a test server's. Plain HTTP is accepted to loopback only.
func WithBaseURL(base string) Option {
	return func(c *config) error {
		u, err := url.Parse(base)
		switch {
		case err != nil:
			return errors.New("actito: the base URL cannot be parsed")
		case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			return errors.New("actito: the base URL must have a host, and no user, query or fragment")
		case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
			return errors.New("actito: the base URL must be https; plain http is accepted to loopback only")
		case c.base != "":
			return errors.New("actito: give one of WithEnvironment and WithBaseURL, once")
		}
		c.base = strings.TrimRight(u.String(), "/")
		return nil
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// WithHTTPClient sends through this client's Transport, whose bounds of headers and versions of TLS apply, and keeps its
// Jar. Its Timeout bounds an attempt without file, where it is shorter than that of [WithTimeouts]. Redirects, retries
// and phases stay the library's.
func WithHTTPClient(h *http.Client) Option {
	return func(c *config) error {
		if h == nil {
			return errors.New("actito: WithHTTPClient needs a client")
		}
		c.http = h
		return nil
	}
}

// WithLogger logs calls at debug level, repeats and missing tokens as warnings: operation, method, path template,
// status, attempts, durations; never keys, values or bodies. Without it nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return errors.New("actito: WithLogger needs a logger")
		}
		c.log = l
		return nil
	}
}

// WithUserAgent puts the program's name in front of the library's, as in "shop/2.1".
func WithUserAgent(agent string) Option {
	return func(c *config) error {
		if agent == "" || strings.ContainsFunc(agent, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return errors.New("actito: the user agent must be printable ASCII")
		}
		c.agent = agent + " "
		return nil
	}
}

// WithTokenSource takes access tokens from elsewhere. The API key of [New] must then be empty.
func WithTokenSource(t TokenSource) Option {
	return func(c *config) error {
		if t == nil {
			return errors.New("actito: WithTokenSource needs a source")
		}
		c.tokens = t
		return nil
	}
}

// WithAPIKeyFunc asks for the API key whenever a token is needed, so that a key can be replaced while the program
// runs: after a refused key it is asked again within 30 seconds. The API key of [New] must then be empty.
func WithAPIKeyFunc(f func(context.Context) (string, error)) Option {
	return func(c *config) error {
		if f == nil {
			return errors.New("actito: WithAPIKeyFunc needs a function")
		}
		c.key = f
		return nil
	}
}

// WithRetry changes when failed calls are repeated.
func WithRetry(p RetryPolicy) Option {
	return func(c *config) error {
		if p.Tries < 0 || p.MinWait < 0 || p.MaxWait < 0 || p.MaxRetryAfter < 0 || !(p.Budget >= 0 && p.Budget <= 1) {
			return errors.New("actito: a RetryPolicy has no negative fields, and a Budget of at most 1")
		}
		c.retry = p
		return nil
	}
}

// WithTimeouts changes the bounds of an attempt's phases.
func WithTimeouts(t Timeouts) Option {
	return func(c *config) error {
		if t.Dial < 0 || t.Answer < 0 || t.Import < 0 || t.Progress < 0 {
			return errors.New("actito: Timeouts has no negative fields")
		}
		c.timeouts = t
		return nil
	}
}

// WithRateLimit tells the licence's limits of pace, where they are not the base values.
func WithRateLimit(r RateLimit) Option {
	return func(c *config) error {
		c.rate = r
		return nil
	}
}

// WithLimiter paces calls elsewhere, in place of the pace built in and of [WithRateLimit]. A call for a token asks it only
// if nobody waits for that token; of the others only a limiter of [NewLimiter] takes note.
func WithLimiter(l Limiter) Option {
	return func(c *config) error {
		if l == nil {
			return errors.New("actito: WithLimiter needs a limiter")
		}
		c.limiter = l
		return nil
	}
}

// WithQuota tells the licence's daily imports and where they are counted.
func WithQuota(q Quota) Option {
	return func(c *config) error {
		c.quota = q
		return nil
	}
}

// WithTimeZone is the zone in which a [DateTime] is written and read, by its name in the IANA database. Without it, it is
// Europe/Brussels, which is assumed, since Actito's documentation names none. "Local" is refused: it differs between
// machines.
func WithTimeZone(name string) Option {
	return func(c *config) error {
		c.zone = name
		return nil
	}
}

// WithPartNames names the parts of the form that starts an import, where they are not "inputFile" and "parameters": those
// with files, and the one with a definition. The two are seen in use with version 4 and assumed for version 5.
func WithPartNames(file, definition string) Option {
	return func(c *config) error {
		for _, name := range []string{file, definition} {
			if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				return errors.New("actito: WithPartNames: the names must be printable ASCII without spaces")
			}
		}
		if file == definition {
			return errors.New("actito: WithPartNames: files and definition need different names")
		}
		c.parts = partNames{file, definition}
		return nil
	}
}

// WithUnprefixedPaths sends the older path form, /v4/… in place of /profiles/v4/…. Its end was announced for June
// 2025, and production clients still send it.
func WithUnprefixedPaths() Option {
	return func(c *config) error {
		c.unprefixed = true
		return nil
	}
}

// WithProfilesV5 upserts, creates, reads, updates and deletes single profiles through version 5 of the profiles API, which
// needs a key for the first two. Subscriptions and segmentations of their own stay with version 4. That version 5 exists
// is documented; the form of its calls is assumed, from one client's unreleased code.
func WithProfilesV5() Option {
	return func(c *config) error {
		c.profilesV5 = true
		return nil
	}
}

// WithDryRun validates and logs everything and sends no write: no profile, record or import leaves, and nothing is
// counted. Reads are sent.
func WithDryRun() Option {
	return func(c *config) error {
		c.dryRun = true
		return nil
	}
}

func configure(opts []Option) (*config, error) {
	c := &config{log: slog.New(slog.DiscardHandler), zone: string(homeZone), parts: partNames{partFile, partDefinition}}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("actito: option %d is nil", i+1)
		}
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	c.retry = RetryPolicy{
		Tries:         cmp.Or(c.retry.Tries, 4),
		MinWait:       cmp.Or(c.retry.MinWait, 500*time.Millisecond),
		MaxWait:       cmp.Or(c.retry.MaxWait, 20*time.Second),
		MaxRetryAfter: cmp.Or(c.retry.MaxRetryAfter, time.Minute),
		Budget:        cmp.Or(c.retry.Budget, 0.1),
	}
	c.timeouts = Timeouts{
		Dial:     cmp.Or(c.timeouts.Dial, 10*time.Second),
		Answer:   cmp.Or(c.timeouts.Answer, defaultAnswer),
		Import:   cmp.Or(c.timeouts.Import, 10*time.Minute),
		Progress: cmp.Or(c.timeouts.Progress, time.Minute),
	}
	return c, nil
}

// build makes what the clients of all entities share.
func (c *config) build() (*core, error) {
	zone, err := time.LoadLocation(c.zone)
	if err != nil || c.zone == "" || c.zone == "Local" {
		return nil, fmt.Errorf("actito: WithTimeZone: %q is no time zone: name one of the IANA database, such as Europe/Brussels", c.zone)
	}
	quota, err := newQuota(c.quota)
	if err != nil {
		return nil, err
	}
	switch {
	case c.limiter == nil:
		if c.limiter, err = newPacer(c.rate, c.answerTimeout()); err != nil {
			return nil, err
		}
	case c.rate != RateLimit{}:
		return nil, errors.New("actito: give one of WithRateLimit and WithLimiter")
	}
	k := &core{
		base: c.base, http: c.http, ownHTTP: c.http == nil, quota: quota, zone: zone, log: c.log, hooks: c.hooks,
		headers: makeHeaders(c.agent), parts: c.parts, dryRun: c.dryRun, unprefixed: c.unprefixed, profilesV5: c.profilesV5,
	}
	if k.ownHTTP {
		k.http = &http.Client{Transport: newTransport(c.timeouts.Dial)}
	}
	limiter := c.limiter
	if c.tokens == nil {
		c.tokens = &keySource{key: c.key, base: c.base, head: k.headers.read,
			call: func(ctx context.Context, call *transport.Call) (*http.Response, error) {
				defer tokenTurn(ctx, limiter)()
				return k.chain.Direct(ctx, call)
			}}
	}
	k.tokens = newTokenCache(c.tokens, c.log, c.hooks)
	k.chain = transport.New(transport.Config{
		Client: c.hooks.wrap(k.http), Tokens: k.tokens, Log: c.log, Attempted: c.hooks.attempted(),
		Acquire: func(ctx context.Context, call *transport.Call) (func(), error) {
			return limiter.Acquire(ctx, Work{
				Op: call.Op, Class: Class(call.Class), MaxWait: call.MaxWait,
				Transfer: call.Open != nil || call.Answer == transport.Stream,
			})
		},
		Policy: transport.Policy{
			Tries: c.retry.Tries, MinWait: c.retry.MinWait, MaxWait: c.retry.MaxWait,
			MaxRetryAfter: c.retry.MaxRetryAfter, Budget: c.retry.Budget,
			StartTries: startTries, StartWithin: startWithin, StartWait: startWait,
		},
		Dated:  k.clock.compare,
		Limits: transport.Timeouts{Answer: c.timeouts.Answer, Import: c.timeouts.Import, Progress: c.timeouts.Progress},
	})
	return k, nil
}

// tokenTurn is the turn of a call for a token. One that comes early waits for it, but not for long, and not once somebody
// waits for the token: those have had their turns, and could hold up the one that they wait for.
func tokenTurn(ctx context.Context, limiter Limiter) (release func()) {
	const patience = 10 * time.Second
	if unhurried, isEarly := ctx.Value(early{}).(context.Context); isEarly {
		if release, err := limiter.Acquire(unhurried, Work{Op: opToken, Class: RealTime, MaxWait: patience}); err == nil {
			return release
		}
	}
	if own, ok := limiter.(*pacer); ok {
		return own.charge()
	}
	return func() {}
}

// answerTimeout is the bound of an attempt without file that is in force.
func (c *config) answerTimeout() time.Duration {
	if c.http != nil && c.http.Timeout > 0 {
		return min(c.timeouts.Answer, c.http.Timeout)
	}
	return c.timeouts.Answer
}

func newTransport(dial time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dial, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   dial,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          16,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,

		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: 1 << 20,
	}
}

func makeHeaders(agent string) headers {
	agent += "actito-go/" + Version
	json := []string{"application/json"}
	return headers{
		read:  http.Header{"Accept": json, "User-Agent": {agent}},
		write: http.Header{"Accept": json, "Content-Type": json, "User-Agent": {agent}},
		// assumed: a download that asks for JSON is answered 406.
		file: http.Header{"Accept": {"*/*"}, "User-Agent": {agent}},
	}
}

// DiscoverEnvironment asks each environment for a token, in the order Env0, Env1, Env3, and returns the first that
// knows the key; the way is in use by a production client. That a key works in one environment only is assumed. Of
// the options, WithHTTPClient, WithTimeouts, WithUserAgent, WithLogger and WithHooks apply.
//
//actito:call GET /auth/token [documented]
func DiscoverEnvironment(ctx context.Context, apiKey string, opts ...Option) (Environment, error) {
	if err := checkKey(apiKey); err != nil {
		return "", err
	}
	var failures []error
	for _, env := range []Environment{Env0, Env1, Env3} {
		cfg, err := configure(opts)
		if err != nil {
			return "", err
		}
		if err = cfg.ask(ctx, env, apiKey); err == nil {
			return env, nil
		}
		failures = append(failures, within(err, "%s", env))
		if ctx.Err() != nil {
			break
		}
	}
	return "", within(errors.Join(failures...), "no environment gave a token for this API key")
}

// ask asks an environment for a token.
func (c *config) ask(ctx context.Context, env Environment, apiKey string) error {
	c.base, c.tokens = env.URL(), nil
	c.key = func(context.Context) (string, error) { return apiKey, nil }
	core, err := c.build()
	if err != nil {
		return err
	}
	_, err = core.tokens.Token(ctx, 0)
	core.tokens.close()
	if core.ownHTTP {
		core.http.CloseIdleConnections()
	}
	return tokenFailed(err)
}
