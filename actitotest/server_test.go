package actitotest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

func TestTokenIsHandedOutForTheRawKeyAndEndsAfter15Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t)
		c.login()
		claims, err := base64.RawURLEncoding.DecodeString(strings.Split(c.token, ".")[1])
		require.NoError(t, err)
		var parsed struct {
			Iat, Exp  int64
			LicenceID string `json:"licenceId"`
		}
		require.NoError(t, json.Unmarshal(claims, &parsed))
		assert.Equal(t, time.Now().Unix(), parsed.Iat)
		assert.EqualValues(t, 900, parsed.Exp-parsed.Iat)
		assert.NotEmpty(t, parsed.LicenceID)

		time.Sleep(15*time.Minute - time.Second)
		assert.Equal(t, http.StatusOK, c.call("GET", "/entities/v5/entities", "").StatusCode)
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusUnauthorized, c.call("GET", "/entities/v5/entities", "").StatusCode)
	})
}

func TestTokenAnswerIsAsDocumented(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	req := c.request("GET", "/auth/token", "", nil)
	req.Header.Set("Authorization", c.server.APIKey)
	r, err := c.send(req)
	require.NoError(t, err)
	body := r.json(t)
	assert.Equal(t, "900s", body["expiresIn"])
	assert.Equal(t, "bearer", body["tokenType"])
	assert.Equal(t, "read write", body["scope"])
	assert.NotEmpty(t, body["jti"])
}

func TestKeysAndTokensCanBeRevoked(t *testing.T) {
	t.Parallel()
	c := inMemory(t, actitotest.WithAPIKeys("one", "two"))
	assert.Equal(t, "one", c.server.APIKey)
	token := func(authorization string) int {
		req := c.request("GET", "/auth/token", "", nil)
		req.Header.Set("Authorization", authorization)
		r, err := c.send(req)
		require.NoError(t, err)
		return r.StatusCode
	}
	list := func() int { return c.call("GET", "/entities/v5/entities", "").StatusCode }
	assert.Equal(t, http.StatusOK, token("two"))
	assert.Equal(t, http.StatusUnauthorized, token("Bearer one"), "the key comes without a scheme word")
	assert.Equal(t, http.StatusUnauthorized, token("three"))

	assert.Equal(t, http.StatusOK, list())
	c.server.RevokeTokens()
	assert.Equal(t, http.StatusUnauthorized, list())
	c.login()
	assert.Equal(t, http.StatusOK, list())
	c.server.RevokeKey("one")
	assert.Equal(t, http.StatusUnauthorized, list())
	assert.Equal(t, http.StatusUnauthorized, token("one"))
	assert.Equal(t, http.StatusOK, token("two"))
}

func TestAcceptHeaderIsHeeded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		accept []string
		status int
	}{
		{nil, 200},
		{[]string{"application/json"}, 200},
		{[]string{"text/html, application/json;q=0.9"}, 200},
		{[]string{"text/html", "*/*"}, 200},
		{[]string{"text/csv"}, 406},
		{[]string{"application/xml"}, 406},
	} {
		c := inMemory(t)
		c.login()
		req := c.request("GET", "/entities/v5/entities", "", nil)
		req.Header["Accept"] = test.accept
		r, err := c.send(req)
		require.NoError(t, err)
		assert.Equal(t, test.status, r.StatusCode, test.accept)
	}
}

func TestEachPathFormCanBeRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		opts           []actitotest.Option
		prefixed, bare int
	}{
		"both by default":  {nil, 200, 200},
		"prefixed only":    {[]actitotest.Option{actitotest.PrefixedOnly()}, 200, 404},
		"un-prefixed only": {[]actitotest.Option{actitotest.UnprefixedOnly()}, 404, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t, test.opts...)
			assert.Equal(t, test.prefixed, c.call("GET", "/entities/v5/entities", "").StatusCode)
			assert.Equal(t, test.bare, c.call("GET", "/v5/entities", "").StatusCode)
			assert.Equal(t, test.prefixed, c.call("GET", profilesV5, "").StatusCode)
			assert.Equal(t, test.bare, c.call("GET", strings.TrimPrefix(profilesV5, "/profiles"), "").StatusCode)
		})
	}
}

