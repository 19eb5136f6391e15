package otel_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// Everything that is exported is searched for what no trace and no metric may hold.
func TestNothingSecretOrPersonalIsExported(t *testing.T) {
	t.Parallel()
	const key, email, phone, query = "anna-schmidt-1971", "anna.schmidt@example.org", "+32475998877", "born-1971-05-23"
	s := newShop(t)
	say := func(status int) actitotest.Fault {
		return actitotest.Status(status).WithHeader("X-Request-Id", "r-1").WithBody("application/json", `{"message":"value `+email+` of `+key+` and `+phone+` is wrong"}`)
	}
	row := customer{ID: key, Email: email, Phone: phone}
	_, err := s.customers.Upsert(t.Context(), row)
	require.NoError(t, err)
	s.Fail(actitotest.OpProfileUpsert, say(http.StatusBadRequest), actitotest.Redirect(http.StatusFound, "/elsewhere/"+key+"?email="+email))
	_, err = s.customers.Upsert(t.Context(), row)
	require.ErrorIs(t, err, actito.ErrInvalid)
	_, err = s.customers.Upsert(t.Context(), row)
	require.Error(t, err)
	s.Fail(actitotest.OpProfileGet, say(http.StatusForbidden), actitotest.LoseAnswer())
	for _, by := range []actito.Key{actito.By("customerID", key), actito.By("emailAddress", email)} {
		_, _ = s.customers.Get(t.Context(), by)
	}
	s.Fail(actitotest.OpToken, say(http.StatusServiceUnavailable))
	s.RevokeTokens()
	_ = s.customers.Delete(t.Context(), actito.By("customerID", key))
	_ = s.client.Do(t.Context(), actito.RawCall{Path: "/profiles/v4/entity/{entity}/table/{table}/profile/{key}",
		Params: map[string]string{"table": "Customers", "key": key}, Query: url.Values{"q": {query}}}, nil)
	exec, err := s.run(t.Context(), "customerID,emailAddress,gsmNumber\n"+key+","+email+","+phone+"\nC2,"+phone+",x\n")
	require.NoError(t, err)
	_, err = s.client.Executions.Wait(t.Context(), exec)
	require.ErrorIs(t, err, actito.ErrRowsRejected)

	var exported bytes.Buffer
	var metrics metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(t.Context(), &metrics))
	to := json.NewEncoder(&exported)
	require.NoError(t, to.Encode(metrics.ScopeMetrics))
	for _, span := range s.spans.GetSpans() {
		require.NoError(t, to.Encode([]any{span.Name, span.Attributes, span.Events, span.Links, span.Status}))
	}
	require.Contains(t, exported.String(), "upsert profile")
	require.Contains(t, exported.String(), "error.type")
	hidden := []string{s.APIKey, key, email, "anna", "schmidt", phone, strings.TrimPrefix(phone, "+"), query, "Customers", "MyEntity", "elsewhere"}
	for _, r := range s.Requests() {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			hidden = append(hidden, token)
		}
	}
	for _, h := range hidden {
		assert.NotContains(t, strings.ToLower(exported.String()), strings.ToLower(h))
		assert.NotContains(t, exported.String(), url.QueryEscape(h))
	}
}
