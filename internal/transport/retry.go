package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Policy says how often and when calls are repeated.
type Policy struct {
	Tries         int           // the first one included
	StartTries    int           // the same for starts of imports
	StartWithin   time.Duration // and no repeated start later than that after the first one's end
	StartWait     time.Duration // before repeat n of a start answered 429: n times this, less up to a tenth
	MinWait       time.Duration // waits are drawn from 0 to MinWait·2ⁿ
	MaxWait       time.Duration // and never from more than this
	MaxRetryAfter time.Duration // a server that asks for more ends the call
	Budget        float64       // share of the calls that repeats may add
}

// retry is the outermost link. It decides on the typed fault of each attempt.
type retry struct {
	client *http.Client
	tokens Tokens
	policy Policy
	log    *slog.Logger
	budget *budget
}

func (r *retry) do(ctx context.Context, req *retryablehttp.Request, c *Call) (*http.Response, error) {
	t := &tries{retry: r, call: c, began: time.Now()}
	r.budget.earn()
	client := &retryablehttp.Client{
		HTTPClient:   r.client,
		RetryMax:     math.MaxInt32, // check decides
		CheckRetry:   t.check,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return t.wait },
		ErrorHandler: func(_ *http.Response, err error, _ int) (*http.Response, error) { return nil, err },
	}
	resp, err := client.Do(req)
	if err != nil {
		resp, err = t.end(ctx, err)
	}
	if r.log.Enabled(ctx, slog.LevelDebug) {
		var f *Fault
		errors.As(err, &f)
		attrs := append(t.attrs(f), slog.Int("attempts", t.call.Attempts()), slog.Duration("duration", time.Since(t.began)))
		if resp != nil {
			attrs = append(attrs, slog.Int("status", resp.StatusCode))
		}
		r.log.LogAttrs(ctx, slog.LevelDebug, "actito: call ended", attrs...)
	}
	return resp, err
}

// tries is what is known of one call across its attempts.
type tries struct {
	*retry
	call      *Call
	began     time.Time
	ended     time.Time     // when the first attempt did
	renewed   bool          // a refused token was replaced
	maybeDone bool          // an earlier attempt may have reached the server
	last      *Fault        // of the latest attempt that the server or the network ended
	wait      time.Duration // before the next attempt
}

// check is asked after each attempt whether there will be another.
func (t *tries) check(ctx context.Context, resp *http.Response, err error) (bool, error) {
	atomic.AddInt32(&t.call.made, 1)
	if err == nil && resp.StatusCode >= 300 { // http.Client saw no way to follow it
		err = unfollowed(t.call, resp)
	}
	if err == nil {
		return false, nil
	}
	f := faultOf(err, t.call)
	if f.Local {
		atomic.AddInt32(&t.call.made, -1)
	} else if t.ended.IsZero() {
		t.ended = time.Now()
	}
	if !t.again(ctx, f) {
		return false, f
	}
	t.last = f
	t.maybeDone = t.maybeDone || !f.Refused()
	t.log.LogAttrs(ctx, slog.LevelWarn, "actito: call is repeated", append(t.attrs(f),
		slog.Int("attempts", t.call.Attempts()), slog.Duration("wait", t.wait))...)
	return true, f
}

func (t *tries) again(ctx context.Context, f *Fault) bool {
	if err := ctx.Err(); err != nil {
		if f.transient() {
			f.Err = because(err, f.Err)
		}
		return false
	}
	if f.Status == http.StatusUnauthorized && f.Call == t.call && !t.renewed {
		t.renewed = true
		t.tokens.Invalidate(t.call.token)
		t.wait = 0
		return true
	}
	if t.call.Single || !f.transient() || !t.call.Repeatable && !f.Undone {
		return false
	}
	n, most := t.call.Attempts(), t.policy.Tries
	if t.renewed {
		n--
	}
	if t.call.Start {
		most = t.policy.StartTries
	}
	if n >= most || f.RetryAfter > t.policy.MaxRetryAfter {
		return false
	}
	ceiling := t.policy.MaxWait
	if n < 63 && t.policy.MinWait <= ceiling>>(n-1) {
		ceiling = t.policy.MinWait << (n - 1)
	}
	t.wait = rand.N(ceiling) //nolint:gosec // jitter
	if t.call.Start && f.Status == http.StatusTooManyRequests {
		longest := time.Duration(n) * t.policy.StartWait
		t.wait = longest - rand.N(longest/10+1) //nolint:gosec // jitter
	}
	t.wait = max(t.wait, f.RetryAfter)
	if f.Call != t.call {
		t.wait = max(t.wait, TokenPause) // a sooner attempt would meet the same failure
	}
	next := time.Now().Add(t.wait)
	if t.call.Start && next.Sub(t.ended) > t.policy.StartWithin {
		return false
	}
	if deadline, ok := ctx.Deadline(); ok && !next.Before(deadline) {
		f.Err = because(errTooLate, f.Err)
		return false
	}
	return t.call.Start || t.budget.spend() // starts are few, and a last 429 must tell which limit it is about
}

var errTooLate = fmt.Errorf("the next attempt would come too late: %w", context.DeadlineExceeded)

// because adds why a call ended to what went wrong before.
func because(why, before error) error {
	switch {
	case before == nil:
		return why
	case errors.Is(before, why):
		return before
	}
	return fmt.Errorf("%w, after: %w", why, before)
}

// end makes the call's error out of its last attempt's and what was known before.
func (t *tries) end(ctx context.Context, err error) (*http.Response, error) {
	var f *Fault
	if !errors.As(err, &f) { // cancelled between two attempts
		f = &Fault{Call: t.call, Local: true, Undone: true, Err: err}
	}
	undone := f.Refused() && !t.maybeDone
	switch {
	case f.Status == http.StatusNotFound && t.call.Method == http.MethodDelete && t.maybeDone:
		return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody}, nil
	case t.last == nil && f.Local:
		return nil, f.Err
	case t.last != nil && (f.Local || ctx.Err() != nil && errors.Is(f.Err, ctx.Err()) && f.Status == 0):
		merged := *t.last
		merged.Err = because(f.Err, t.last.Err)
		f = &merged
	}
	f.Attempts, f.Undone = t.call.Attempts(), undone
	return nil, f
}

// attrs lists what a log may hold; the cause is named by kind, since an error's text may come from anywhere.
func (t *tries) attrs(f *Fault) []slog.Attr {
	attrs := []slog.Attr{slog.String("op", t.call.Op), slog.String("method", t.call.Method), slog.String("path", t.call.Template)}
	if f == nil {
		return attrs
	}
	var s *stall
	switch {
	case errors.As(f.Err, &s):
		attrs = append(attrs, slog.String("cause", s.Error()))
	case f.Broken:
		attrs = append(attrs, slog.String("cause", "connection"))
	}
	return append(attrs, slog.Int("status", f.Status), slog.String("request_id", f.RequestID))
}

// budget keeps repeats to a share of the calls, after a first few that are free.
type budget struct {
	mu          sync.Mutex
	share, left float64
}

const freeRepeats = 10

func newBudget(share float64) *budget { return &budget{share: share, left: freeRepeats} }

func (b *budget) earn() {
	b.mu.Lock()
	b.left = min(b.left+b.share, freeRepeats)
	b.mu.Unlock()
}

func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
