package actitotest_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

const visits = "/custom-data/v4/entity/MyEntity/customTable/Visits/record"

// inStorm is a client that is logged in before the storm begins.
func inStorm(t *testing.T, storm actitotest.Storm) *client {
	t.Helper()
	c := inMemory(t, actitotest.WithLimits(actitotest.Limits{PerMinute: -1, ImportsPerDay: -1}))
	c.login()
	c.server.Storm(storm)
	return c
}

// visit makes a record without a key, so that each time it is done is seen.
func (c *client) visit() string {
	return looks(c.send(c.request("POST", visits, "application/json", strings.NewReader(`{"properties":[{"name":"page","value":"home"}]}`))))
}

// importOnce starts an import.
func (c *client) importOnce() string {
	contentType, body := form(c.t, part{"parameters", "p.json", "application/json", webhookDefinition}, part{"inputFile", "c.csv", "text/csv", "id\nC1\n"})
	return looks(c.send(c.request("POST", imports+"/etl-executions", contentType, strings.NewReader(string(body)))))
}

// looks is what a client sees of a call.
func looks(r response, err error) string {
	if err != nil {
		return "no answer"
	}
	return strings.TrimSpace(fmt.Sprint(r.StatusCode, " ", r.Header.Get("Content-Type"), " ", r.Header.Get("Retry-After")))
}

func TestAKindOfStormHappensAtItsRateAndDoesWhatItSays(t *testing.T) {
	t.Parallel()
	for kind, test := range map[actitotest.StormKind]struct {
		seen string
		done bool
	}{
		actitotest.StormUnavailable:    {"503 application/json", false},
		actitotest.StormServerError:    {"500 application/json", false},
		actitotest.StormBadGateway:     {"502 text/html", false},
		actitotest.StormPage:           {"200 text/html", false},
		actitotest.StormTooMany:        {"429 application/json", false},
		actitotest.StormRefused:        {"no answer", false},
		actitotest.StormCutRequest:     {"no answer", false},
		actitotest.StormCutAnswer:      {"no answer", true},
		actitotest.StormLostAnswer:     {"no answer", true},
		actitotest.StormGatewayTimeout: {"504 text/html", true},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			const calls = 150
			c := inStorm(t, actitotest.Storm{Seed: 7, Rate: 0.2, Only: []actitotest.StormKind{kind}})
			seen := map[string]int{}
			for range calls {
				seen[strings.TrimSuffix(c.visit(), " 1")]++
			}
			report := c.server.StormReport()
			faults := report.Faults[kind]
			assert.InDelta(t, 0.2*calls, faults, 15)
			assert.Equal(t, map[string]int{test.seen: faults, "201 application/json": calls - faults}, seen)
			done := calls
			if !test.done {
				done -= faults
			}
			assert.Len(t, c.server.Records("Visits"), done)
			assert.Equal(t, fmt.Sprintf("storm with seed 7, rate 0.2, over 150 calls: %d %s", faults, kind), report.String())
		})
	}
}

func TestHalfOfTheRefusalsSayWhenToComeBack(t *testing.T) {
	t.Parallel()
	c := inStorm(t, actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormUnavailable, actitotest.StormTooMany}})
	seen := map[string]int{}
	for range 40 {
		seen[c.visit()]++
	}
	assert.Len(t, seen, 4)
}

func TestTheSameSeedBringsTheSameStorm(t *testing.T) {
	t.Parallel()
	play := func(seed uint64) (seen []string) {
		synctest.Test(t, func(t *testing.T) {
			c := inMemory(t, actitotest.WithLimits(actitotest.Limits{PerMinute: -1, ImportsPerDay: -1}))
			c.server.SendWebhooksTo(&target{})
			etl := c.etl()
			c.subscribe("ETL", etl, "FINISHED", "https://hooks.test/", "ONE_BY_ONE")
			for n := range 60 {
				if n%10 == 0 {
					c.server.Calm()
					c.login()
					c.trigger(etl)
					c.server.Storm(actitotest.Storm{Seed: seed + uint64(n), Rate: 0.5})
				}
				seen = append(seen, c.visit(), c.importOnce(), looks(c.send(c.request("GET", imports+"/etl-executions", "", nil))), time.Now().String())
			}
			seen = append(seen, c.server.StormReport().String())
			c.server.Close()
		})
		return seen
	}
	first := play(1)
	assert.Equal(t, first, play(1))
	assert.NotEqual(t, first, play(2))
}

func TestAStormDoesWhatIsDoneOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := inStorm(t, actitotest.Storm{Seed: 3, Rate: 0.4, Except: []actitotest.StormKind{actitotest.StormKeyGone, actitotest.StormTokenExpired}})
		const calls = 200
		for range calls {
			c.visit()
		}
		faults := c.server.StormReport().Faults
		done := calls
		for _, kind := range []actitotest.StormKind{
			actitotest.StormUnavailable, actitotest.StormServerError, actitotest.StormBadGateway, actitotest.StormPage,
			actitotest.StormTooMany, actitotest.StormRefused, actitotest.StormCutRequest,
		} {
			assert.NotZero(t, faults[kind], kind)
			done -= faults[kind]
		}
		assert.Len(t, faults, 11) // those, and the four of calls that are done
		assert.Len(t, c.server.Records("Visits"), done)
		assert.Zero(t, faults[actitotest.StormKeyGone])
		c.server.Close()
	})
}

func TestSlowAnswersTakeNoLongerThanTheLongest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := inStorm(t, actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormSlow}, Longest: time.Minute})
		var longest time.Duration
		for range 20 {
			began := time.Now()
			assert.Equal(t, "201 application/json", c.visit())
			assert.LessOrEqual(t, time.Since(began), time.Minute)
			longest = max(longest, time.Since(began))
		}
		assert.Greater(t, longest, 30*time.Second)
	})
}

func TestKeysAndTheQuotaComeBackAfterAWhileOrWithTheCalm(t *testing.T) {
	t.Parallel()
	for name, pass := range map[string]func(*client){
		"with time":     func(c *client) { c.server.Clock().Advance(11 * time.Second) },
		"with the calm": func(c *client) { c.server.Calm() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inStorm(t, actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormKeyGone}})
			c.server.Clock().Set(time.Now())
			assert.Equal(t, "401 application/json", c.visit())
			c.server.Calm()
			assert.Equal(t, "401 application/json", c.visit(), "the token stays gone")
			c.login()

			c.server.Storm(actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormQuotaUsedUp, actitotest.StormKeyGone}, Except: []actitotest.StormKind{actitotest.StormKeyGone}})
			assert.Equal(t, "429 application/json", c.importOnce())
			c.server.Fail(actitotest.OpRunOnce, actitotest.Pass(), actitotest.Pass()) // before the storm's
			assert.Equal(t, "429 application/json", c.importOnce())
			pass(c)
			assert.Equal(t, "201 application/json", c.importOnce())
			assert.Len(t, c.server.Imports(), 1)
		})
	}
}

func TestAKeyThatIsGoneGivesNoToken(t *testing.T) {
	t.Parallel()
	c := inStorm(t, actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormKeyGone}})
	c.server.Clock().Set(time.Now())
	login := func() string {
		req := c.request("GET", "/auth/token", "", nil)
		req.Header.Set("Authorization", c.server.APIKey)
		return looks(c.send(req))
	}
	assert.Equal(t, "401 application/json", login())
	c.server.Fail(actitotest.OpToken, actitotest.Pass())
	c.server.Clock().Advance(11 * time.Second)
	assert.Equal(t, "200 application/json", login())
}

func TestAnExpiredTokenIsReplaced(t *testing.T) {
	t.Parallel()
	c := inStorm(t, actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormTokenExpired}})
	assert.Equal(t, "401 application/json", c.visit())
	c.login() // no kind of this storm fits
	assert.Equal(t, "401 application/json", c.visit())
}

func TestImportsInAStormAreRefusedEarlyAndTheirFilesAreMissing(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	id := c.trigger(c.etl())
	c.server.Storm(actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormEarlyAnswer, actitotest.StormFileMissing}})
	assert.Equal(t, http.StatusNotFound, c.download(imports+"/etl-executions/"+id+"/error-file").StatusCode)
	assert.Equal(t, "503 application/json", c.importOnce())
	c.server.Calm()
	assert.Len(t, c.server.Imports(), 1)
}

