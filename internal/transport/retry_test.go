package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// script answers one attempt after the other, and the last one for ever. A nil fault is success.
type script struct {
	steps  []*Fault
	took   time.Duration // by each attempt
	sent   []time.Time
	tokens tokens
	log    bytes.Buffer
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req)
	c.token, _ = s.tokens.Token(req.Context(), 0)
	s.sent = append(s.sent, time.Now())
	time.Sleep(s.took)
	f := s.steps[min(len(s.sent), len(s.steps))-1]
	if f == nil {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
	}
	made := *f
	if made.Call == nil {
		made.Call = c
	}
	return nil, &made
}

// do sends a call through the retry link alone.
func (s *script) do(ctx context.Context, c *Call, change ...func(*Policy)) (*http.Response, error) {
	c.URL, c.Method = "https://api.actito.test/secret", or(c.Method, http.MethodGet)
	p := testPolicy()
	for _, f := range change {
		f(&p)
	}
	r := &retry{
		client: &http.Client{Transport: s}, tokens: &s.tokens, policy: p, budget: newBudget(p.Budget),
		log: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	req, err := newRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	return r.do(ctx, req, c)
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

var (
	errReset = errors.New("connection reset by peer")
	reset    = &Fault{Broken: true, Err: errReset}
	refused  = &Fault{Broken: true, Undone: true, Err: errReset}
	busy     = &Fault{Status: 429, Undone: true}
)

func status(code int) *Fault { return &Fault{Status: code} }

func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	sure503 := &Fault{Status: 503, Undone: true}
	for name, tt := range map[string]struct {
		call     Call
		steps    []*Fault
		attempts int
		status   int // of the error; 0 with an error of the network
		success  bool
		undone   bool
	}{
		"success is not":                    {call: Call{Repeatable: true}, steps: []*Fault{nil}, attempts: 1, success: true},
		"a broken connection is":            {call: Call{Repeatable: true}, steps: []*Fault{reset, nil}, attempts: 2, success: true},
		"429 is":                            {call: Call{Repeatable: true}, steps: []*Fault{busy, nil}, attempts: 2, success: true},
		"502 is":                            {call: Call{Repeatable: true}, steps: []*Fault{status(502), nil}, attempts: 2, success: true},
		"503 is":                            {call: Call{Repeatable: true}, steps: []*Fault{status(503), nil}, attempts: 2, success: true},
		"504 is":                            {call: Call{Repeatable: true}, steps: []*Fault{status(504), nil}, attempts: 2, success: true},
		"500 is not":                        {call: Call{Repeatable: true}, steps: []*Fault{status(500)}, attempts: 1, status: 500},
		"400 is not":                        {call: Call{Repeatable: true}, steps: []*Fault{status(400)}, attempts: 1, status: 400, undone: true},
		"408 is not, and proves nothing":    {call: Call{Repeatable: true}, steps: []*Fault{status(408)}, attempts: 1, status: 408},
		"an answer that is not JSON is not": {call: Call{Repeatable: true}, steps: []*Fault{{Status: 200, Err: errNotJSON}}, attempts: 1, status: 200},
		"the fourth try is the last":        {call: Call{Repeatable: true}, steps: []*Fault{status(503)}, attempts: 4, status: 503},
		"a doubling call is not after a broken connection": {steps: []*Fault{reset}, attempts: 1},
		"a doubling call is where no connection was made":  {steps: []*Fault{refused, nil}, attempts: 2, success: true},
		"a doubling call is after 429":                     {steps: []*Fault{busy, nil}, attempts: 2, success: true},
		"a doubling call is after a 503 that is sure":      {steps: []*Fault{sure503, nil}, attempts: 2, success: true},
		"a doubling call is not after another 503":         {steps: []*Fault{status(503)}, attempts: 1, status: 503},
		"a doubling call is not after 502":                 {steps: []*Fault{status(502)}, attempts: 1, status: 502},
		"a doubling call is not after 504":                 {steps: []*Fault{status(504)}, attempts: 1, status: 504},
		"a doubling call ends at the first doubt":          {steps: []*Fault{busy, sure503, reset, nil}, attempts: 3},
		"a doubling call may fail to the end surely":       {steps: []*Fault{busy}, attempts: 4, status: 429, undone: true},
		"the start of an import has five tries":            {call: Call{Start: true}, steps: []*Fault{busy}, attempts: 5, status: 429, undone: true},
		"a call that is single is not":                     {call: Call{Single: true, Repeatable: true}, steps: []*Fault{busy}, attempts: 1, status: 429, undone: true},
		"a single call gets a new token all the same":      {call: Call{Single: true, Repeatable: true}, steps: []*Fault{status(401), nil}, attempts: 2, success: true},
		"401 is, once":                                       {steps: []*Fault{status(401), nil}, attempts: 2, success: true},
		"401 is not twice":                                   {steps: []*Fault{status(401)}, attempts: 2, status: 401, undone: true},
		"401 is not counted as a try":                        {call: Call{Repeatable: true}, steps: []*Fault{status(401), status(503)}, attempts: 5, status: 503},
		"401 between other failures is":                      {call: Call{Repeatable: true}, steps: []*Fault{reset, status(401), reset, nil}, attempts: 4, success: true},
		"401 of the token's own request is not":              {steps: []*Fault{{Call: &Call{}, Status: 401, Undone: true}}, attempts: 1, status: 401, undone: true},
		"a token endpoint that is down is":                   {steps: []*Fault{{Call: &Call{}, Status: 503, Undone: true}, nil}, attempts: 2, success: true},
		"a source that cannot be read is not":                {call: Call{Repeatable: true}, steps: []*Fault{{Err: io.ErrUnexpectedEOF}}, attempts: 1},
		"404 of a delete is an error":                        {call: Call{Method: "DELETE", Repeatable: true}, steps: []*Fault{status(404)}, attempts: 1, status: 404, undone: true},
		"404 of a repeated delete is success":                {call: Call{Method: "DELETE", Repeatable: true}, steps: []*Fault{reset, status(404)}, attempts: 2, success: true},
		"404 of a delete that was only paced is an error":    {call: Call{Method: "DELETE", Repeatable: true}, steps: []*Fault{busy, status(404)}, attempts: 2, status: 404},
		"404 of a delete with a new token is an error":       {call: Call{Method: "DELETE", Repeatable: true}, steps: []*Fault{status(401), status(404)}, attempts: 2, status: 404},
		"404 of a repeated read is an error":                 {call: Call{Repeatable: true}, steps: []*Fault{reset, status(404)}, attempts: 2, status: 404},
		"a time to come back of a minute is waited for":      {call: Call{Repeatable: true}, steps: []*Fault{{Status: 429, Undone: true, RetryAfter: time.Minute}, nil}, attempts: 2, success: true},
		"a time to come back above a minute ends the call":   {call: Call{Repeatable: true}, steps: []*Fault{{Status: 429, Undone: true, RetryAfter: time.Minute + 1}}, attempts: 1, status: 429, undone: true},
		"an absurd time to come back ends the call":          {call: Call{Repeatable: true}, steps: []*Fault{{Status: 503, RetryAfter: math.MaxInt64 / 2}}, attempts: 1, status: 503},
		"the start of an import has no try after a minute":   {call: Call{Start: true}, steps: []*Fault{{Status: 429, Undone: true, RetryAfter: 35 * time.Second}}, attempts: 2, status: 429, undone: true},
		"a time to come back is no reason to repeat a 400":   {call: Call{Repeatable: true}, steps: []*Fault{{Status: 400, RetryAfter: time.Second}}, attempts: 1, status: 400, undone: true},
		"a redirect that leads nowhere is not":               {call: Call{Repeatable: true}, steps: []*Fault{{Status: 302, Err: errRedirect}}, attempts: 1, status: 302},
		"a certificate that cannot be verified is not":       {call: Call{Repeatable: true}, steps: []*Fault{{Undone: true, Err: errReset}}, attempts: 1, undone: true},
		"a call that a limiter refuses is not, nor is a try": {call: Call{Repeatable: true}, steps: []*Fault{reset, {Local: true, Undone: true, Err: errReset}}, attempts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: tt.steps}
				_, err := s.do(t.Context(), &tt.call)
				if tt.success {
					require.NoError(t, err)
					assert.Len(t, s.sent, tt.attempts)
					return
				}
				f := faultFrom(t, err)
				assert.Equal(t, tt.attempts, f.Attempts)
				assert.Equal(t, tt.status, f.Status)
				if !tt.call.Repeatable || tt.undone {
					assert.Equal(t, tt.undone, f.Undone)
				}
			})
		})
	}
}

