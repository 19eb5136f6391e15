package soak

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

var (
	virtualSpan = flag.Duration("soak.virtual", 4*time.Minute, "how long the traffic lasts in virtual time")
	realSpan    = flag.Duration("soak.real", 2*time.Second, "how long the traffic lasts in real time")
	seedFlag    = flag.Uint64("soak.seed", 1, "what decides the traffic and the storm")
	reportFlag  = flag.String("soak.report", "", "a file in whose place between the marks the report is written")
)

const goroutines = 200

// soak is one run: a licence, a client, and 200 goroutines that use it.
type soak struct {
	*testing.T
	*tally
	server   *actitotest.Server
	road     *road
	client   *actito.Client
	handler  *actito.WebhookHandler
	seed     uint64
	began    time.Time
	span     time.Duration
	burst    int           // rows of each lane that are handed over together
	pause    time.Duration // between two things that a goroutine does, on average
	grace    time.Duration // for what is open when the traffic ends
	patience time.Duration // of who looks for an import that nobody knows of

	customers *actito.ProfileTable[customer]
	orders    *actito.CustomTable[order]
	visits    *actito.CustomTable[visit]

	outbox  *outbox
	pages   created
	batches batches
	keys    keys
	storm   actitotest.StormReport
	samples []sample
	left    left
	settled time.Duration
}

// An hour of a base licence: 100 calls a minute, 5 at once, 12 imports a table, over midnight in Brussels.
func TestSoakVirtualHour(t *testing.T) {
	var s *soak
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(23*time.Hour - *virtualSpan/2)
		server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithImportTimes(15*time.Second, 15*time.Second))
		s = &soak{T: t, server: server, span: *virtualSpan, burst: 300, pause: 90 * time.Second, grace: time.Hour, patience: 10 * time.Minute}
		s.run(newMemory(t), server.Transport(), actito.RateLimit{}, actito.Quota{})
		s.close()
	})
	s.write("In virtual time")
}

// A large licence over a real listener, with an outbox in SQLite.
func TestSoakRealTime(t *testing.T) {
	files := t.TempDir()
	actitotest.NewServer().Close() // the process keeps what it needs for any network
	before, goroutines := openFiles(t), goleak.IgnoreCurrent()
	outbox := newSQLite(t)
	t.Setenv("TMPDIR", files)
	transport := &http.Transport{MaxIdleConnsPerHost: 50}
	server := actitotest.NewServer(actitotest.WithImportTimes(20*time.Millisecond, 20*time.Millisecond),
		actitotest.WithLimits(actitotest.Limits{PerMinute: 6000, Concurrent: 50, ImportsPerDay: 5000}))
	s := &soak{T: t, server: server, span: *realSpan, burst: 300, pause: 2 * time.Second, grace: 3 * time.Minute, patience: time.Second}
	if s.span > time.Minute {
		s.burst = 10_000
		s.patience = 4 * time.Minute
		s.grace = 10 * time.Minute
	}
	s.run(outbox, transport, actito.RateLimit{CallsPerMinute: 6000, Concurrent: 48}, actito.Quota{Limit: 5000})
	transport.CloseIdleConnections()
	s.close()
	outbox.close()
	require.NoError(t, goleak.Find(goroutines))
	s.left = left{measured: true, files: openFiles(t) - before}
	assert.LessOrEqual(t, s.left.files, 0, "file handles")
	entries, err := os.ReadDir(files)
	require.NoError(t, err)
	s.left.temporary = len(entries)
	assert.Empty(t, entries, "temporary files")
	s.write("In real time")
}

