package actitotest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Storm lets things go wrong at random. See [Server.Storm].
type Storm struct {
	// Seed decides what goes wrong: the same storm over the same sequence of calls,
	// at the same times, is the same.
	Seed uint64
	// Rate is how much of what can go wrong does, from 0 to 1: of the calls, of the
	// executions, and of the webhooks. Of the kinds that fit one, each is as likely as
	// the others.
	Rate float64
	// Only lists the kinds that may happen; without it all of them may.
	Only []StormKind
	// Except lists kinds that may not.
	Except []StormKind
	// Longest bounds what lasts: slow answers, a key that is gone, a quota that is used
	// up, a list that lags, executions and webhooks that wait. 0 is ten seconds.
	Longest time.Duration
}

// StormKind is something that goes wrong in a storm.
type StormKind string

// What happens to a call, and nothing is done.
const (
	StormUnavailable  StormKind = "unavailable"   // 503 in the service's JSON, half of them with Retry-After
	StormServerError  StormKind = "server error"  // 500 in the service's JSON
	StormBadGateway   StormKind = "bad gateway"   // 502 in HTML
	StormPage         StormKind = "page"          // 200 in HTML, like a proxy's log-in page; never for a DELETE
	StormTooMany      StormKind = "too many"      // 429 as for concurrent calls, half of them with Retry-After
	StormRefused      StormKind = "refused"       // the connection closes before the body is read
	StormCutRequest   StormKind = "cut request"   // the connection closes within the body
	StormEarlyAnswer  StormKind = "early answer"  // 503 before an upload is read, and the connection closes
	StormTokenExpired StormKind = "token expired" // the call's access token is none any more
	StormKeyGone      StormKind = "key gone"      // for a while no API key is valid, and no token that there was
	StormQuotaUsedUp  StormKind = "quota used up" // for a while each start of an import answers 429
	StormFileMissing  StormKind = "file missing"  // 404 for a result file or an error file
)

// What happens to a call that is done all the same.
const (
	StormSlow           StormKind = "slow"            // done late, unless the client leaves before
	StormListLag        StormKind = "list lag"        // the list of executions lacks the last ones
	StormCutAnswer      StormKind = "cut answer"      // the connection closes within the answer
	StormLostAnswer     StormKind = "lost answer"     // the connection closes without an answer
	StormGatewayTimeout StormKind = "gateway timeout" // 504 in HTML
)

// What happens to executions and webhooks.
const (
	StormExecutionLate  StormKind = "execution late"  // it stays queued for longer, and with it all behind it
	StormExecutionFails StormKind = "execution fails" // one of its files is not loaded, by the service's fault
	StormWebhookLate    StormKind = "webhook late"    // others overtake it
	StormWebhookTwice   StormKind = "webhook twice"   // it comes again, later
)

// StormReport tells what a storm did. Printed, it tells the seed.
type StormReport struct {
	Storm  Storm
	Calls  int // that it could have hit
	Faults map[StormKind]int
}

// String is one line.
func (r StormReport) String() string {
	var counts []string
	for _, kind := range slices.Sorted(maps.Keys(r.Faults)) {
		counts = append(counts, fmt.Sprintf("%d %s", r.Faults[kind], kind))
	}
	return fmt.Sprintf("storm with seed %d, rate %g, over %d calls: %s", r.Storm.Seed, r.Storm.Rate, r.Calls, strings.Join(counts, ", "))
}

// storm is the weather of a server since [Server.Storm] was called.
type storm struct {
	StormReport
	over bool
	// Webhooks are sent beside the calls, so that one generator for both would not
	// give the same again.
	forCalls, forWebhooks *rand.Rand
	keyBack, quotaBack    time.Time
}

// gust is a kind and what it can happen to.
type gust struct {
	kind StormKind
	to   func(c *call) bool
	make func(*storm) Fault
}

func toAny(*call) bool { return true }

func toAll(ops ...Operation) func(*call) bool {
	return func(c *call) bool { return slices.Contains(ops, c.seen.Operation) }
}

