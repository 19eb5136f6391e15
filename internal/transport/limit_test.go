package transport

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATurnEndsWithItsAttempt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer  Answer
		fails   bool
		atClose bool
	}{
		"when the answer was read":          {answer: JSON},
		"when the attempt failed":           {answer: JSON, fails: true},
		"when a download failed":            {answer: Stream, fails: true},
		"when a download's body was closed": {answer: Stream, atClose: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &Call{Answer: tt.answer}
			held := 0
			link := &limit{
				acquire: func(_ context.Context, asked *Call) (func(), error) {
					assert.Same(t, c, asked)
					held++
					return func() { held-- }, nil
				},
				next: inner(func(*http.Request) (*http.Response, error) {
					assert.Equal(t, 1, held)
					if tt.fails {
						return nil, errReset
					}
					resp, _ := answering(200, "{}")
					return resp, nil
				}),
			}
			resp, err := link.RoundTrip(requestFor(t, c))
			if tt.fails {
				require.ErrorIs(t, err, errReset)
			} else {
				require.NoError(t, err)
			}
			if tt.atClose {
				assert.Equal(t, 1, held)
				require.NoError(t, resp.Body.Close())
			}
			assert.Zero(t, held)
		})
	}
}

func TestACallThatGetsNoTurnIsNotSent(t *testing.T) {
	t.Parallel()
	busy := errors.New("busy")
	body := &watchedBody{}
	link := &limit{
		acquire: func(context.Context, *Call) (func(), error) { return nil, busy },
		next:    inner(func(*http.Request) (*http.Response, error) { t.Error("sent"); return nil, busy }),
	}
	req := requestFor(t, &Call{})
	req.Body = body
	_, err := link.RoundTrip(req)
	f := faultFrom(t, err)
	require.ErrorIs(t, f, busy)
	assert.True(t, f.Local)
	assert.True(t, f.Undone)
	assert.True(t, body.closed)
}

func TestACallThatGetsNoTurnFailsWithTheLimitersOwnError(t *testing.T) {
	t.Parallel()
	busy := errors.New("busy")
	_, err := newChain(nil, func(c *Config) {
		c.Acquire = func(context.Context, *Call) (func(), error) { return nil, busy }
	}).Do(t.Context(), &Call{Method: http.MethodGet, URL: "https://api.actito.test/x"})
	assert.Equal(t, busy, err)
}

func countPaced(n *int) func(*Config) {
	return func(c *Config) {
		c.Acquire = func(context.Context, *Call) (func(), error) { *n++; return func() {}, nil }
	}
}