func TestRequestsAreRecordedAsTheyCameIn(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Clock().Set(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	r := c.call("POST", "/v4/entity/MyEntity/table/Customers/profile?allowUpdate=false", ann)
	assert.Equal(t, "Mon, 23 Nov 2026 10:00:00 GMT", r.Header.Get("Date"))
	c.call("GET", "/nowhere", "")
	all := c.server.Requests()
	require.Len(t, all, 3)
	assert.Equal(t, actitotest.OpToken, all[0].Operation)
	assert.Empty(t, all[2].Operation)
	create := c.server.Requests(actitotest.OpProfileCreate)[0]
	assert.Equal(t, all[1], create)
	assert.Equal(t, "POST", create.Method)
	assert.Equal(t, "/v4/entity/{entity}/table/{profileTable}/profile", create.Template)
	assert.Equal(t, "false", create.Query.Get("allowUpdate"))
	assert.Equal(t, "application/json", create.Header.Get("Content-Type"))
	assert.True(t, bytes.Equal([]byte(ann), create.Body), "byte by byte")
	assert.Equal(t, http.StatusCreated, create.Status)
	assert.Equal(t, c.server.Clock().Now(), create.Time)
}

func TestSixthCallAtOnceIsRefusedAndAFinishedOneMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t)
		c.login()
		c.server.Fail(actitotest.OpEntityList, actitotest.Times(5, actitotest.Delay(time.Second)))
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() { assert.Equal(t, http.StatusOK, c.call("GET", "/entities/v5/entities", "").StatusCode) })
		}
		synctest.Wait()
		assert.Equal(t, http.StatusTooManyRequests, c.call("GET", "/entities/v5/entities", "").StatusCode)
		calls.Wait()
		assert.Equal(t, http.StatusOK, c.call("GET", "/entities/v5/entities", "").StatusCode)
	})
}

func TestFiveCallersInARowAreNeverOneTooMany(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, ...actitotest.Option) *client{"in memory": inMemory, "over the network": overNetwork} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, actitotest.WithLimits(actitotest.Limits{PerMinute: -1}))
			c.login()
			var callers sync.WaitGroup
			for range 5 {
				callers.Go(func() {
					for range 50 {
						assert.Equal(t, http.StatusOK, c.call("GET", "/entities/v5/entities", "").StatusCode)
					}
				})
			}
			callers.Wait()
		})
	}
}

func TestCallsPastTheMinutesLimitAreSlowedDownMoreEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t)
		c.login()
		var took []time.Duration
		for range 103 {
			start := time.Now()
			require.Equal(t, http.StatusOK, c.call("GET", "/entities/v5/entities", "").StatusCode)
			took = append(took, time.Since(start))
		}
		assert.Zero(t, took[98], "the 100th call with that for the token")
		assert.Equal(t, []time.Duration{100, 200, 300, 400}, []time.Duration{
			took[99] / time.Millisecond, took[100] / time.Millisecond, took[101] / time.Millisecond, took[102] / time.Millisecond})
		time.Sleep(time.Minute)
		start := time.Now()
		c.call("GET", "/entities/v5/entities", "")
		assert.Zero(t, time.Since(start))
	})
}

func TestSlowedDownCallEndsWhenItsClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, actitotest.WithLimits(actitotest.Limits{PerMinute: 1, Concurrent: 1}))
		c.login()
		c.server.Clock().Set(time.Now()) // and nobody moves it
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.send(c.request("GET", "/entities/v5/entities", "", nil).WithContext(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		c.token = "unknown"
		assert.Equal(t, http.StatusUnauthorized, c.call("GET", "/entities/v5/entities", "").StatusCode, "its place is free")
	})
}

