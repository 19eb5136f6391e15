package actito

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLifeOfATokenIsRead(t *testing.T) {
	t.Parallel()
	const fallback = 15 * time.Minute
	for name, tt := range map[string]struct {
		raw  string
		want time.Duration
	}{
		"as documented":             {`"900s"`, 900 * time.Second},
		"with another unit":         {`"15m"`, 15 * time.Minute},
		"as a number":               {`900`, 900 * time.Second},
		"as a number in quotes":     {`"700"`, 700 * time.Second},
		"as a fraction":             {`0.5`, 500 * time.Millisecond},
		"when it is absent":         {``, fallback},
		"when it is null":           {`null`, fallback},
		"when it is empty":          {`""`, fallback},
		"when it is a word":         {`"soon"`, fallback},
		"when it is negative":       {`"-900s"`, fallback},
		"when it is a negative":     {`-900`, fallback},
		"when it is zero":           {`0`, fallback},
		"when it is zero seconds":   {`"0s"`, fallback},
		"when it is absurd":         {`1e300`, fallback},
		"when it is an object":      {`{"seconds":900}`, fallback},
		"when it is not a number":   {`"NaN"`, fallback},
		"when it is true":           {`true`, fallback},
		"when it is a list of that": {`[900]`, fallback},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, expiresIn(json.RawMessage(tt.raw)))
		})
	}
}

func FuzzExpiresIn(f *testing.F) {
	for _, seed := range []string{`"900s"`, `900`, `"900"`, ``, `null`, `1e18`, `"2562047h47m16.854775807s"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		d := expiresIn(json.RawMessage(raw))
		if d <= 0 {
			t.Fatalf("a life of %s", d)
		}
		if now := time.Now(); !now.Add(d).After(now) {
			t.Fatalf("a life of %s ends before it began", d)
		}
	})
}

func TestKeysAndTokensPrintAsRedacted(t *testing.T) {
	t.Parallel()
	const value = "eyJhbGciOi"
	location := Location{ID: "42", Password: value, Extra: map[string]json.RawMessage{"privateKey": json.RawMessage(`"` + value + `"`)}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", slog.Any("location", location),
		slog.Any("locations", []*Location{&location}))
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", slog.Any("token", Token{AccessToken: value}), slog.Any("to", &Token{AccessToken: value}), slog.Any("key", Secret(value)),
		slog.Any("location", location),
		slog.Any("locations", []*Location{&location}))
	assert.NotContains(t, log.String(), value)
	for _, v := range []any{Token{AccessToken: value}, &Token{AccessToken: value}, []Token{{AccessToken: value}}, Secret(value), []Secret{value},
		location, &location, []Location{location}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			assert.NotContains(t, text, value, verb)
			assert.NotContains(t, text, fmt.Sprintf("%x", value), verb)
			assert.Contains(t, text, redacted, verb)
		}
	}
}

func TestOnlyTheCurrentTokenIsDropped(t *testing.T) {
	t.Parallel()
	cache := newTokenCache(nil, slog.New(slog.DiscardHandler), nil)
	cache.token = Token{AccessToken: "new", Expiry: time.Now().Add(time.Hour)}
	cache.refreshAt = cache.token.Expiry
	cache.Invalidate("old") // refused after it was replaced
	token, err := cache.Token(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, "new", token)
}

// patientSource gives a token once its caller is in a hurry.
type patientSource struct{}

func (patientSource) Token(ctx context.Context) (Token, error) {
	<-ctx.Value(early{}).(context.Context).Done()
	return Token{AccessToken: "new"}, ctx.Err()
}

func TestAnEarlyTokenIsInAHurryOnceSomebodyWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := newTokenCache(patientSource{}, slog.New(slog.DiscardHandler), nil)
		defer cache.close()
		cache.token = Token{AccessToken: "old", Expiry: time.Now().Add(time.Hour)}
		cache.refreshAt = time.Now()
		began := time.Now()
		token, err := cache.Token(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, "old", token, "it is good, and its successor is on the way")
		cache.Invalidate("old")
		token, err = cache.Token(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, "new", token)
		require.Zero(t, time.Since(began))
	})
}

func TestATokenThatSomebodyWaitsForDoesNotWaitForItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{Concurrent: 1})
		defer mustStart(t, p, Work{})()
		unhurried, hurry := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, hurry)
		began := time.Now()
		tokenTurn(context.WithValue(t.Context(), early{}, unhurried), p)()
		require.Equal(t, 3*time.Second, time.Since(began))
		tokenTurn(t.Context(), p)()
		require.Equal(t, 3*time.Second, time.Since(began), "nor one that is not early")
	})
}

// countedSource gives tokens that are good for 15 minutes: "1", "2" and so on.
type countedSource struct {
	n   int
	err error
}

func (s *countedSource) Token(context.Context) (Token, error) {
	if s.err != nil {
		return Token{}, s.err
	}
	s.n++
	return Token{AccessToken: fmt.Sprint(s.n), Expiry: time.Now().Add(15 * time.Minute)}, nil
}

func TestWhoNeedsATokenForLongWaitsForANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := new(countedSource)
		cache := newTokenCache(source, slog.New(slog.DiscardHandler), nil)
		defer cache.close()
		get := func(left time.Duration) string {
			token, err := cache.Token(t.Context(), left)
			require.NoError(t, err)
			return token
		}
		require.Equal(t, "1", get(10*time.Minute))
		time.Sleep(5 * time.Minute)
		require.Equal(t, "1", get(10*time.Minute), "it is good for ten minutes more")
		time.Sleep(time.Second)
		require.Equal(t, "1", get(0))
		require.Equal(t, "2", get(10*time.Minute))
		require.Equal(t, "2", get(0), "it serves all")

		require.Equal(t, "3", get(time.Hour), "the best that can be had")
		time.Sleep(6 * time.Minute)
		source.err = errNoToken
		require.Equal(t, "3", get(10*time.Minute), "none can be had, and this one is still good")
		require.Equal(t, "3", get(10*time.Minute), "nor is the source asked again at once")
	})
}