func TestWaitsAreDrawnWithinTheirBounds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step   *Fault
		policy func(*Policy)
		low    []time.Duration
		high   []time.Duration
	}{
		"which double": {
			step: reset, policy: func(p *Policy) { p.Tries = 5 },
			low:  []time.Duration{0, 0, 0, 0},
			high: []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second},
		},
		"up to the longest": {
			step: reset, policy: func(p *Policy) { p.Tries, p.MaxWait = 4, 700*time.Millisecond },
			low:  []time.Duration{0, 0, 0},
			high: []time.Duration{500 * time.Millisecond, 700 * time.Millisecond, 700 * time.Millisecond},
		},
		"even if the shortest is longer than that": {
			step: reset, policy: func(p *Policy) { p.Tries, p.MinWait, p.MaxWait = 2, time.Hour, time.Second },
			low: []time.Duration{0}, high: []time.Duration{time.Second},
		},
		"and not below the pause between requests for a token": {
			step: &Fault{Call: &Call{}, Status: 503, Undone: true}, policy: func(p *Policy) {},
			low:  []time.Duration{time.Second, time.Second, time.Second},
			high: []time.Duration{time.Second, time.Second, 2 * time.Second},
		},
		"and not below what the server asks": {
			step: &Fault{Status: 429, Undone: true, RetryAfter: 7 * time.Second}, policy: func(p *Policy) { p.Tries = 3 },
			low:  []time.Duration{7 * time.Second, 7 * time.Second},
			high: []time.Duration{7 * time.Second, 7 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				longest := make([]time.Duration, len(tt.low))
				for range 200 {
					s := &script{steps: []*Fault{tt.step}}
					_, err := s.do(t.Context(), &Call{Repeatable: true}, tt.policy)
					require.Error(t, err)
					require.Len(t, s.sent, len(tt.low)+1)
					for i := range tt.low {
						wait := s.sent[i+1].Sub(s.sent[i])
						require.GreaterOrEqual(t, wait, tt.low[i])
						require.LessOrEqual(t, wait, tt.high[i])
						longest[i] = max(longest[i], wait)
					}
				}
				for i := range longest { // 0.8²⁰⁰ is a chance of 1 in 10¹⁹
					assert.Greater(t, longest[i], tt.high[i]*8/10, "the whole range is drawn from")
				}
			})
		})
	}
}

