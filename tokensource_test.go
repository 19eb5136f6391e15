package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

type tokenSource func(context.Context) (actito.Token, error)

func (f tokenSource) Token(ctx context.Context) (actito.Token, error) { return f(ctx) }

// tokenOf fetches a token as a user's own source would.
func tokenOf(server *actitotest.Server) (string, error) {
	req, err := http.NewRequest(http.MethodGet, server.URL+"/auth/token", nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", server.APIKey)
	resp, err := (&http.Client{Transport: server.Transport()}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"accessToken"`
	}
	return answer.AccessToken, json.Unmarshal(body, &answer)
}

func TestTokensMayComeFromElsewhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		life time.Duration // 0: not told
		next time.Duration // when another one is asked for
	}{
		"and last as long as they say":      {time.Hour, 48 * time.Minute},
		"and last 15 minutes if they don't": {0, 12 * time.Minute},
		"and may last for a century":        {100 * 365 * 24 * time.Hour, 80 * 365 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newUnlimitedShop(t)
				asked := 0
				client, err := actito.New("", "MyEntity", actito.WithBaseURL(server.URL), through(server),
					actito.WithTokenSource(tokenSource(func(context.Context) (actito.Token, error) {
						asked++
						value, err := tokenOf(server)
						token := actito.Token{AccessToken: value}
						if tt.life > 0 {
							token.Expiry = time.Now().Add(tt.life)
						}
						return token, err
					})))
				require.NoError(t, err)
				defer client.Close()
				get := getAnn(t, client)
				require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
				require.Equal(t, 1, asked)
				server.RevokeTokens()
				require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
				require.Equal(t, 2, asked, "a refused token is asked for again")
				server.Fail(actitotest.OpProfileGet, actitotest.Times(2, actitotest.Status(404)))
				time.Sleep(tt.next - 1)
				require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
				require.Equal(t, 2, asked)
				time.Sleep(time.Nanosecond)
				require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
				synctest.Wait()
				require.Equal(t, 3, asked)
			})
		})
	}
}

func TestATokenSourceThatFails(t *testing.T) {
	t.Parallel()
	own := errors.New("no route to the vault")
	for name, tt := range map[string]struct {
		source tokenSource
		want   error
		text   string
		after  time.Duration
	}{
		"is told by its own error":        {func(context.Context) (actito.Token, error) { return actito.Token{}, own }, own, "no route", 0},
		"by returning nothing is noticed": {func(context.Context) (actito.Token, error) { return actito.Token{}, nil }, nil, "no accessToken", 0},
		"by hanging is left after 30 s":   {func(ctx context.Context) (actito.Token, error) { <-ctx.Done(); return actito.Token{}, ctx.Err() }, nil, "no token within 30s", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newUnlimitedShop(t)
				client, err := actito.New("", "MyEntity", actito.WithBaseURL(server.URL), through(server), actito.WithTokenSource(tt.source))
				require.NoError(t, err)
				defer client.Close()
				began := time.Now()
				err = getAnn(t, client)(t.Context())
				require.ErrorContains(t, err, tt.text)
				if tt.want != nil {
					require.ErrorIs(t, err, tt.want)
				}
				require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller set no deadline")
				require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
				assert.Equal(t, tt.after, time.Since(began))
				assert.Empty(t, server.Requests())
			})
		})
	}
}
