package actito_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

const rawProfiles = "/profiles/v5/entities/{entity}/profile-tables/{table}/profiles"

func TestRawCallsGoTheWayOfAllOthers(t *testing.T) {
	t.Parallel()
	server := newKeyed(t)
	server.Assume(actitotest.IDInBody)
	client := newClient(t, server)
	ctx, table := t.Context(), map[string]string{"table": "Customers"}

	body := map[string]any{"key": map[string]any{"emailAddress": "a/b+c"}, "attributes": map[string]any{"firstName": "Ann"}}
	var made struct {
		ID string `json:"profileId"`
	}
	require.NoError(t, client.Do(ctx, actito.RawCall{Method: http.MethodPut, Path: rawProfiles, Params: table, Body: body}, &made))
	require.NotEmpty(t, made.ID)
	var list struct {
		Profiles []map[string]any `json:"profiles"`
	}
	require.NoError(t, client.Do(ctx, actito.RawCall{Path: rawProfiles, Params: table, Query: url.Values{"a b": {"c&d", "+"}}}, &list))
	require.Len(t, list.Profiles, 1)
	seen := server.Requests(actitotest.OpProfileList)[0]
	require.Equal(t, http.MethodGet, seen.Method)
	require.Equal(t, url.Values{"a b": {"c&d", "+"}}, seen.Query)
	require.Equal(t, "MyEntity", seen.Params["entity"])

	one := map[string]string{"table": "Customers", "key": "emailAddress=a/b+c"}
	require.NoError(t, client.Do(ctx, actito.RawCall{Method: http.MethodPatch, Path: rawProfiles + "/{key}", Params: one,
		Body: json.RawMessage(`{"attributes":{"firstName":null}}`)}, nil))
	stored, _ := server.Profile("Customers", "emailAddress", "a/b+c")
	require.NotContains(t, stored.Attributes, "firstName")
	require.NoError(t, client.Do(ctx, actito.RawCall{Method: http.MethodDelete, Path: rawProfiles + "/{key}", Params: one}, nil))
	require.Empty(t, server.Profiles("Customers"))

	// The entity may stand anywhere, and a path without category keeps its form.
	bare := newClient(t, server, actito.WithUnprefixedPaths())
	require.NoError(t, bare.Do(ctx, actito.RawCall{Path: rawProfiles, Params: table}, &list))
	require.NoError(t, bare.Do(ctx, actito.RawCall{Path: strings.TrimPrefix(rawProfiles, "/profiles"), Params: table}, &list))
	for _, r := range server.Requests(actitotest.OpProfileList)[1:] {
		require.True(t, strings.HasPrefix(r.Path, "/v5/"))
	}
	require.ErrorIs(t, client.Do(ctx, actito.RawCall{Path: "/entities/v5/entities/{entity}"}, nil), actito.ErrNotFound)
	all := server.Requests()
	require.Equal(t, "/entities/v5/entities/MyEntity", all[len(all)-1].Path)
}

func TestRawCallsThatFail(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var out struct{ ID int }
	get := actito.RawCall{Path: "/x/v9/{name}", Params: map[string]string{"name": "secret-1"}, Query: url.Values{"q": {"secret-2"}}}

	var failed *actito.APIError
	err := answering(t, http.StatusBadRequest, "", `{"status":400,"message":"no secret-1 or secret-2 here"}`).Do(ctx, get, &out)
	require.ErrorAs(t, err, &failed)
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.Equal(t, "raw call", failed.Op)
	require.Equal(t, "/x/v9/{name}", failed.PathTemplate)
	require.Equal(t, "no secret-1 or secret-2 here", failed.Message)
	require.NotContains(t, err.Error(), "secret")

	err = answering(t, http.StatusOK, "", `{"ID":"seven"}`).Do(ctx, get, &out)
	require.ErrorContains(t, err, "another shape than expected")
	require.ErrorContains(t, answering(t, http.StatusOK, "", "<html>").Do(ctx, get, &out), "not JSON")
	require.Error(t, answering(t, http.StatusNoContent, "", "").Do(ctx, get, &out), "a read without an answer")
	post := actito.RawCall{Method: http.MethodPost, Path: "/x"}
	require.NoError(t, answering(t, http.StatusNoContent, "", "").Do(ctx, post, &out))
	require.NoError(t, answering(t, http.StatusOK, "", "deleted").Do(ctx, actito.RawCall{Method: http.MethodDelete, Path: "/x"}, nil))

	var sent http.Header
	client := answering(t, http.StatusOK, "", "{}", actito.WithHooks(actito.Hooks{Transport: func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) { sent = req.Header; return next.RoundTrip(req) })
	}}))
	require.NoError(t, client.Do(ctx, actito.RawCall{Method: http.MethodDelete, Path: "/x", Body: []int{7}}, nil))
	require.Equal(t, "application/json", sent.Get("Content-Type"))

	var refused *actito.ValidationError
	require.ErrorAs(t, answering(t, http.StatusOK, "", "{}").Do(ctx, actito.RawCall{Path: "/x", Body: func() {}}, nil), &refused)
	require.Equal(t, "Body", refused.Column)
	require.ErrorAs(t, answering(t, http.StatusOK, "", "{}").Do(ctx, actito.RawCall{Path: "/x", Body: json.RawMessage("{")}, nil), &refused)
}

func TestRawCallsAreRepeatedWhereThatIsSafe(t *testing.T) {
	t.Parallel()
	for method, repeatable := range map[string]bool{"GET": true, "PUT": true, "DELETE": true, "POST": false, "PATCH": false} {
		for _, allowed := range []bool{false, true} {
			t.Run(fmt.Sprint(method, allowed), func(t *testing.T) {
				inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
					server.Fail(actitotest.AnyOp, actitotest.Pass(), actitotest.LoseAnswer())
					call := actito.RawCall{Method: method, Path: rawProfiles + "/{key}", Params: map[string]string{"table": "16", "key": "7"}, Repeatable: allowed}
					if method == http.MethodPost {
						call.Path, call.Params = rawProfiles, map[string]string{"table": "16"}
					}
					err := client.Do(t.Context(), call, nil)
					sent := len(server.Requests()) - 1
					if repeatable || allowed {
						require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
						require.Equal(t, 2, sent)
						return
					}
					require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
					require.Equal(t, 1, sent)
				})
			})
		}
	}
}

func TestStatusesThatTheOldPathsMayExplainSaySo(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusForbidden, http.StatusBadRequest} {
		hinted := status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusGone
		for name, c := range map[string]struct {
			opts []actito.Option
			v4   bool
		}{
			"version 4": {nil, true}, "version 4, unprefixed": {[]actito.Option{actito.WithUnprefixedPaths()}, true},
			"version 5": {[]actito.Option{actito.WithProfilesV5()}, false},
		} {
			client := answering(t, status, "", `{"status":1,"message":"no"}`, c.opts...)
			_, err := profiles[keyed](t, client).Get(t.Context(), actito.ByID("7"))
			require.Equal(t, hinted && c.v4, strings.Contains(err.Error(), "see WithProfilesV5 and WithUnprefixedPaths"), "%s: %s", name, err)
		}
	}
}