var gusts = []gust{
	{StormUnavailable, toAny, func(st *storm) Fault { return st.retryAfter(Status(http.StatusServiceUnavailable)) }},
	{StormServerError, toAny, func(*storm) Fault { return Status(http.StatusInternalServerError) }},
	{StormBadGateway, toAny, func(*storm) Fault {
		return Status(http.StatusBadGateway).WithBody("text/html", "<h1>Bad Gateway</h1>")
	}},
	{StormPage, func(c *call) bool { return c.Method != http.MethodDelete }, func(*storm) Fault {
		return Status(http.StatusOK).WithBody("text/html", "<h1>Please log in</h1>")
	}},
	{StormTooMany, toAny, func(st *storm) Fault { return st.retryAfter(Status(http.StatusTooManyRequests)) }},
	{StormRefused, toAny, func(*storm) Fault { return Refuse() }},
	{StormCutRequest, func(c *call) bool { return c.takes(body) || c.takes(upload) }, func(st *storm) Fault {
		return CutRequest(1 + st.forCalls.Int64N(500))
	}},
	{StormEarlyAnswer, func(c *call) bool { return c.takes(upload) }, func(*storm) Fault {
		return Status(http.StatusServiceUnavailable).Early()
	}},
	{StormTokenExpired, func(c *call) bool { return c.seen.Operation != OpToken }, func(*storm) Fault { return RevokeToken() }},
	{StormKeyGone, toAny, func(st *storm) Fault { return st.keyGone(st.some(st.forCalls)) }},
	{StormQuotaUsedUp, toAll(OpETLTrigger, OpRunOnce), func(st *storm) Fault { return st.quotaUsedUp(st.some(st.forCalls)) }},
	{StormFileMissing, toAll(OpResultFile, OpErrorFile), func(*storm) Fault { return Status(http.StatusNotFound) }},
	{StormSlow, toAny, func(st *storm) Fault { return Delay(st.some(st.forCalls)) }},
	{StormListLag, toAll(OpExecutionList), func(st *storm) Fault {
		lag := st.some(st.forCalls)
		return fault(func(_ *Server, c *call) *answer {
			c.lag = lag
			return nil
		})
	}},
	{StormCutAnswer, toAny, func(st *storm) Fault { return cutWithin(st.forCalls.Float64()) }},
	{StormLostAnswer, toAny, func(*storm) Fault { return LoseAnswer() }},
	{StormGatewayTimeout, toAny, func(*storm) Fault {
		f := Pass()
		f.send = func(s *Server, w http.ResponseWriter, c *call, _ answer) {
			s.send(w, c, answer{status: http.StatusGatewayTimeout, contentType: "text/html", body: []byte("<h1>Gateway Timeout</h1>")})
		}
		return f
	}},
	{kind: StormExecutionLate},
	{kind: StormExecutionFails},
	{kind: StormWebhookLate},
	{kind: StormWebhookTwice},
}

func (c *call) takes(p payload) bool { return c.route != nil && c.route.payload == p }

// Storm lets things go wrong at random from now on, until [Server.Calm]. Faults that
// [Server.Fail] lined up come first. What a storm breaks it breaks for clients only:
// the fake's own state stays right, and what was done was done once. It panics if the
// rate is none or a kind is unknown. A storm replaces the one before.
//
// assumed: all of it happens to services of this sort, and none of it is documented.
func (s *Server) Storm(config Storm) {
	if !(config.Rate >= 0 && config.Rate <= 1) {
		panic(fmt.Sprintf("actitotest: the rate of a storm is from 0 to 1, not %g", config.Rate))
	}
	for _, kind := range slices.Concat(config.Only, config.Except) {
		if !slices.ContainsFunc(gusts, func(g gust) bool { return g.kind == kind }) {
			panic(fmt.Sprintf("actitotest: there is no kind of storm %q", kind))
		}
	}
	if config.Longest <= 0 {
		config.Longest = 10 * time.Second
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storm = &storm{
		StormReport: StormReport{Storm: config, Faults: map[StormKind]int{}},
		forCalls:    rand.New(rand.NewPCG(config.Seed, 1)), //nolint:gosec // a test repeats it
		forWebhooks: rand.New(rand.NewPCG(config.Seed, 2)), //nolint:gosec // the same
	}
}

// Calm ends a storm and gives back what it took: keys are valid, the quota is what was
// used of it, and webhooks that wait are sent. Executions stay as late as they are.
func (s *Server) Calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storm == nil {
		return
	}
	s.storm.over = true
	s.storm.keyBack, s.storm.quotaBack = time.Time{}, time.Time{}
	for i := range s.hooks.pending {
		s.hooks.pending[i].due = time.Time{}
	}
	s.hooksChanged()
}