func TestAnyPolicyCanBeWaitedBy(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]func(*Policy){
		"with many tries":                 func(p *Policy) { p.Tries = 100 },
		"with many tries and long waits":  func(p *Policy) { p.Tries, p.MinWait, p.MaxWait = 100, 20*time.Second, time.Minute },
		"with the longest wait there is":  func(p *Policy) { p.Tries, p.MaxWait = 40, math.MaxInt64 },
		"with the shortest wait there is": func(p *Policy) { p.Tries, p.MinWait, p.MaxWait = 100, 1, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &retry{policy: testPolicy(), budget: &budget{left: math.Inf(1)}, tokens: &tokens{}}
				policy(&r.policy)
				tries := &tries{retry: r, call: &Call{Repeatable: true}, began: time.Now()}
				for tries.call.made = 1; tries.again(t.Context(), &Fault{Call: tries.call, Broken: true}); tries.call.made++ {
					require.GreaterOrEqual(t, tries.wait, time.Duration(0))
					require.LessOrEqual(t, tries.wait, r.policy.MaxWait)
				}
				require.Equal(t, r.policy.Tries, tries.call.Attempts())
			})
		})
	}
}

func TestACallEndsAtOnceIfItsDeadlineComesBeforeTheNextAttempt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		deadline time.Duration
		attempts int
	}{
		"long before it":     {time.Second, 1},
		"at the same moment": {7 * time.Second, 1},
		"but not after it":   {7*time.Second + 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				began := time.Now()
				s := &script{steps: []*Fault{{Status: 429, Undone: true, RetryAfter: 7 * time.Second}}}
				_, err := s.do(ctx, &Call{Repeatable: true})
				f := faultFrom(t, err)
				assert.Equal(t, tt.attempts, f.Attempts)
				assert.Equal(t, 429, f.Status)
				assert.Equal(t, 7*time.Second, f.RetryAfter)
				require.ErrorIs(t, err, context.DeadlineExceeded, "it is why no further attempt was made")
				assert.Equal(t, time.Duration(tt.attempts-1)*7*time.Second, time.Since(began), "no time is lost")
			})
		})
	}
}