// run is the whole of it: traffic in a storm, the calm, and the comparison.
func (s *soak) run(outbox *outbox, transport http.RoundTripper, rate actito.RateLimit, quota actito.Quota) {
	s.seed, s.tally, s.outbox = *seedFlag, newTally(), outbox
	s.addTables()
	s.road = &road{to: transport}
	client, err := actito.New(s.server.APIKey, "MyEntity", actito.WithBaseURL(s.server.URL),
		actito.WithHTTPClient(&http.Client{Transport: s.road}), actito.WithRateLimit(rate), actito.WithQuota(quota))
	require.NoError(s, err)
	s.client = client
	s.prepare()
	s.sample("before")

	s.began = time.Now()
	storm := actitotest.Storm{Seed: s.seed, Rate: 0.05, Longest: min(10*time.Second, s.span/4)}
	if s.span < 10*time.Minute { // a key that was refused is left alone for half a minute, and so little else would happen
		storm.Except = []actitotest.StormKind{actitotest.StormKeyGone}
	}
	s.server.Storm(storm)
	defer func() {
		if s.Failed() {
			s.Log(s.server.StormReport(), "soak.seed", s.seed)
		}
	}()
	ctx, stop := context.WithCancel(s.Context())
	defer stop()
	var traffic, feeding sync.WaitGroup
	feeding.Go(func() { s.drain(ctx) })
	for n := range goroutines {
		random := rand.New(rand.NewPCG(s.seed, uint64(n)))
		traffic.Go(func() { s.roles()[n%20](n, random) })
	}
	traffic.Go(s.bursts)
	s.measure()
	traffic.Wait()
	s.server.Calm()
	calm := time.Now()
	s.settle()
	s.settled = time.Since(calm)
	stop()
	feeding.Wait()
	s.sample("end")
	s.compare()
	s.storm = s.server.StormReport()
}

// close leaves of everything the client alone, so that what the heap has grown by is the client's.
func (s *soak) close() {
	require.NoError(s, s.client.Close())
	s.server.Close()
	s.server, s.road.to = nil, nil
	s.keys, s.pages, s.batches = keys{}, created{}, batches{}
	s.sample("closed")
	before, end, after := s.samples[0], s.samples[len(s.samples)-2], s.samples[len(s.samples)-1]
	assert.LessOrEqual(s, float64(after.heap), float64(before.heap)+kept+keptOf*float64(end.imports), "bytes that the client and the outbox hold in the end")
	runtime.KeepAlive(s.client)
	runtime.KeepAlive(s.outbox)
}

// What the heap may have grown by in the end: whatever was done, and for each import, which the ledger remembers for a week.
const (
	kept   = 1 << 20
	keptOf = 1 << 10
)

// road leads to the server as long as there is one.
type road struct{ to http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (r *road) RoundTrip(req *http.Request) (*http.Response, error) { return r.to.RoundTrip(req) }

// roles are what goroutines do: one in twenty each.
func (s *soak) roles() [20]func(int, *rand.Rand) {
	return [20]func(int, *rand.Rand){
		s.profiles, s.profiles, s.profiles, s.profiles, s.profiles, s.profiles,
		s.records, s.records, s.records, s.records,
		s.creates, s.creates,
		s.reads, s.polls,
		s.hands, s.hands, s.hands,
		s.imports, s.imports, s.imports,
	}
}

// again says whether the traffic goes on, after a pause.
func (s *soak) again(random *rand.Rand) bool {
	return s.sleep(time.Duration(random.ExpFloat64() * float64(s.pause)))
}

// sleep waits, not beyond the end of the traffic, and says whether it goes on.
func (s *soak) sleep(d time.Duration) bool {
	time.Sleep(min(d, time.Until(s.began.Add(s.span))))
	return time.Since(s.began) < s.span
}

// deadline is the patience of a caller, which is short at times.
func (s *soak) deadline(random *rand.Rand) (context.Context, context.CancelFunc) {
	d := 5 * time.Minute
	if random.IntN(20) == 0 {
		d = time.Duration(1 + random.Int64N(int64(3*time.Second)))
	}
	return context.WithTimeout(s.Context(), d)
}

// settle ends what the traffic left open.
func (s *soak) settle() {
	ctx, cancel := context.WithTimeout(s.Context(), s.grace)
	defer cancel()
	s.finish(ctx)
	require.NoError(s, s.server.DeliverWebhooks(ctx))
	for ctx.Err() == nil {
		stats, err := s.outbox.feed.Stats(ctx)
		if err == nil && pending(stats) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	assert.Fail(s, "the feed does not end")
}

func pending(stats feed.Stats) (n int) {
	for _, lane := range stats.Lanes {
		n += lane.Pending
	}
	return n
}
