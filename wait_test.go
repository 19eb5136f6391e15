package actito_test

import (
	"context"
	"math"
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
)

// subscribed receives the webhooks of an ETL in memory.
func (b *bulk) subscribed(t testing.TB, client *actito.Client, etl string, events ...actito.EventType) *actito.WebhookHandler {
	t.Helper()
	h := handlerOf(t, client, actito.WebhookConfig{Secrets: []string{hookSecret}})
	b.SendWebhooksTo(h)
	for _, event := range events {
		sub := h.Subscription("https://shop.example/hooks")
		sub.On, sub.Of, sub.Event = actito.SourceETL, etl, event
		_, err := b.client.Webhooks.Subscribe(t.Context(), sub)
		require.NoError(t, err)
	}
	return h
}

func TestAWebhookEndsAWait(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		of      func(*actito.Client) *actito.Client // whose handler it is
		latest  time.Duration                       // from the end of the import
		instead func(*bulk)
	}{
		"of the same client":            {func(c *actito.Client) *actito.Client { return c }, time.Second, nil},
		"of the same for another brand": {func(c *actito.Client) *actito.Client { return c.Entity("Other") }, time.Second, nil},
		"but not of another process": {func(c *actito.Client) *actito.Client {
			return nil
		}, time.Minute, nil},
		"while the server is unwell": {func(c *actito.Client) *actito.Client { return c }, 2 * time.Minute, func(b *bulk) {
			b.Fail(actitotest.OpExecutionGet, actitotest.Times(5, actitotest.Status(503)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t, actitotest.WithImportTimes(10*time.Minute, 50*time.Minute+17*time.Second)))
				etl := b.stored(t, b.customers.InputFile("customers.csv", named))
				of := tt.of(b.client)
				if of == nil {
					of = newClient(t, b.Server)
				}
				b.subscribed(t, of, etl, actito.EventStarted, actito.EventFinished)
				e, err := b.client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte(annCSV)))
				require.NoError(t, err)
				ends := time.Now().Add(time.Hour + 17*time.Second)
				if tt.instead != nil {
					time.AfterFunc(time.Hour, func() { tt.instead(b) })
				}
				e, err = b.client.Executions.Wait(t.Context(), e)
				require.NoError(t, err)
				require.Equal(t, actito.StatusSuccess, e.Status)
				require.Equal(t, 1, e.Totals().Created, "it was read")
				require.WithinRange(t, time.Now(), ends, ends.Add(tt.latest))
				require.NoError(t, b.DeliverWebhooks(t.Context()))
				require.Len(t, b.Webhooks(), 2)
			})
		})
	}
}

func TestAWebhookIsBelievedWhereTheReadingsLag(t *testing.T) {
	t.Parallel()
	running := jsonAnswer(`{"status":"RUNNING"}`)
	done := jsonAnswer(`{"status":"WITH_ERROR","files":[{"fileName":"a.csv","status":"WITH_ERROR","rowsRead":3,"rowsCreated":2,"rowsInError":1}]}`)
	for name, tt := range map[string]struct {
		faults []actitotest.Fault // from the webhook on; the import itself is running
		told   string
		entity string
		reads  int           // from the webhook on; 0 for any number
		within time.Duration // of the webhook
		want   error
		files  int
	}{
		"for a moment":            {faults(actitotest.Times(2, running), done), "WITH_ERROR", "MyEntity", 3, 3 * time.Second, actito.ErrRowsRejected, 1},
		"for ever, with rejects":  {nil, "WITH_ERROR", "MyEntity", 4, 8 * time.Second, actito.ErrRowsRejected, 0},
		"for ever, with success":  {nil, "SUCCESS", "MyEntity", 4, 8 * time.Second, nil, 0},
		"for ever, and it failed": {nil, "FAILED", "MyEntity", 4, 8 * time.Second, actito.ErrImportFailed, 0},
		"another entity's execution, which is only a reason to look": {faults(actitotest.Times(6, running), done), "SUCCESS", "Other", 7,
			7 * time.Minute, actito.ErrRowsRejected, 1},
		"an unknown status, which is only a reason to look": {faults(done), "DONE", "MyEntity", 1, time.Second, actito.ErrRowsRejected, 1},
		"a missing status, which is only a reason to look":  {faults(done), "", "MyEntity", 1, time.Second, actito.ErrRowsRejected, 1},
		"the server wants rest": {faults(actitotest.Times(4, actitotest.Status(503).WithHeader("Retry-After", "61")), done), "SUCCESS", "MyEntity", 0,
			6 * time.Minute, actito.ErrRowsRejected, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t, actitotest.WithImportTimes(0, 5*time.Hour)))
				h := handlerOf(t, b.client, actito.WebhookConfig{Secrets: []string{hookSecret}})
				etl := b.stored(t, b.customers.InputFile("customers.csv", named))
				given, err := b.client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte(annCSV)))
				require.NoError(t, err)
				given.AlreadyStarted, given.Refused = true, []actito.Refusal{{Row: 3}}
				tell := func(status string) {
					body := strings.NewReplacer("123654987", given.ID, "MyEntity", tt.entity, "SUCCESS", status).Replace(documented)
					require.Equal(t, http.StatusNoContent, hook(h, hookSecret, body).Code)
				}
				var seen []*actito.Execution
				var e *actito.Execution
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					e, err = b.client.Executions.Wait(t.Context(), given, actito.WaitProgress(func(e *actito.Execution) { seen = append(seen, e) }))
				}()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				before := len(b.Requests(actitotest.OpExecutionGet))
				tell("RUNNING")
				synctest.Wait()
				require.Len(t, b.Requests(actitotest.OpExecutionGet), before, "a start is no news")
				b.Fail(actitotest.OpExecutionGet, tt.faults...)
				told := time.Now()
				tell(tt.told)
				<-ended
				require.LessOrEqual(t, time.Since(told), tt.within)
				if tt.reads > 0 {
					require.Len(t, b.Requests(actitotest.OpExecutionGet), before+tt.reads)
					require.Len(t, seen, before+tt.reads)
				}
				if tt.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tt.want)
				}
				require.True(t, e.Ended())
				require.Len(t, e.Files, tt.files)
				require.Equal(t, etl, e.ETLID)
				require.True(t, e.AlreadyStarted)
				require.Equal(t, given.Refused, e.Refused)
				require.Equal(t, actito.StatusRunning, seen[before-1].Status)
				if tt.files == 0 {
					require.Equal(t, actito.StatusRunning, seen[len(seen)-1].Status, "what was read stays as it was read")
				}
			})
		})
	}
}

func TestWaitsForTheSameExecutionAllEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t, actitotest.WithImportTimes(0, time.Hour)))
		etl := b.stored(t, b.customers.InputFile("customers.csv", named))
		b.subscribed(t, b.client, etl, actito.EventFinished)
		e, err := b.client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte(annCSV)))
		require.NoError(t, err)
		left, leave := context.WithTimeout(t.Context(), 30*time.Minute)
		defer leave()
		began := time.Now()
		ended := make(chan time.Duration, 3)
		for _, ctx := range []context.Context{t.Context(), left, t.Context()} {
			go func() {
				_, err := b.client.Executions.Wait(ctx, e)
				assert.Equal(t, ctx == left, err != nil)
				ended <- time.Since(began).Round(time.Minute)
			}()
		}
		require.Equal(t, []time.Duration{30 * time.Minute, time.Hour, time.Hour}, []time.Duration{<-ended, <-ended, <-ended})
		require.Less(t, time.Since(began), time.Hour+time.Second)
	})
}

func TestAnImportInPartsIsOneExecution(t *testing.T) {
	t.Parallel()
	moment := func(hour int) time.Time { return time.Date(2026, 11, 23, hour, 0, 0, 0, brussels(t)) }
	part := func(id string, status actito.ExecutionStatus, hour, read, rejected int) *actito.Execution {
		return &actito.Execution{ID: id, Status: status, Start: moment(hour), End: moment(hour + 1), Files: []actito.FileResult{
			{Name: "a.csv", Status: status, Read: read, Created: read - rejected, Rejected: rejected}}}
	}
	running := &actito.Execution{ID: "9"}
	for name, tt := range map[string]struct {
		parts   []*actito.Execution
		opts    []actito.CallOption
		answers []actitotest.Fault
		status  actito.ExecutionStatus
		want    error
	}{
		"all loaded": {[]*actito.Execution{part("8", "SUCCESS", 5, 3, 0), part("7", "SUCCESS", 2, 3, 0)}, nil, nil, "SUCCESS", nil},
		"one has rejects": {[]*actito.Execution{part("7", "SUCCESS", 2, 3, 0), part("8", "WITH_ERROR", 5, 3, 1), part("9", "SUCCESS", 4, 3, 0)}, nil, nil,
			"WITH_ERROR", actito.ErrRowsRejected},
		"few enough": {[]*actito.Execution{part("7", "SUCCESS", 2, 97, 0), part("8", "WITH_ERROR", 5, 3, 3)}, []actito.CallOption{actito.Tolerate(0.03)}, nil,
			"WITH_ERROR", nil},
		"one does not tell how many": {[]*actito.Execution{part("7", "WITH_ERROR", 2, 97, 1), {ID: "8", Status: "WITH_ERROR", Start: moment(5), End: moment(6)}},
			[]actito.CallOption{actito.Tolerate(1)}, nil, "WITH_ERROR", actito.ErrRowsRejected},
		"one failed": {[]*actito.Execution{part("7", "WITH_ERROR", 2, 3, 1), part("8", "FAILED", 5, 0, 0)}, []actito.CallOption{actito.Tolerate(1)}, nil,
			"FAILED", actito.ErrImportFailed},
		"one ended in a way that is not known": {[]*actito.Execution{part("7", "SUCCESS", 2, 3, 0), part("8", "STOPPED", 5, 0, 0)}, nil, nil,
			"STOPPED", actito.ErrImportFailed},
		"one cannot be read, and the others are waited for": {[]*actito.Execution{running, {ID: "8"}}, nil,
			faults(actitotest.Status(403), jsonAnswer(`{"status":"SUCCESS"}`)), "", actito.ErrForbidden},
		"one was not started": {[]*actito.Execution{part("7", "SUCCESS", 2, 3, 0), {}}, nil, nil, "", actito.ErrInvalid},
		"one is nothing":      {[]*actito.Execution{part("7", "SUCCESS", 2, 3, 0), nil}, nil, nil, "", actito.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			b.Fail(actitotest.OpExecutionGet, tt.answers...)
			given := &actito.Execution{ETLID: "5", Parts: tt.parts, Refused: []actito.Refusal{{Row: 1}}}
			e, err := b.client.Executions.Wait(t.Context(), given, tt.opts...)
			if tt.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tt.want)
			}
			require.Empty(t, given.Status, "what was given stays as it was")
			require.Empty(t, e.ID)
			require.Equal(t, "5", e.ETLID)
			require.Equal(t, given.Refused, e.Refused)
			require.Len(t, e.Parts, len(tt.parts))
			require.Equal(t, tt.status, e.Status)
			require.Equal(t, tt.status != "", e.Ended())
			if e.Ended() {
				require.Equal(t, moment(2), e.Start)
				require.Equal(t, moment(6), e.End)
			} else {
				require.Zero(t, e.End)
			}
			files := 0
			for _, p := range e.Parts {
				files += len(p.Files)
			}
			require.Len(t, e.Files, files)
		})
	}
	t.Run("that run one after another", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			b := newBulk(t, inMemory(t, actitotest.WithImportTimes(0, 10*time.Minute)))
			whole := &actito.Execution{}
			for range 3 {
				e, err := b.oneCustomer(t.Context())
				require.NoError(t, err)
				whole.Parts = append(whole.Parts, e)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			defer cancel()
			left, err := b.client.Executions.Wait(ctx, whole)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "part 2 of 3")
			require.False(t, left.Ended())
			require.True(t, left.Parts[0].Ended())
			e, err := b.client.Executions.Wait(t.Context(), left)
			require.NoError(t, err)
			require.Equal(t, 3, e.Totals().Read)
			require.Equal(t, 30*time.Minute, e.End.Sub(e.Start).Round(time.Minute))
		})
	})
}