// StormReport tells what the storm did so far, or the last one if it is calm.
//
//	t.Cleanup(func() { t.Log(server.StormReport()) })
func (s *Server) StormReport() StormReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storm == nil {
		return StormReport{}
	}
	report := s.storm.StormReport
	report.Faults = maps.Clone(report.Faults)
	return report
}

// draw decides what happens to something to which the listed kinds can happen.
func (st *storm) draw(from *rand.Rand, kinds ...StormKind) (StormKind, bool) {
	if st == nil || st.over || from.Float64() >= st.Storm.Rate {
		return "", false
	}
	kinds = slices.DeleteFunc(kinds, func(kind StormKind) bool {
		return slices.Contains(st.Storm.Except, kind) || len(st.Storm.Only) > 0 && !slices.Contains(st.Storm.Only, kind)
	})
	if len(kinds) == 0 {
		return "", false
	}
	kind := kinds[from.IntN(len(kinds))]
	st.Faults[kind]++
	return kind, true
}

// onCall decides what happens to a call.
func (st *storm) onCall(c *call) Fault {
	if st == nil || st.over {
		return Pass()
	}
	st.Calls++
	var kinds []StormKind
	for _, g := range gusts {
		if g.to != nil && g.to(c) {
			kinds = append(kinds, g.kind)
		}
	}
	kind, hit := st.draw(st.forCalls, kinds...)
	if !hit {
		return Pass()
	}
	return gusts[slices.IndexFunc(gusts, func(g gust) bool { return g.kind == kind })].make(st)
}

// onExecution decides what happens to an execution that is accepted, and by how much
// it is late.
func (st *storm) onExecution(e *execution) (late time.Duration) {
	if st == nil || len(e.loads) == 0 {
		return 0
	}
	switch kind, _ := st.draw(st.forCalls, StormExecutionLate, StormExecutionFails); kind {
	case StormExecutionLate:
		late = st.some(st.forCalls)
	case StormExecutionFails:
		e.loads[st.forCalls.IntN(len(e.loads))].stormed = true
	}
	return late
}

// onWebhook decides what happens to a webhook: when it is due, zero for at once, and
// when it comes again.
func (st *storm) onWebhook(now time.Time) (due, again time.Time) {
	if st == nil {
		return due, again
	}
	switch kind, _ := st.draw(st.forWebhooks, StormWebhookLate, StormWebhookTwice); kind {
	case StormWebhookLate:
		due = now.Add(st.some(st.forWebhooks))
	case StormWebhookTwice:
		again = now.Add(st.some(st.forWebhooks))
	}
	return due, again
}

// some is a time up to the longest.
func (st *storm) some(from *rand.Rand) time.Duration {
	return time.Duration(1 + from.Int64N(int64(st.Storm.Longest)))
}

// retryAfter gives half of the answers a Retry-After of a second.
func (st *storm) retryAfter(f Fault) Fault {
	if st.forCalls.IntN(2) == 0 {
		return f
	}
	return f.WithHeader("Retry-After", "1")
}

// cutWithin closes the connection when a share of the answer's body is sent. An answer
// without a body is lost.
func cutWithin(share float64) Fault {
	f := Pass()
	f.send = func(s *Server, w http.ResponseWriter, c *call, a answer) {
		if len(a.body) == 0 {
			LoseAnswer().send(s, w, c, a)
		}
		CutAnswer(int(share*float64(len(a.body)))).send(s, w, c, a)
	}
	return f
}

func (st *storm) keyGone(d time.Duration) Fault {
	return st.taking(func(s *Server) {
		clear(s.tokens)
		st.keyBack = s.clock.Now().Add(d)
	})
}

func (st *storm) quotaUsedUp(d time.Duration) Fault {
	return st.taking(func(s *Server) { st.quotaBack = s.clock.Now().Add(d) })
}

// taking takes something from the server, and lets the call meet it. A storm that is over takes nothing.
func (st *storm) taking(take func(*Server)) Fault {
	return fault(func(s *Server, _ *call) *answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !st.over {
			take(s)
		}
		return nil
	})
}

// noKey and noQuota say what the storm took.
func (st *storm) noKey(now time.Time) bool   { return st != nil && now.Before(st.keyBack) }
func (st *storm) noQuota(now time.Time) bool { return st != nil && now.Before(st.quotaBack) }
