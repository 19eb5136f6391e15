package actito_test

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

var wholeDay = flag.Bool("day", false, "simulate whole days with a file of 100 MB, which takes minutes")

// link is the way to a fake in virtual time. It notes what arrives there.
type link struct {
	handled
	perByte time.Duration // of a file
	began   time.Time

	mu       sync.Mutex
	arrivals []time.Duration // since it began
	refused  int             // answers 429
}

func newLink(server *actitotest.Server) *link {
	return &link{handled: handled{server.Handler()}, began: time.Now()}
}

// arrivalKey finds where the context of a call wants to have noted when it arrived first.
type arrivalKey struct{}

func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	now := time.Since(l.began)
	l.mu.Lock()
	l.arrivals = append(l.arrivals, now)
	if arrived, ok := req.Context().Value(arrivalKey{}).(*time.Duration); ok && *arrived == 0 {
		*arrived = now
	}
	l.mu.Unlock()
	if req.Body != nil {
		defer req.Body.Close()
		slow := *req
		slow.Body = &slowBody{req.Body, l.perByte}
		req = &slow
	}
	resp, err := l.handled.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		l.mu.Lock()
		l.refused++
		l.mu.Unlock()
	}
	return resp, err
}

// slowBody arrives slowly.
type slowBody struct {
	io.ReadCloser
	perByte time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	time.Sleep(time.Duration(n) * b.perByte)
	return n, err
}

// most is how many calls arrived in the fullest minute that began at a moment or later.
func (l *link) most(from time.Duration) (most int) {
	first, _ := slices.BinarySearch(l.arrivals, from)
	for last := first; last < len(l.arrivals); last++ {
		for l.arrivals[last]-l.arrivals[first] >= time.Minute {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// takesTime makes the fake need as long for a call as a service on the net, and keep its slot for that.
func takesTime(server *actitotest.Server) {
	for _, op := range []actitotest.Operation{actitotest.OpToken, actitotest.OpProfileUpsert, actitotest.OpExecutionGet} {
		server.Fail(op, actitotest.Times(1<<31-1, actitotest.Delay(50*time.Millisecond)))
	}
}

// day is a program that has more to send than its licence takes.
type day struct {
	*link
	customers *actito.ProfileTable[customer]
	client    *actito.Client
	span      time.Duration

	asked   map[int]int // real-time calls by the minute
	waits   []time.Duration
	upserts int
	imports int
	uploads []time.Duration
	work    sync.WaitGroup
}

// Handlers call 10 times a minute on average, some of it in bursts of 60 at once. What is allowed is what real time asks
// for, and for all others what it does not keep. Above what is kept a burst waits, since the others have used the rest
// of the minute: no limiter can start 60 calls within a second of a minute that is used up. So bursts are as rare here
// as two a day, or as many calls are kept as they need.
func TestADayAtTheLimit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limit   actito.RateLimit
		kept    int           // for real time
		singles float64       // real-time calls a minute, beside the bursts
		every   time.Duration // a burst comes, half as long to half as long again after the one before
	}{
		"with what is kept by default":         {actito.RateLimit{}, 20, 9.9, 11 * time.Hour},
		"with as much kept as the bursts need": {actito.RateLimit{RealTimeCalls: 80}, 80, 7, 20 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := inMemory(t, actitotest.WithImportTimes(30*time.Second, 2*time.Minute))
				takesTime(server)
				d := &day{link: newLink(server), span: time.Hour, asked: map[int]int{}}
				size := 1 << 20
				if *wholeDay {
					d.span, size = 24*time.Hour, 98_000_000
				}
				d.perByte = 5 * time.Minute / time.Duration(size)
				d.client = newClient(t, server, actito.WithRateLimit(tt.limit), actito.WithHTTPClient(&http.Client{Transport: d.link}))
				d.customers = profiles[customer](t, d.client)

				ctx, cancel := context.WithCancel(t.Context()) // a deadline would refuse what cannot be sent before
				time.AfterFunc(d.span, cancel)
				d.work.Go(func() { d.sendBacklog(ctx, t) })
				d.work.Go(func() { d.callAtRandom(ctx, t, tt.singles) })
				d.work.Go(func() { d.burst(ctx, t, tt.every) })
				d.work.Go(func() { d.load(ctx, t, size) })
				d.work.Wait()

				require.NotEmpty(t, d.waits)
				require.NotEmpty(t, d.uploads)
				made, minutes, allowed, realTime := len(d.arrivals), int(d.span.Minutes()), 0, 0
				for m := range minutes {
					allowed += min(100, 100-tt.kept+d.asked[m])
					realTime += d.asked[m]
				}
				slices.Sort(d.waits)
				p99 := d.waits[len(d.waits)*99/100]
				t.Logf("%s: %d calls made, %.1f %% of those allowed and %.1f %% of the licence's; %d refused, at most %d in a minute",
					d.span, made, 100*float64(made)/float64(allowed), float64(made)/float64(minutes), d.refused, d.most(0))
				t.Logf("%s: %d real-time calls, waits: median %s, 99th percentile %s, longest %s; %d rows of the backlog, %d imports, the longest upload %s",
					d.span, realTime, d.waits[len(d.waits)/2], p99, d.waits[len(d.waits)-1], d.upserts, d.imports, slices.Max(d.uploads))
				assert.GreaterOrEqual(t, float64(made), 0.98*float64(allowed))
				assert.LessOrEqual(t, d.most(0), 100)
				assert.Zero(t, d.refused)
				assert.Less(t, p99, time.Second)
				assert.Len(t, d.waits, realTime)
				assert.Equal(t, 12, d.imports)
				assert.Greater(t, slices.Max(d.uploads), 4*time.Minute)
			})
		})
	}
}