func TestImportsOfATableAreCountedByTheDay(t *testing.T) {
	t.Parallel()
	elevenPM := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC) // in Brussels
	type step struct {
		wait   time.Duration
		broken bool
		status int
	}
	const good, full = http.StatusCreated, http.StatusTooManyRequests
	for name, test := range map[string]struct {
		limits actitotest.Limits
		assume []actitotest.Assumption
		steps  []step
	}{
		"twelve by default": {steps: []step{
			{0, false, good}, {0, false, good}, {0, false, good}, {0, false, good}, {0, false, good}, {0, false, good},
			{0, false, good}, {0, false, good}, {0, false, good}, {0, false, good}, {0, false, good}, {0, true, good}, {0, false, full}}},
		"by the calendar day": {
			limits: actitotest.Limits{ImportsPerDay: 1},
			steps:  []step{{0, false, good}, {59 * time.Minute, false, full}, {time.Minute, false, good}, {0, false, full}}},
		"by 24 hours": {
			limits: actitotest.Limits{ImportsPerDay: 1}, assume: []actitotest.Assumption{actitotest.QuotaRolling},
			steps: []step{{0, false, good}, {23*time.Hour + 59*time.Minute, false, full}, {time.Minute, false, good}}},
		"failed runs for free": {
			limits: actitotest.Limits{ImportsPerDay: 1}, assume: []actitotest.Assumption{actitotest.FailedRunsFree},
			steps: []step{{0, true, good}, {0, false, good}, {0, false, full}}},
		"by table": {
			limits: actitotest.Limits{ImportsPerDay: 1, ImportsPerTable: map[string]int{"Customers": 2}},
			steps:  []step{{0, false, good}, {0, false, good}, {0, false, full}}},
		"a table that takes none": {
			limits: actitotest.Limits{ImportsPerTable: map[string]int{"16": 0}},
			steps:  []step{{0, false, full}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t, actitotest.WithLimits(test.limits), actitotest.WithImportTimes(0, 0))
			c.server.Clock().Set(elevenPM)
			c.server.Assume(actitotest.QuotaByCalendarDay, actitotest.FailedRunsCount)
			c.server.Assume(test.assume...)
			for i, step := range test.steps {
				c.server.Clock().Advance(step.wait)
				c.login()
				data := csvPart("c.csv", "customerID\n1\n")
				if step.broken {
					data.data = "broken\n"
				}
				r := c.post(imports+"/etl-executions", data, parameters(definition(t, customersFile("c.csv", nil, "customerID"))))
				assert.Equal(t, step.status, r.StatusCode, "step %d: %s", i, r.text)
			}
		})
	}
}

func TestImportOfSeveralTablesCountsForEachAndARefusedOneForNone(t *testing.T) {
	t.Parallel()
	c := inMemory(t, actitotest.WithLimits(actitotest.Limits{ImportsPerDay: 1}))
	customers, orders := csvPart("c.csv", "customerID\n1\n"), csvPart("o.csv", "orderId;amount\nA;1\n")
	only := definition(t, customersFile("o.csv", toOrders, "orderId", "amount"))
	both := definition(t, customersFile("c.csv", nil, "customerID"), customersFile("o.csv", toOrders, "orderId", "amount"))
	bad := definition(t, customersFile("c.csv", map[string]any{"mode": "NONE"}, "customerID"))
	run := func(definition string, files ...part) int {
		return c.post(imports+"/etl-executions", append(files, parameters(definition))...).StatusCode
	}
	assert.Equal(t, http.StatusBadRequest, run(bad, customers))
	assert.Equal(t, http.StatusCreated, run(only, orders))
	assert.Equal(t, http.StatusTooManyRequests, run(both, customers, orders))
	assert.Equal(t, http.StatusCreated, run(definition(t, customersFile("c.csv", nil, "customerID")), customers), "the refused one left this table alone")

	c = inMemory(t, actitotest.WithLimits(actitotest.Limits{ImportsPerDay: 1}))
	assert.Equal(t, http.StatusCreated, run(both, customers, orders))
	assert.Equal(t, http.StatusTooManyRequests, run(only, orders))
}

func TestFilePastTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	text := definition(t, customersFile("c.csv", nil, "customerID"))
	c := overNetwork(t, actitotest.WithLimits(actitotest.Limits{FileBytes: int64(len(text))}))
	large := "customerID\n" + strings.Repeat("1\n", len(text))
	assert.Equal(t, http.StatusBadRequest, c.post(imports+"/etl-executions", csvPart("c.csv", large), parameters(text)).StatusCode)
	assert.Equal(t, http.StatusCreated, c.post(imports+"/etl-executions", csvPart("c.csv", "customerID\n1\n"), parameters(text)).StatusCode)
}