func TestSomeRejectsAreTolerated(t *testing.T) {
	t.Parallel()
	file := func(name string, status actito.ExecutionStatus, read, rejected int) actito.FileResult {
		return actito.FileResult{Name: name, Status: status, Read: read, Created: read - rejected, Rejected: rejected}
	}
	for name, tt := range map[string]struct {
		e     actito.Execution
		share float64
		want  error
	}{
		"none at all":             {actito.Execution{Status: "SUCCESS"}, 0.1, nil},
		"just enough":             {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "WITH_ERROR", 100, 29)}}, 0.29, nil},
		"one too many":            {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "WITH_ERROR", 100, 30)}}, 0.29, actito.ErrRowsRejected},
		"over all files":          {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "SUCCESS", 99, 0), file("b", "WITH_ERROR", 1, 1)}}, 0.01, nil},
		"all, if it is 1":         {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "WITH_ERROR", 2, 2)}}, 1, nil},
		"none, if it is 0":        {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "WITH_ERROR", 1000, 1)}}, 0, actito.ErrRowsRejected},
		"a success with rejects":  {actito.Execution{Status: "SUCCESS", Files: []actito.FileResult{file("a", "SUCCESS", 10, 1)}}, 0.1, nil},
		"a failure":               {actito.Execution{Status: "FAILED", Files: []actito.FileResult{file("a", "WITH_ERROR", 100, 1)}}, 1, actito.ErrImportFailed},
		"a file that failed":      {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "WITH_ERROR", 100, 1), file("b", "FAILED", 0, 0)}}, 1, actito.ErrImportFailed},
		"no files":                {actito.Execution{Status: "WITH_ERROR"}, 1, actito.ErrRowsRejected},
		"no numbers":              {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "WITH_ERROR", 0, 0)}}, 1, actito.ErrRowsRejected},
		"rejects of a file alone": {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "WITH_ERROR", 100, 1), file("b", "WITH_ERROR", 0, 0)}}, 1, actito.ErrRowsRejected},
		"more rejects than rows":  {actito.Execution{Status: "WITH_ERROR", Files: []actito.FileResult{file("a", "WITH_ERROR", 0, 3), file("b", "SUCCESS", 1000, 0)}}, 1, actito.ErrRowsRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.e.ID = "7"
			e, err := offline(t).Executions.Wait(t.Context(), &tt.e, actito.Tolerate(tt.share))
			require.Same(t, &tt.e, e)
			if tt.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tt.want)
			}
		})
	}
	for _, share := range []float64{-0.01, 1.01, math.NaN(), math.Inf(1), 2} {
		for _, given := range []*actito.Execution{nil, {ID: "7", Status: "WITH_ERROR"}} {
			e, err := offline(t).Executions.Wait(t.Context(), given, actito.Tolerate(share))
			var invalid *actito.ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, "Tolerate", invalid.Column)
			require.NotNil(t, e)
		}
	}
	t.Run("of a real import", func(t *testing.T) {
		t.Parallel()
		inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
			b := newBulk(t, inMemory(t))
			b.Assume(world...)
			e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)),
				b.customers.Rows("customers.csv", all(annRow, customer{ID: "C2", Email: "bob@nowhere", FirstName: "Bob"}), named))
			require.NoError(t, err)
			_, err = b.client.Executions.Wait(t.Context(), e, actito.Tolerate(0.49))
			require.ErrorIs(t, err, actito.ErrRowsRejected)
			e, err = b.client.Executions.Wait(t.Context(), e, actito.Tolerate(0.5))
			require.NoError(t, err)
			require.Equal(t, actito.StatusWithError, e.Status)
		}, everyOpposite...)
	})
}

