package actito

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/actito-go/actito/internal/transport"
)

const (
	opToken   = "get token"
	pathToken = "/auth/token"

	tokenLife    = 15 * time.Minute // documented
	fetchTimeout = 30 * time.Second
	// A refused key is not tried again sooner. Actito may block whoever insists, and no other key is known.
	refusedPause = 30 * time.Second
)

// TokenSource obtains access tokens, in place of the API key given to [New]. The client keeps a token for 80 % of
// its life, asks once for any number of goroutines, and asks again after the server refused a token.
type TokenSource interface {
	Token(ctx context.Context) (Token, error)
}

// Token is an access token. It prints as REDACTED.
type Token struct {
	AccessToken string
	Expiry      time.Time // zero: 15 minutes from when it was obtained
}

const redacted = "REDACTED"

// Format writes REDACTED, whatever the verb.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is REDACTED.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// Secret is an API key or a password. It prints as REDACTED, and is encoded so in JSON.
type Secret string

// Format writes REDACTED, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is REDACTED.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes REDACTED: what is sent is encoded elsewhere.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// keySource exchanges an API key for tokens.
type keySource struct {
	key  func(context.Context) (string, error)
	base string
	call func(context.Context, *transport.Call) (*http.Response, error)
	head http.Header
}

func (k *keySource) Token(ctx context.Context) (Token, error) {
	key, err := k.key(ctx)
	if err == nil {
		err = checkKey(key)
	}
	if err != nil {
		return Token{}, err
	}
	head := k.head.Clone()
	head.Set("Authorization", key) // no scheme word: documented
	asked := time.Now()
	c := &transport.Call{Op: opToken, Method: http.MethodGet, Template: pathToken, URL: k.base + pathToken, Header: head}
	resp, err := k.call(ctx, c) //nolint:bodyclose // the chain has read and closed it
	if err != nil {
		return Token{}, err
	}
	var answer struct {
		AccessToken string          `json:"accessToken"`
		ExpiresIn   json.RawMessage `json:"expiresIn"`
	}
	if err := json.Unmarshal(c.Result(), &answer); err != nil || answer.AccessToken == "" {
		// The body is kept out of the error: it may hold a token under another name.
		return Token{}, &transport.Fault{Call: c, Status: resp.StatusCode, Err: errNoToken}
	}
	return Token{AccessToken: answer.AccessToken, Expiry: asked.Add(expiresIn(answer.ExpiresIn))}, nil
}

var (
	errNoToken       = errors.New("the answer has no accessToken")
	errNoTokenInTime = errors.New("no token within " + fetchTimeout.String())
)

// licenceOf reads the licence's id from an access token; "" if it names none. The claim is documented by a sample.
func licenceOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return ""
	}
	var claims struct {
		Licence text `json:"licenceId"`
	}
	_ = json.Unmarshal(payload, &claims) // what is no JSON names none
	return string(claims.Licence)
}

// licence is what the client's budgets are kept under, with a slash.
func (c *core) licence(ctx context.Context) (string, error) {
	if known := c.quota.licence.Load(); known != nil {
		return *known, nil
	}
	token, err := c.tokens.Token(ctx, 0)
	if err != nil {
		return "", tokenFailed(err)
	}
	id := licenceOf(token)
	if id == "" && !c.quota.inMemory() {
		return "", &ValidationError{Column: "Quota.Licence", Rule: "no-licence",
			Detail: "the access token does not name the licence, under which a shared store keeps its books: give it a name"}
	}
	prefix := strings.ReplaceAll(id, "/", "_") + "/"
	c.quota.licence.Store(&prefix)
	return prefix, nil
}

// tokenFailed makes this package's error of what a token cache failed with; nil if it did not.
func tokenFailed(err error) error {
	if err == nil {
		return nil
	}
	r := request{op: opToken, method: http.MethodGet, repeatable: true}
	return r.failed(&transport.Call{Template: pathToken}, err)
}

// expiresIn reads "900s", "900" or 900; anything else is the documented life.
func expiresIn(raw json.RawMessage) time.Duration {
	s := strings.Trim(string(raw), `"`)
	d, err := time.ParseDuration(s)
	if err != nil {
		n, _ := strconv.ParseFloat(s, 64)
		if !(n > 0 && n < math.MaxInt32) {
			return tokenLife
		}
		d = time.Duration(n * float64(time.Second))
	}
	if d <= 0 {
		return tokenLife
	}
	return d
}

func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("actito: the API key is empty")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return errors.New("actito: the API key holds white space or other characters that no key has: was a line read with its end?")
	}
	return nil
}

