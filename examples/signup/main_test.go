package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

func TestTheDemonstrationEnds(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	for _, want := range []string{
		"Ann signs up               POST   /customers               204 No Content\n",
		"400 Bad Request: Actito does not accept these values\n",
		"Ann unsubscribes           DELETE /customers/C1/newsletter 204 No Content\n",
		"Dan signs up, too soon     POST   /customers               503 Service Unavailable: please try again in ",
		"Profiles that the fake holds: 1.\n",
	} {
		assert.Contains(t, out.String(), want)
	}
}

// newService is the handler in virtual time, with a log that can be read.
func newService(t *testing.T) (*actitotest.Server, http.Handler, *bytes.Buffer) {
	t.Helper()
	fake := shop.NewServer(actitotest.InMemory())
	t.Cleanup(fake.Close)
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL),
		actito.WithHTTPClient(&http.Client{Transport: fake.Transport()}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	log := new(bytes.Buffer)
	handler, err := newHandler(client, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	return fake, handler, log
}

func request(handler http.Handler, method, path, body string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
	return answer
}

const ann = `{"id":"C1","email":"ann@example.com","firstName":"Ann","newsletter":true}`

func TestASignUpAnswersWithinTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake, handler, log := newService(t)
		fake.Fail(actitotest.OpProfileUpsert, actitotest.Hang())
		asked := time.Now()
		answer := request(handler, "POST", "/customers", ann)
		assert.Equal(t, http.StatusServiceUnavailable, answer.Code)
		assert.Equal(t, "2", answer.Header().Get("Retry-After"))
		assert.LessOrEqual(t, time.Since(asked), deadline)
		assert.NotContains(t, log.String(), "ann@example.com")

		assert.Equal(t, http.StatusNoContent, request(handler, "POST", "/customers", ann).Code)
		assert.Len(t, fake.Profiles(shop.Customers), 1)
	})
}

func TestWhatTheServiceSaysReachesTheVisitor(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, path, body string
		fault              actitotest.Fault
		status             int
		retryAfter         string
	}{
		"a long pause that the service asks for": {"POST", "/customers", ann,
			actitotest.Status(503).WithHeader("Retry-After", "120"), http.StatusServiceUnavailable, "120"},
		"a failure":                  {"POST", "/customers", ann, actitotest.Status(500), http.StatusServiceUnavailable, "2"},
		"no such profile":            {"DELETE", "/customers/C9", "", actitotest.Pass(), http.StatusNotFound, ""},
		"no such subscriber":         {"DELETE", "/customers/C9/newsletter", "", actitotest.Pass(), http.StatusNotFound, ""},
		"not JSON":                   {"POST", "/customers", "id=C1", actitotest.Pass(), http.StatusBadRequest, ""},
		"no key":                     {"POST", "/customers", `{"firstName":"Ann"}`, actitotest.Pass(), http.StatusBadRequest, ""},
		"consent that is no consent": {"POST", "/customers", `{"id":"C1","newsletter":null}`, actitotest.Pass(), http.StatusBadRequest, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fake, handler, _ := newService(t)
				for _, op := range []actitotest.Operation{actitotest.OpProfileUpsert, actitotest.OpProfileDelete, actitotest.OpUnsubscribe} {
					fake.Fail(op, test.fault)
				}
				answer := request(handler, test.method, test.path, test.body)
				assert.Equal(t, test.status, answer.Code)
				assert.Equal(t, test.retryAfter, answer.Header().Get("Retry-After"))
				assert.Empty(t, fake.Profiles(shop.Customers))
			})
		})
	}
}

func TestSilenceKeepsConsentAndDeletionKeepsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake, handler, _ := newService(t)
		require.Equal(t, http.StatusNoContent, request(handler, "POST", "/customers", ann).Code)
		require.Equal(t, http.StatusNoContent, request(handler, "POST", "/customers", `{"id":"C1","firstName":"Anna"}`).Code)
		profile, ok := fake.Profile(shop.Customers, "customerID", "C1")
		require.True(t, ok)
		assert.Equal(t, "Anna", profile.Attributes["firstName"])
		assert.True(t, profile.Subscriptions[newsletter])

		require.Equal(t, http.StatusNoContent, request(handler, "DELETE", "/customers/C1/newsletter", "").Code)
		profile, _ = fake.Profile(shop.Customers, "customerID", "C1")
		assert.False(t, profile.Subscriptions[newsletter])
		require.Equal(t, http.StatusNoContent, request(handler, "DELETE", "/customers/C1", "").Code)
		assert.Empty(t, fake.Profiles(shop.Customers))
	})
}
