package actito_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestAnErrorAsJSONHoldsNoBodyOrRawMessage(t *testing.T) {
	t.Parallel()
	const secret = "ann@example.com"
	e := &actito.APIError{Op: "get profile", Status: 400, Message: "no " + secret, Body: []byte(secret)}
	for name, v := range map[string]any{
		"pointer": e, "value": *e, "unknown outcome": &actito.OutcomeUnknownError{Err: e}, "quota": &actito.QuotaError{Err: e},
	} {
		got, err := json.Marshal(v)
		require.NoError(t, err, name)
		require.NotContains(t, string(got), secret, name)
		require.NotContains(t, string(got), "Body", name)
		require.Contains(t, string(got), "get profile", name)
		require.NotContains(t, fmt.Sprintf("%#v", e), secret)
	}
}

func TestANumberThatDoesNotFitIsNotShown(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"n":4711.5}`, `{"n":1e400}`} {
		client := offline(t, actito.WithHTTPClient(&http.Client{Transport: fixed(body)}))
		var out struct {
			N int `json:"n"`
		}
		err := client.Do(t.Context(), actito.RawCall{Method: http.MethodGet, Path: "/x/v1/y"}, &out)
		require.ErrorContains(t, err, "another shape")
		require.NotContains(t, err.Error(), "4711")
		require.NotContains(t, err.Error(), "1e400")
	}
}

// fixed answers every request.
type fixed string

func (f fixed) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/auth/token" {
		return response(req, http.StatusOK, "", `{"accessToken":"T"}`), nil
	}
	return response(req, http.StatusOK, "", string(f)), nil
}