// tokenCache shares the tokens of a source among all calls of a client.
type tokenCache struct {
	source TokenSource
	life   context.Context //nolint:containedctx // the client's; a refresh ends with it
	end    context.CancelFunc
	log    *slog.Logger
	hooks  hooks
	work   sync.WaitGroup // the refresh that is under way

	mu        sync.Mutex
	token     Token
	refreshAt time.Time
	fetch     *fetch // under way
	failed    error  // of the latest fetch
	notBefore time.Time
}

// fetch is one request for a token, with everybody who waits for it.
type fetch struct {
	done  chan struct{}
	hurry context.CancelFunc // somebody waits for it
	token Token
	err   error
}

func newTokenCache(source TokenSource, log *slog.Logger, hooks hooks) *tokenCache {
	t := &tokenCache{source: source, log: log, hooks: hooks}
	t.life, t.end = context.WithCancel(context.Background())
	return t
}

// Token returns the current token, or waits for a new one under ctx. From 80 % of its life on, a token is refreshed
// in the background while it still serves. Who needs one that is good for longer than the current one waits for a new
// one, and gets the current one if none can be had.
func (t *tokenCache) Token(ctx context.Context, left time.Duration) (string, error) {
	t.mu.Lock()
	now := time.Now()
	valid := t.token.AccessToken != "" && now.Before(t.token.Expiry)
	lasts := valid && !now.Add(left).After(t.token.Expiry)
	if lasts && now.Before(t.refreshAt) {
		defer t.mu.Unlock()
		return t.token.AccessToken, nil
	}
	if t.fetch == nil && t.life.Err() == nil && !now.Before(t.notBefore) {
		t.start(valid)
	}
	f, failed := t.fetch, t.failed
	token := t.token.AccessToken
	t.mu.Unlock()

	if lasts || valid && f == nil {
		return token, nil
	}
	if f == nil {
		if t.life.Err() != nil {
			return "", errClosed
		}
		return "", failed
	}
	f.hurry()
	select {
	case <-f.done:
		if f.err != nil && valid {
			return token, nil
		}
		return f.token.AccessToken, f.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

var errClosed = errors.New("actito: the client is closed")

// early finds, in the context of a fetch for which nobody waits, since the old token is still good, the context that ends
// when somebody does.
type early struct{}

// start fetches under the client's life, not under the caller's context: others wait for it too.
func (t *tokenCache) start(isEarly bool) {
	unhurried, hurry := context.WithCancel(t.life)
	f := &fetch{done: make(chan struct{}), hurry: hurry}
	t.fetch = f
	t.work.Go(func() {
		defer hurry()
		ctx, cancel := context.WithTimeout(t.life, fetchTimeout)
		defer cancel()
		if isEarly {
			ctx = context.WithValue(ctx, early{}, unhurried)
		}
		asked := time.Now()
		f.token, f.err = t.ask(ctx)
		switch {
		case f.err == nil && f.token.AccessToken == "":
			f.err = errNoToken
		case f.err == nil:
		case t.life.Err() != nil: // the contexts that ended are nobody's who waits
			f.err = errClosed
		case time.Since(asked) >= fetchTimeout:
			f.err = errNoTokenInTime
		}
		t.settle(f, asked)
		t.hooks.token(ctx, TokenResult{Duration: time.Since(asked), Err: tokenFailed(f.err)})
		close(f.done)
	})
}

// ask asks the source. A panic of a user's function must not end the process from a goroutine that the user cannot
// see; its value may hold a key.
func (t *tokenCache) ask(ctx context.Context) (token Token, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the source of tokens or keys panicked")
		}
	}()
	return t.source.Token(ctx)
}

func (t *tokenCache) settle(f *fetch, asked time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetch = nil
	if f.err == nil {
		if f.token.Expiry.IsZero() {
			f.token.Expiry = asked.Add(tokenLife)
		}
		t.token, t.failed = f.token, nil
		t.refreshAt = asked.Add(f.token.Expiry.Sub(asked) / 10 * 8)
		return
	}
	pause, refused := transport.TokenPause, false
	var fault *transport.Fault
	if errors.As(f.err, &fault) {
		refused = fault.Status == http.StatusUnauthorized || fault.Status == http.StatusForbidden
		pause = max(pause, min(fault.RetryAfter, refusedPause))
	}
	if refused {
		pause = refusedPause
	}
	t.failed, t.notBefore = f.err, time.Now().Add(pause)
	t.log.Warn("actito: no token", slog.Bool("refused", refused), slog.Duration("wait", pause))
}

// Invalidate drops the token unless it was replaced meanwhile.
func (t *tokenCache) Invalidate(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token.AccessToken == token {
		t.token = Token{}
	}
}

func (t *tokenCache) close() {
	t.mu.Lock() // start has begun its work, or will not
	t.end()
	t.mu.Unlock()
	t.work.Wait()
}
