package actitotest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

const upsert = profiles + "?allowUpdate=true"

func TestFaultsComeInOrderAndAreUsedUp(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.login()
	c.server.Fail(actitotest.OpProfileUpsert, actitotest.Times(2, actitotest.Status(503)), actitotest.Pass())
	c.server.Fail(actitotest.OpProfileUpsert, actitotest.Status(502))
	c.server.Fail(actitotest.AnyOp, actitotest.Status(500))
	c.server.Fail(actitotest.OpProfileGet, actitotest.Times(0, actitotest.Status(501)))
	var got []int
	for range 6 {
		got = append(got, c.call("POST", upsert, ann).StatusCode)
	}
	assert.Equal(t, []int{503, 503, 201, 502, 500, 200}, got)
	assert.Equal(t, http.StatusOK, c.call("GET", profiles+"/customerID=1", "").StatusCode)
}

func TestStatusFaultsAnswerInsteadOfTheService(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  actitotest.Fault
		status int
		header http.Header
		body   string
	}{
		"the service's JSON":   {actitotest.Status(503), 503, http.Header{"Content-Type": {"application/json"}}, `{"message":"Service Unavailable","status":503}`},
		"a header":             {actitotest.Status(429).WithHeader("Retry-After", "7"), 429, http.Header{"Retry-After": {"7"}}, `{"message":"Too Many Requests","status":429}`},
		"another body":         {actitotest.Status(502).WithBody("text/html", "<h1>Bad Gateway</h1>"), 502, http.Header{"Content-Type": {"text/html"}}, "<h1>Bad Gateway</h1>"},
		"a success of no kind": {actitotest.Status(200).WithBody("text/html", "hello"), 200, nil, "hello"},
		"nothing":              {actitotest.Status(204), 204, nil, ""},
		"a redirect":           {actitotest.Redirect(302, "https://elsewhere.test/"), 302, http.Header{"Location": {"https://elsewhere.test/"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t)
			c.login()
			c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			c.server.Fail(actitotest.OpProfileUpsert, test.fault)
			r := c.call("POST", upsert, ann)
			assert.Equal(t, test.status, r.StatusCode)
			assert.Equal(t, test.body, r.text)
			for name := range test.header {
				assert.Equal(t, test.header[name], r.Header[name])
			}
			assert.Empty(t, c.server.Profiles("Customers"))
		})
	}
	assert.Panics(t, func() { actitotest.Hang().WithHeader("a", "b") })
}

func TestCutConnectionsGiveNoAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  actitotest.Fault
		stored int
		read   string
	}{
		"refused":                     {actitotest.Refuse(), 0, ""},
		"cut within the request":      {actitotest.CutRequest(5), 0, ann[:5]},
		"cut after the request":       {actitotest.CutRequest(1 << 20), 0, ann},
		"answer lost after the write": {actitotest.LoseAnswer(), 1, ann},
		"answer cut after the write":  {actitotest.CutAnswer(3), 1, ann},
	} {
		for where, open := range map[string]func(testing.TB, ...actitotest.Option) *client{"in memory": inMemory, "over the network": overNetwork} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				c := open(t)
				c.login()
				c.server.Fail(actitotest.OpProfileUpsert, test.fault)
				_, err := c.try("POST", upsert, ann)
				require.Error(t, err)
				assert.Len(t, c.server.Profiles("Customers"), test.stored)
				seen := string(c.server.Requests(actitotest.OpProfileUpsert)[0].Body)
				assert.True(t, strings.HasPrefix(seen, test.read), seen)
				assert.Equal(t, http.StatusOK, c.call("GET", "/entities/v5/entities", "").StatusCode, "its place is free")
			})
		}
	}
}

func TestCutAnswerStartsLikeAWholeOne(t *testing.T) {
	t.Parallel()
	c := overNetwork(t)
	c.login()
	c.server.Fail(actitotest.OpEntityList, actitotest.CutAnswer(3))
	resp, err := c.http.Do(c.request("GET", "/entities/v5/entities", "", nil))
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, `{"e`, string(got))
}

func TestDelayedAndHangingCallsEndByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t)
		c.login()
		c.server.Fail(actitotest.OpProfileUpsert, actitotest.Delay(time.Hour), actitotest.Delay(time.Hour), actitotest.Hang())
		start := time.Now()
		assert.Equal(t, http.StatusUnauthorized, c.call("POST", upsert, ann).StatusCode, "its token has ended meanwhile")
		assert.Equal(t, time.Hour, time.Since(start))
		c.login()
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := c.send(c.request("POST", upsert, "application/json", strings.NewReader(ann)).WithContext(ctx))
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.Empty(t, c.server.Profiles("Customers"), "a call whose client left does nothing")
	})
}

func TestRevokedTokenIsRefusedAndANewOneWorks(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.login()
	c.server.Fail(actitotest.OpProfileUpsert, actitotest.RevokeToken())
	assert.Equal(t, http.StatusUnauthorized, c.call("POST", upsert, ann).StatusCode)
	assert.Equal(t, http.StatusUnauthorized, c.call("POST", upsert, ann).StatusCode)
	c.login()
	assert.Equal(t, http.StatusCreated, c.call("POST", upsert, ann).StatusCode)
}

// endless is a body that has no end, and says how much of it was taken.
type endless struct{ taken int }

func (e *endless) Read(p []byte) (int, error) {
	e.taken += len(p)
	return len(p), nil
}

func TestEarlyAnswerComesBeforeTheBodyHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t)
		c.login()
		c.server.Fail(actitotest.OpRunOnce, actitotest.Status(413).Early())
		body := &endless{}
		r, err := c.send(c.request("POST", imports+"/etl-executions", "multipart/form-data; boundary=x", body))
		require.NoError(t, err)
		assert.Equal(t, http.StatusRequestEntityTooLarge, r.StatusCode)
		assert.Equal(t, "Request Entity Too Large", r.json(t)["message"])
	})
}

func TestEarlyAnswerReachesAClientThatWaitsForContinue(t *testing.T) {
	t.Parallel()
	c := overNetwork(t)
	c.login()
	c.http.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	c.server.Fail(actitotest.OpRunOnce, actitotest.Status(413).Early())
	body := &endless{}
	req := c.request("POST", imports+"/etl-executions", "multipart/form-data; boundary=x", body)
	req.Header.Set("Expect", "100-continue")
	r, err := c.send(req)
	require.NoError(t, err)
	assert.Equal(t, http.StatusRequestEntityTooLarge, r.StatusCode)
	assert.Zero(t, body.taken)
}