// sendBacklog sends more rows than a day can take.
func (d *day) sendBacklog(ctx context.Context, t *testing.T) {
	var backlog iter.Seq2[customer, error] = func(yield func(customer, error) bool) {
		for n := range 200_000 {
			if !yield(customer{ID: fmt.Sprint("B", n%5000), FirstName: fmt.Sprint("Bob ", n)}, nil) {
				return
			}
		}
	}
	for r := range d.customers.UpsertEach(ctx, backlog) {
		if ctx.Err() != nil {
			return
		}
		if assert.NoError(t, r.Err) {
			d.upserts++
		}
	}
}

func (d *day) callAtRandom(ctx context.Context, t *testing.T, perMinute float64) {
	random := rand.New(rand.NewPCG(1, 2)) // the same in each run
	for sleep(ctx, time.Duration(random.ExpFloat64()/perMinute*float64(time.Minute))) {
		d.call(ctx, t)
	}
}

func (d *day) burst(ctx context.Context, t *testing.T, every time.Duration) {
	random := rand.New(rand.NewPCG(3, 4)) // the same in each run
	for sleep(ctx, every/2+time.Duration(random.Int64N(int64(every)))) {
		for range 60 {
			d.call(ctx, t)
		}
	}
}

// call is one of a handler: it waits from now until it arrives at the service.
func (d *day) call(ctx context.Context, t *testing.T) {
	d.mu.Lock()
	defer d.mu.Unlock()
	asked := time.Since(d.began)
	d.asked[int(asked.Minutes())]++
	row := customer{ID: fmt.Sprint("R", rand.N(5000)), FirstName: "Ann"}
	d.work.Go(func() {
		var arrived time.Duration
		_, err := d.customers.Upsert(context.WithValue(ctx, arrivalKey{}, &arrived), row)
		d.mu.Lock()
		defer d.mu.Unlock()
		if arrived == 0 { // the end of the day came before
			arrived = time.Since(d.began)
		}
		d.waits = append(d.waits, arrived-asked)
		if ctx.Err() == nil {
			assert.NoError(t, err)
		}
	})
}

// load imports twelve files, one of which is large, and polls each until it is loaded.
func (d *day) load(ctx context.Context, t *testing.T, size int) {
	for n := range 12 {
		if !sleep(ctx, d.span/14) {
			return
		}
		text := annCSV
		if n == 3 {
			text = largeCSV(size)
		}
		d.work.Go(func() {
			began := time.Now()
			e, err := d.client.ETLs.RunOnce(ctx, once(d.customers.InputFile("customers.csv", named)), actito.DataBytes("customers.csv", []byte(text)))
			uploaded := time.Since(began)
			if !assert.NoError(t, err) { //nolint:testifylint // not the test's goroutine
				return
			}
			// As background work: a poll would wait for the end of the backlog.
			e, err = d.client.Executions.Wait(ctx, e, actito.Background())
			if assert.Truef(t, e.Ended(), "%v", err) {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.imports++
				d.uploads = append(d.uploads, uploaded)
			}
		})
	}
}

// largeCSV has about as many bytes, which cannot be compressed. Its rows are too long to be loaded.
func largeCSV(size int) string {
	var text strings.Builder
	text.WriteString(annCSV)
	random := rand.NewChaCha8([32]byte{})
	cell := make([]byte, 48<<10)
	for n := 0; text.Len() < size; n++ {
		_, _ = random.Read(cell)
		fmt.Fprintf(&text, "L%d,large%d@example.com,%s\n", n, n, base64.StdEncoding.EncodeToString(cell))
	}
	return text.String()
}

// sleep tells whether the time passed before the context was over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Others use part of the licence, and the program does not know: above what they leave, each call takes longer than it
// is waited for.
func TestCallersSettleUnderALimitThatNobodyTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const span = 10 * time.Minute
		server := inMemory(t, actitotest.WithLimits(actitotest.Limits{PerMinute: 60, SlowCall: 35 * time.Second}))
		takesTime(server)
		l := newLink(server)
		customers := profiles[customer](t, newClient(t, server, actito.WithHTTPClient(&http.Client{Transport: l})))
		ctx, cancel := context.WithCancel(t.Context()) // a deadline would refuse what cannot be sent before
		time.AfterFunc(span, cancel)
		var work sync.WaitGroup
		var mu sync.Mutex
		calls, failed := 0, 0
		for n := range 200 {
			work.Go(func() {
				for ctx.Err() == nil {
					_, err := customers.Upsert(ctx, customer{ID: fmt.Sprint("C", n)})
					if ctx.Err() != nil {
						return
					}
					mu.Lock()
					calls++
					if err != nil {
						failed++
					}
					mu.Unlock()
				}
			})
		}
		work.Wait()
		attempts := len(l.arrivals) - len(server.Requests(actitotest.OpToken))
		settled := l.most(2 * time.Minute)
		t.Logf("%s: %d attempts for %d calls, %.3f for each, %d calls failed; at most %d calls in a minute, and %d once two minutes had passed, of 60",
			span, attempts, calls, float64(attempts)/float64(calls), failed, l.most(0), settled)
		assert.LessOrEqual(t, settled, 60)
		assert.LessOrEqual(t, float64(attempts)/float64(calls), 1.2)
		require.Zero(t, failed)
	})
}