// A program as it would be: a client, a listener of its own, a subscription, an import.
func TestAProgramWaitsByWebhook(t *testing.T) {
	t.Parallel()
	server := newShop(t, actitotest.WithImportTimes(time.Hour, time.Hour))
	client := newClient(t, server)
	customers, err := actito.Profiles[customer](client, "Customers")
	require.NoError(t, err)
	etl, err := client.ETLs.Create(t.Context(), actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv", named)}})
	require.NoError(t, err)
	told := make(chan actito.ETLEvent, 2)
	h := handlerOf(t, client, actito.WebhookConfig{Secrets: []string{hookSecret}, OnETL: func(_ context.Context, e actito.ETLEvent) error {
		told <- e
		return nil
	}})
	listener := httptest.NewServer(h)
	t.Cleanup(listener.Close)
	sub := h.Subscription(listener.URL + "/actito")
	sub.On, sub.Of, sub.Event, sub.Bulk = actito.SourceETL, etl, actito.EventFinished, true
	_, err = client.Webhooks.Subscribe(t.Context(), sub)
	require.NoError(t, err)

	exec, err := client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte(annCSV)))
	require.NoError(t, err)
	began := time.Now()
	waiting := make(chan struct{})
	once := false
	go func() {
		<-waiting
		server.Clock().Advance(3 * time.Hour)
	}()
	exec, err = client.Executions.Wait(t.Context(), exec, actito.WaitProgress(func(*actito.Execution) {
		if !once {
			once = true
			close(waiting)
		}
	}))
	require.NoError(t, err)
	require.Equal(t, actito.StatusSuccess, exec.Status)
	require.Less(t, time.Since(began), 4*time.Second, "sooner than the second reading by itself")
	require.NoError(t, server.DeliverWebhooks(t.Context()))
	server.RepeatWebhooks()
	require.NoError(t, server.DeliverWebhooks(t.Context()))
	require.Len(t, server.Webhooks(), 2)
	e := <-told
	require.Equal(t, exec.ID, e.ExecutionID)
	require.True(t, e.Ended())
	require.Empty(t, told, "a repeat is dropped")
}

func TestAWebhookDoesNotDisturbAServerThatAskedForRest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t, actitotest.WithImportTimes(0, time.Minute)))
		etl := b.stored(t, b.customers.InputFile("customers.csv", named))
		b.subscribed(t, b.client, etl, actito.EventFinished)
		e, err := b.client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte(annCSV)))
		require.NoError(t, err)
		b.Fail(actitotest.OpExecutionGet, actitotest.Status(503).WithHeader("Retry-After", "300"))
		began := time.Now()
		b.loads(t, e, nil)
		require.Len(t, b.Webhooks(), 1)
		require.Len(t, b.Requests(actitotest.OpExecutionGet), 2)
		require.WithinDuration(t, began.Add(300*time.Second), time.Now(), time.Second)
	})
}
