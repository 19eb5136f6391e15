package actito_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestKeysThatCannotBeSentAreRefusedByNew(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"because of a line end":          "abc\n",
		"because of a line end of DOS":   "abc\r\n",
		"because of a space":             "a c",
		"because of a tab":               "\tabc",
		"because of a NUL":               "abc\x00",
		"because of a letter not ASCII":  "abcé",
		"because of a byte-order mark":   "\ufeffabc",
		"because there is nothing in it": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := actito.New(key, "MyEntity", actito.WithEnvironment(actito.Env0))
			require.ErrorContains(t, err, "the API key")
			assert.NotContains(t, err.Error(), "abc")
			_, err = actito.DiscoverEnvironment(t.Context(), key)
			require.ErrorContains(t, err, "the API key")
		})
	}
}

func TestDiscoverEnvironment(t *testing.T) {
	t.Parallel()
	const token = `{"accessToken":"T","expiresIn":"900s"}`
	refuses := httpmock.NewStringResponder(401, `{"status":401,"message":"no"}`)
	knows := httpmock.NewStringResponder(200, token)
	down := httpmock.NewErrorResponder(errors.New("connection refused"))
	breaks := httpmock.NewStringResponder(500, "")
	for name, tt := range map[string]struct {
		env0, env1, env3 httpmock.Responder
		want             actito.Environment
		asked            int
		is, isNot        []error
	}{
		"finds the first":                         {env0: knows, env1: knows, env3: knows, want: actito.Env0, asked: 1},
		"finds the second":                        {env0: refuses, env1: knows, env3: knows, want: actito.Env1, asked: 2},
		"finds the third":                         {env0: refuses, env1: refuses, env3: knows, want: actito.Env3, asked: 3},
		"goes on where a host is down":            {env0: down, env1: breaks, env3: knows, want: actito.Env3, asked: 3},
		"says so where all refuse":                {env0: refuses, env1: refuses, env3: refuses, asked: 3, is: []error{actito.ErrUnauthorized}},
		"does not doubt what a failed token did":  {env0: refuses, env1: breaks, env3: down, asked: 3, is: []error{actito.ErrUnauthorized}, isNot: []error{actito.ErrOutcomeUnknown}},
		"takes no answer without token for a yes": {env0: httpmock.NewStringResponder(200, "{}"), env1: refuses, env3: refuses, asked: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mock := httpmock.NewMockTransport()
			mock.RegisterResponder("GET", "https://api.actito.com/auth/token", tt.env0)
			mock.RegisterResponder("GET", "https://api1.actito.com/auth/token", tt.env1)
			mock.RegisterResponder("GET", "https://api3.actito.com/auth/token", tt.env3)
			env, err := actito.DiscoverEnvironment(t.Context(), "THEKEY", actito.WithHTTPClient(&http.Client{Transport: mock}))
			assert.Equal(t, tt.want, env)
			assert.Equal(t, tt.asked, mock.GetTotalCallCount())
			if tt.want != "" {
				require.NoError(t, err)
				return
			}
			for _, name := range []string{"ENV-0", "ENV-1", "ENV-3"} {
				require.ErrorContains(t, err, name)
			}
			for _, is := range tt.is {
				require.ErrorIs(t, err, is)
			}
			for _, isNot := range tt.isNot {
				require.NotErrorIs(t, err, isNot)
			}
			assert.NotContains(t, err.Error(), "THEKEY")
		})
	}
}

func TestDiscoverEnvironmentEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(func(req *http.Request) (*http.Response, error) {
		cancel()
		<-req.Context().Done()
		return nil, req.Context().Err()
	})
	_, err := actito.DiscoverEnvironment(ctx, "K", actito.WithHTTPClient(&http.Client{Transport: mock}))
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, mock.GetTotalCallCount())
}