func TestAListThatLagsLacksTheLastExecutions(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Clock().Set(time.Now())
	id := c.trigger(c.etl())
	c.server.Storm(actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormListLag}})
	list := func() string { return c.call("GET", imports+"/etl-executions", "").text }
	assert.NotContains(t, list(), id)
	c.server.Clock().Advance(10 * time.Second)
	assert.Contains(t, list(), id)
}

func TestExecutionsInAStormFailOrStayQueued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, actitotest.WithLimits(actitotest.Limits{PerMinute: -1, ImportsPerDay: -1}))
		etl := c.etl()
		status := func(id string) any { return c.call("GET", imports+"/etl-executions/"+id, "").json(t)["status"] }

		c.server.Storm(actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormExecutionFails}})
		assert.Equal(t, "FAILED", status(c.trigger(etl)))
		c.server.Storm(actitotest.Storm{Rate: 1, Only: []actitotest.StormKind{actitotest.StormExecutionLate}})
		id := c.trigger(etl)
		assert.Equal(t, "QUEUED", status(id))
		time.Sleep(10 * time.Second)
		assert.Equal(t, "SUCCESS", status(id))
		c.server.Calm()
		assert.Equal(t, "SUCCESS", status(c.trigger(etl)))
		assert.Equal(t, map[actitotest.StormKind]int{actitotest.StormExecutionLate: 1}, c.server.StormReport().Faults)
		c.server.Close()
	})
}

func TestWebhooksInAStormComeLateAndTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, actitotest.WithLimits(actitotest.Limits{PerMinute: -1}))
		got := &target{}
		c.server.SendWebhooksTo(got)
		c.subscribe("PROFILE_TABLE", "16", "CREATE", "https://hooks.test/", "ONE_BY_ONE")
		c.server.Storm(actitotest.Storm{Seed: 1, Rate: 1, Only: []actitotest.StormKind{actitotest.StormWebhookLate, actitotest.StormWebhookTwice}})
		for n := range 20 {
			c.call("POST", upsert, fmt.Sprintf(`{"attributes":[{"name":"customerID","value":"%d"}]}`, n))
		}
		require.NoError(t, c.server.DeliverWebhooks(t.Context()))
		faults := c.server.StormReport().Faults
		assert.Len(t, c.server.Webhooks(), faults[actitotest.StormWebhookTwice])

		time.Sleep(5 * time.Second)
		c.server.Calm()
		require.NoError(t, c.server.DeliverWebhooks(t.Context()))
		got.mu.Lock()
		defer got.mu.Unlock()
		times, ordered, before := map[any]int{}, true, 0.0
		for _, body := range got.bodies {
			id := body["id"].(float64)
			times[id]++
			ordered, before = ordered && id >= before, id
		}
		assert.Len(t, times, 20)
		assert.Len(t, got.bodies, 20+faults[actitotest.StormWebhookTwice])
		assert.False(t, ordered)
		c.server.Close()
	})
}

func TestAStormOverTheNetworkBreaksAndEnds(t *testing.T) {
	t.Parallel()
	c := overNetwork(t)
	c.login()
	c.server.Storm(actitotest.Storm{Seed: 5, Rate: 1, Except: []actitotest.StormKind{actitotest.StormKeyGone}, Longest: time.Millisecond})
	for range 40 {
		c.visit()
	}
	c.server.Calm()
	c.login()
	assert.Equal(t, "201 application/json", c.visit())
	assert.Equal(t, 40, c.server.StormReport().Calls)
}

func TestWhatNoStormCanBeIsRefused(t *testing.T) {
	t.Parallel()
	s := actitotest.NewServer(actitotest.InMemory())
	t.Cleanup(s.Close)
	s.Calm() // of nothing
	assert.Zero(t, s.StormReport())
	for _, rate := range []float64{-0.1, 1.1, math.NaN()} {
		assert.Panics(t, func() { s.Storm(actitotest.Storm{Rate: rate}) })
	}
	for _, storm := range []actitotest.Storm{{Only: []actitotest.StormKind{"hail"}}, {Except: []actitotest.StormKind{"hail"}}} {
		assert.Panics(t, func() { s.Storm(storm) })
	}
}

func TestForgottenCallsLeaveTheTables(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.call("POST", upsert, ann)
	require.Len(t, c.server.Events(), 1)
	c.server.Forget()
	assert.Empty(t, c.server.Requests())
	assert.Empty(t, c.server.Events())
	assert.Len(t, c.server.Profiles("Customers"), 1)
}
