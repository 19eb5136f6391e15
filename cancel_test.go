package actito_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// turnstile lets some attempts through, and keeps the others until they leave.
type turnstile struct{ left int }

func (l *turnstile) Acquire(ctx context.Context, _ actito.Work) (func(), error) {
	if l.left--; l.left < 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return func() {}, nil
}

func TestACallThatIsCutShort(t *testing.T) {
	t.Parallel()
	later := actitotest.Status(503).WithHeader("Retry-After", "5")
	for name, tt := range map[string]struct {
		faults []actitotest.Fault
		after  time.Duration
		turns  int       // attempts that get one; 0 for all
		want   [5]string // as in TestFaults
	}{
		"while it waits for the next attempt": {[]actitotest.Fault{later}, time.Second, 0,
			[5]string{"503~ 1/0", "503~ 1/0", "503~ 1/0", "503~ 1/0", "503~ 1/0 free"}},
		"while the server works": {[]actitotest.Fault{actitotest.Hang()}, time.Second, 0,
			[5]string{"none~ 1/0", "none~ 1/0", "none~ 1/0", "none? 1/0", "none? 1/0 held"}},
		"while the second attempt is under way": {[]actitotest.Fault{later, actitotest.Hang()}, 7 * time.Second, 0,
			[5]string{"503~ 2/0", "503~ 2/0", "503~ 2/0", "503? 2/0", "503? 2/0 held"}},
		"while the second attempt waits for its turn": {[]actitotest.Fault{later}, 7 * time.Second, 1,
			[5]string{"503~ 1/0", "503~ 1/0", "503~ 1/0", "503~ 1/0", "503~ 1/0 free"}},
		"while the first attempt waits for its turn": {nil, 7 * time.Second, -1,
			[5]string{"none~ 0/0", "none~ 0/0", "none~ 0/0", "none~ 0/0", "none~ 0/0 free"}},
	} {
		for i, want := range tt.want {
			r := roads[i]
			t.Run(name+", "+r.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					turns := &turnstile{left: math.MaxInt}
					s := newFaultyShop(t, actito.WithLimiter(turns))
					if tt.turns != 0 {
						turns.left = max(tt.turns, 0)
					}
					s.Fail(r.op, tt.faults...)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					began := time.Now()
					time.AfterFunc(tt.after, cancel)
					err := r.call(ctx, s)
					require.ErrorIs(t, err, context.Canceled)
					assert.Equal(t, tt.after, time.Since(began))
					assert.Equal(t, want, s.summary(t, r, err), "%v", err)
					s.keepsSecrets(t, err)
				})
			})
		}
	}
}

func TestADeadlineThatCannotBeMetEndsTheCallAtOnce(t *testing.T) {
	t.Parallel()
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyShop(t)
				s.Fail(r.op, actitotest.Status(503).WithHeader("Retry-After", "5"))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				err := r.call(ctx, s)
				assert.Zero(t, time.Since(began))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotErrorIs(t, err, actito.ErrOutcomeUnknown, "the server said that it did nothing")
				var api *actito.APIError
				require.ErrorAs(t, err, &api)
				assert.Equal(t, 503, api.Status)
				assert.Equal(t, 5*time.Second, api.RetryAfter)
				assert.Equal(t, 1, api.Attempts)
				assert.ErrorContains(t, err, "503 Service Unavailable: Service Unavailable: the next attempt would come too late: "+
					"context deadline exceeded (the server asks to wait 5s)")
			})
		})
	}
}

func TestAServerThatAsksForMoreThanAMinuteEndsTheCallAtOnce(t *testing.T) {
	t.Parallel()
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyShop(t)
				s.Fail(r.op, actitotest.Status(503).WithHeader("Retry-After", "61"))
				began := time.Now()
				err := r.call(t.Context(), s)
				assert.Zero(t, time.Since(began))
				require.ErrorContains(t, err, "(the server asks to wait 1m1s)")
				assert.True(t, actito.Retryable(err))
			})
		})
	}
}

func TestARepeatThatCannotWaitIsNotACallThatWasNotSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault   actitotest.Fault
		applied int
		busy    bool
	}{
		"after an attempt that may be done":        {actitotest.LoseAnswer(), 1, false},
		"after half an answer":                     {actitotest.CutAnswer(3), 1, false},
		"after one that the service did not begin": {actitotest.Status(429), 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyShop(t, actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 4, RealTimeCalls: 1})) // three for the warm-up
				s.Fail(actitotest.OpProfileUpsert, tt.fault)
				_, err := s.customers.Upsert(t.Context(), customer{ID: secretKey, FirstName: "New"}, actito.MaxWait(time.Second))
				require.ErrorContains(t, err, "busy")
				assert.Equal(t, tt.busy, errors.Is(err, actito.ErrBusy))
				var busy *actito.BusyError
				assert.Equal(t, tt.busy, errors.As(err, &busy))
				assert.True(t, actito.Retryable(err))
				assert.Len(t, s.calls(), 1)
				p, _ := s.Profile("Customers", "customerID", secretKey)
				assert.Equal(t, tt.applied == 1, p.Attributes["firstName"] == "New")
			})
		})
	}
}

func TestHalfAnAnswerIsRetryable(t *testing.T) {
	t.Parallel()
	for _, r := range roads[:2] {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyShop(t)
				s.Fail(r.op, actitotest.Times(4, actitotest.CutAnswer(3)))
				assert.True(t, actito.Retryable(r.call(t.Context(), s)))
			})
		})
	}
}

func TestACallThatIsCutShortBeforeItWasSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cancel, deadline time.Duration
		ends             time.Duration
		is, isNot        error
	}{
		"by its caller":                             {cancel: time.Second, ends: time.Second, is: context.Canceled, isNot: actito.ErrBusy},
		"by a deadline before its turn":             {deadline: time.Second, is: actito.ErrBusy, isNot: context.Canceled},
		"by its caller, though a deadline is ample": {cancel: time.Second, deadline: time.Hour, ends: time.Second, is: context.Canceled, isNot: actito.ErrBusy},
	} {
		for _, r := range roads {
			t.Run(name+", "+r.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newFaultyShop(t, actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 3, RealTimeCalls: 1})) // used up by the warm-up
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if tt.cancel > 0 {
						time.AfterFunc(tt.cancel, cancel)
					}
					if tt.deadline > 0 {
						var end context.CancelFunc
						ctx, end = context.WithTimeout(ctx, tt.deadline)
						defer end()
					}
					began := time.Now()
					err := r.call(ctx, s)
					require.ErrorIs(t, err, tt.is)
					require.NotErrorIs(t, err, tt.isNot)
					require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
					assert.True(t, actito.Retryable(err))
					assert.Equal(t, tt.ends, time.Since(began))
					assert.Empty(t, s.calls())
					if r.op == actitotest.OpRunOnce {
						usage, err := s.client.Quota.Usage(t.Context(), "Customers")
						require.NoError(t, err)
						assert.Equal(t, 12, usage.Left, "the unit is free again")
					}
				})
			})
		}
	}
}

func TestADeleteOfNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		faults []actitotest.Fault
		gone   bool // before the call
		want   error
	}{
		"is an error":                                  {gone: true, want: actito.ErrNotFound},
		"is success if this call deleted it":           {faults: []actitotest.Fault{actitotest.LoseAnswer()}},
		"is success if this call may have deleted it":  {faults: []actitotest.Fault{actitotest.Status(502)}, gone: true},
		"is an error if its first attempt was refused": {faults: []actitotest.Fault{actitotest.Status(429)}, gone: true, want: actito.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyShop(t)
				if tt.gone {
					require.NoError(t, s.customers.Delete(t.Context(), actito.By("customerID", secretKey)))
				}
				s.Fail(actitotest.OpProfileDelete, tt.faults...)
				err := s.customers.Delete(t.Context(), actito.By("customerID", secretKey))
				require.ErrorIs(t, err, tt.want)
				assert.Empty(t, s.Profiles("Customers"))
			})
		})
	}
}

func TestACreateIsNotRepeatedIntoAConflict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyShop(t)
		s.Assume(actitotest.ExistingConflict)
		s.Fail(actitotest.OpProfileCreate, actitotest.LoseAnswer())
		_, err := s.customers.Create(t.Context(), customer{ID: "C2"})
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		assert.Len(t, s.calls(), 1)
		_, created := s.Profile("Customers", "customerID", "C2")
		assert.True(t, created, "which would have looked like somebody else's")
		_, err = s.customers.Create(t.Context(), customer{ID: "C2"})
		require.ErrorIs(t, err, actito.ErrConflict)
	})
}

func TestAnUploadIsSentWholeAtEachAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t), actito.WithRetry(actito.RetryPolicy{MinWait: 1, MaxWait: 1}))
		server, client := b.Server, b.client
		server.Fail(actitotest.OpRunOnce, actitotest.Status(503), actitotest.Status(429), actitotest.Status(401))
		customers, err := actito.Profiles[customer](client, "Customers")
		require.NoError(t, err)
		_, err = client.ETLs.RunOnce(t.Context(), actito.Definition{Name: "spring", Files: []actito.InputFile{customers.InputFile("c.csv", actito.Keep)}},
			customers.Rows("c.csv", all(customer{ID: "C1", Email: "ann@example.com"}, customer{ID: "C2", Email: "bob@example.com"})))
		require.NoError(t, err)
		sent := server.Requests(actitotest.OpRunOnce)
		require.Len(t, sent, 4)
		for _, r := range sent {
			assert.NotEmpty(t, r.Body)
			assert.True(t, bytes.Equal(sent[0].Body, r.Body), "each attempt sends the same bytes")
		}
		require.Len(t, server.Imports(), 1)
		assert.Len(t, server.Profiles("Customers"), 2)
	})
}

func TestAnEarlyRefusalOfAnUploadIsSeen(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	client := newClient(t, server)
	noise := make([]byte, 8<<20)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	for i, b := range noise { // which cannot be compressed much
		noise[i] = '0' + b%64
		if i%100 == 99 {
			noise[i] = '\n'
		}
	}
	staged, err := actito.Stage(t.Context(), actito.DataBytes("c.csv", append([]byte("customerID\n"), noise...)))
	require.NoError(t, err)
	defer staged.Close()
	const tries = 10
	server.Fail(actitotest.OpRunOnce, actitotest.Times(tries, actitotest.Status(400).Early().WithBody("application/json", `{"status":400,"message":"too large"}`)))
	for range tries {
		_, err := client.ETLs.RunOnce(t.Context(), actito.Definition{Name: "noise", Files: []actito.InputFile{{
			FileNamePattern: "c.csv", Destination: actito.Destination{Table: actito.ProfileTableType, TableID: "16"}, EmptyCells: actito.Keep,
			Mapping: []actito.Mapping{{Column: "customerID", Attribute: "customerID"}},
		}}}, staged)
		var api *actito.APIError
		require.ErrorAs(t, err, &api)
		require.Equal(t, "too large", api.Message)
		require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
	}
	usage, err := client.Quota.Usage(t.Context(), "16")
	require.NoError(t, err)
	assert.Equal(t, 12, usage.Left)
}