func TestACancelledCallTellsWhyAndWhatWentWrongBefore(t *testing.T) {
	t.Parallel()
	cancelled := func(ctx context.Context) *Fault { return &Fault{Err: ctx.Err()} }
	for name, tt := range map[string]struct {
		took   time.Duration // by each attempt
		cancel time.Duration
		steps  []*Fault
		sent   int
		status int
		other  bool // the context's error is not told
	}{
		"while it waits for the next attempt":            {cancel: time.Second, steps: []*Fault{{Status: 503, Message: "later", RetryAfter: 5 * time.Second}}, sent: 1, status: 503},
		"while the second attempt is under way":          {took: 2 * time.Second, cancel: 8 * time.Second, steps: []*Fault{{Status: 503, Message: "later", RetryAfter: 5 * time.Second}, {}}, sent: 2, status: 503},
		"when the first answer arrives, which may pass":  {took: time.Second, cancel: time.Second - 1, steps: []*Fault{{Status: 503, Message: "later"}}, sent: 1, status: 503},
		"when the second answer arrives, which may pass": {took: time.Second, cancel: 7*time.Second - 1, steps: []*Fault{{Status: 503, RetryAfter: 5 * time.Second}, {Status: 502, Message: "later"}}, sent: 2, status: 502},
		"when the second answer arrives, which is final": {took: time.Second, cancel: 7*time.Second - 1, steps: []*Fault{{Status: 503, RetryAfter: 5 * time.Second}, {Status: 400, Message: "later"}}, sent: 2, status: 400, other: true},
		"while the second attempt waits for its turn":    {took: time.Second, cancel: 7*time.Second - 1, steps: []*Fault{{Status: 503, Message: "later", RetryAfter: 5 * time.Second}, {Local: true, Undone: true}}, sent: 2, status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(tt.cancel, cancel)
				s := &script{steps: tt.steps, took: tt.took}
				began := time.Now()
				s2 := inner(func(req *http.Request) (*http.Response, error) {
					resp, err := s.RoundTrip(req)
					if f := (*Fault)(nil); errors.As(err, &f) && f.Status == 0 {
						f.Err = cancelled(ctx).Err
					}
					return resp, err
				})
				r := &retry{client: &http.Client{Transport: s2}, tokens: &s.tokens, policy: testPolicy(), budget: newBudget(0.1), log: slog.New(slog.DiscardHandler)}
				c := &Call{Method: http.MethodGet, URL: "https://api.actito.test/x", Repeatable: true}
				req, err := newRequest(ctx, c)
				require.NoError(t, err)
				_, err = r.do(ctx, req, c)
				f := faultFrom(t, err)
				assert.Equal(t, !tt.other, errors.Is(err, context.Canceled))
				assert.Equal(t, tt.status, f.Status)
				assert.Equal(t, "later", f.Message)
				assert.Len(t, s.sent, tt.sent)
				assert.LessOrEqual(t, time.Since(began), tt.cancel+time.Second)
			})
		})
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := &script{steps: []*Fault{status(401)}}
		_, err := s.do(t.Context(), &Call{Repeatable: true})
		assert.Equal(t, 401, faultFrom(t, err).Status)
		assert.Equal(t, []string{"token 1"}, s.tokens.refused)
		assert.Zero(t, time.Since(began), "a new token is worth no wait")
	})
}

func TestRepeatsAreAShareOfTheCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []*Fault{reset}}
		r := &retry{client: &http.Client{Transport: s}, tokens: &s.tokens, policy: testPolicy(), budget: newBudget(0.1), log: slog.New(slog.DiscardHandler)}
		for range 1000 {
			c := &Call{Method: http.MethodGet, URL: "https://api.actito.test/x", Repeatable: true}
			req, err := newRequest(t.Context(), c)
			require.NoError(t, err)
			_, err = r.do(t.Context(), req, c)
			require.Error(t, err)
		}
		repeats := len(s.sent) - 1000
		assert.LessOrEqual(t, repeats, freeRepeats+100)
		assert.GreaterOrEqual(t, repeats, 95, "and that share is used")
	})
}

func TestTheBudgetDoesNotSave(t *testing.T) {
	t.Parallel()
	b := newBudget(1)
	for range 1000 {
		b.earn()
	}
	spent := 0
	for b.spend() {
		spent++
	}
	assert.Equal(t, freeRepeats, spent, "a quiet day buys no storm")
}

func TestTheLogNamesRepeatsAndEndsAndNoURL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []*Fault{{Broken: true, Err: errors.New("ann@example.com")}, {Broken: true, Err: &stall{"answer", time.Minute}},
			{Status: 503, Message: "ann@example.com", Body: []byte("ann@example.com"), RequestID: "r1", Err: errors.New("ann@example.com")}, nil}}
		_, err := s.do(t.Context(), &Call{Op: "get profile", Template: "/profile/{key}", Repeatable: true})
		require.NoError(t, err)
		log := s.log.String()
		assert.Contains(t, log, `level=WARN msg="actito: call is repeated" op="get profile" method=GET path=/profile/{key} cause=connection status=0`)
		assert.Contains(t, log, `cause="no answer within 1m0s"`)
		assert.Contains(t, log, `status=503 request_id=r1 attempts=3`)
		assert.Contains(t, log, `level=DEBUG msg="actito: call ended" op="get profile" method=GET path=/profile/{key} attempts=4`)
		assert.NotContains(t, log, "example.com")
		assert.NotContains(t, log, "secret")
	})
}