func TestUploadIsStreamedThroughAPipeWithinABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t)
		c.login()
		contentType, body := form(t, parameters(definition(t, customersFile("c.csv", nil, "customerID"))), csvPart("c.csv", "customerID\n1\n"))
		r, w := io.Pipe()
		go func() {
			for chunk := range bytes.Lines(body) {
				time.Sleep(time.Second)
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
			assert.NoError(t, w.Close())
		}()
		resp, err := c.send(c.request("POST", imports+"/etl-executions", contentType, r))
		require.NoError(t, err)
		assert.Equal(t, http.StatusCreated, resp.StatusCode, resp.text)
		c.ann()
	})
}

func TestTransportServesAnyHostAndScheme(t *testing.T) {
	t.Parallel()
	s := actitotest.NewServer()
	defer s.Close()
	client := http.Client{Transport: s.Transport()}
	for _, host := range []string{s.URL, "https://api3.actito.com", "http://example.test:8080"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, host+"/auth/token", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", s.APIKey)
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusOK, resp.StatusCode, host)
	}
}

func TestTransportRepeatsNothingByItself(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	require.Equal(t, http.StatusOK, c.call("GET", "/entities/v5/entities", "").StatusCode)
	c.server.Fail(actitotest.OpEntityList, actitotest.Refuse())
	_, err := c.try("GET", "/entities/v5/entities", "")
	require.Error(t, err)
	assert.Len(t, c.server.Requests(actitotest.OpEntityList), 2)
}

func TestClosedServerCutsItsCallsAndAnswersNoMore(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, ...actitotest.Option) *client{"in memory": inMemory, "over the network": overNetwork} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			c.login()
			c.server.Fail(actitotest.AnyOp, actitotest.Hang())
			ended := make(chan error)
			go func() {
				_, err := c.try("GET", "/entities/v5/entities", "")
				ended <- err
			}()
			assert.Eventually(t, func() bool { return len(c.server.Requests(actitotest.OpEntityList)) == 1 }, time.Minute, time.Millisecond)
			c.server.Close()
			require.Error(t, <-ended)
			_, err := c.try("GET", "/entities/v5/entities", "")
			require.Error(t, err)
			c.server.Close()
		})
	}
}

func ExampleNewRecorder() {
	server := actitotest.NewServer()
	defer server.Close()
	recording := new(strings.Builder) // a file, in a program
	client := &http.Client{Transport: actitotest.NewRecorder(http.DefaultTransport, recording)}
	defer client.CloseIdleConnections()

	request, err := http.NewRequest(http.MethodGet, server.URL+"/auth/token", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", server.APIKey)
	answer, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		log.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		log.Fatal(err)
	}
	_, body, _ := strings.Cut(recording.String(), `"body":`)
	body, _, _ = strings.Cut(body, `,"milliseconds"`)
	fmt.Println(body)
	fmt.Println(strings.Contains(recording.String(), server.APIKey))
	// Output:
	// {"accessToken":"<string 178>","expiresIn":"900s","jti":"<string 26>","scope":"read write","tokenType":"bearer"}
	// false
}

func ExampleServer() {
	server := actitotest.NewServer(actitotest.InMemory())
	defer server.Close()
	server.AddProfileTable("MyEntity", actitotest.Table{
		Name:       "Customers",
		Attributes: []actitotest.Attribute{{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true, Mandatory: true}},
	})
	server.Fail(actitotest.OpToken, actitotest.Status(503).WithHeader("Retry-After", "1"))

	client := http.Client{Transport: server.Transport()} // an SDK's client takes it the same way
	for range 2 {
		req, err := http.NewRequest(http.MethodGet, server.URL+"/auth/token", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("Authorization", server.APIKey)
		resp, err := client.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	fmt.Println(len(server.Requests(actitotest.OpToken)), "calls")
	// Output:
	// 503
	// 200
	// 2 calls
}
