package actito_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/quota/filequota"
)

func TestWhatIsKeptFreeIsForUrgentImports(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Limit: 3, KeepFree: 1}))
	for range 2 {
		e, err := b.oneCustomer(t.Context())
		b.loads(t, e, err)
	}
	usage, err := b.client.Quota.Usage(t.Context(), "Customers")
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{usage.Left, usage.Kept})

	_, err = b.oneCustomer(t.Context())
	var full *actito.QuotaError
	require.ErrorAs(t, err, &full)
	require.Equal(t, 1, full.Kept)
	require.ErrorContains(t, err, "2 of 3 imports used and 0 held, 1 kept for Urgent imports")

	e, err := b.oneCustomer(t.Context(), actito.Urgent())
	b.loads(t, e, err)
	_, err = b.oneCustomer(t.Context(), actito.Urgent())
	require.ErrorIs(t, err, actito.ErrQuotaExceeded)
	require.Len(t, b.starts(), 3)
	usage, err = b.client.Quota.Usage(t.Context(), "Customers")
	require.NoError(t, err)
	require.Equal(t, []int{0, 0}, []int{usage.Left, usage.Kept}, "no more is kept than is left")
}

func TestAnImportThatSyncFoundFirstIsCountedOnce(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ExecutionListExists)
	b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	_, err := b.oneCustomer(t.Context())
	require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
	_, err = b.client.Quota.Sync(t.Context())
	require.NoError(t, err)
	b.counted(t, "Customers", 1, 1) // nobody knows that they are one

	entries, err := b.client.Quota.Entries(t.Context(), "Customers")
	require.NoError(t, err)
	held := slices.IndexFunc(entries, func(e actito.QuotaEntry) bool { return e.State == "held" })
	require.NoError(t, b.client.Quota.Settle(t.Context(), entries[held].ID, actito.Used(b.Imports()[0].ExecutionID)))
	b.counted(t, "Customers", 1, 0)
}

func TestNothingIsSettledWithoutAnID(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	for _, o := range []actito.Outcome{actito.Free(), actito.Used("1"), actito.Held()} {
		err := b.client.Quota.Settle(t.Context(), "", o)
		require.ErrorIs(t, err, actito.ErrInvalid)
		require.ErrorContains(t, err, "each of its Parts")
	}
}

func TestEntriesTellWhatIsBooked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Licence: "a+b"}))
		began := time.Now()
		e, err := b.both(t.Context())
		b.loads(t, e, err)
		time.Sleep(time.Hour)
		f, err := b.oneCustomer(t.Context(), actito.Once("key"))
		b.loads(t, f, err)
		entries, err := b.client.Quota.Entries(t.Context(), "Customers")
		require.NoError(t, err)
		require.Len(t, entries, 2)
		require.WithinDuration(t, began, entries[0].At, time.Minute)
		require.WithinDuration(t, began.Add(time.Hour), entries[1].At, time.Minute)
		for i := range entries {
			require.True(t, strings.HasPrefix(entries[i].ID, "a+b/"), "the licence's")
			entries[i].ID, entries[i].At = "", time.Time{}
		}
		require.Equal(t, []actito.QuotaEntry{
			{Tables: []string{"16", ordersID}, State: "used", ExecutionID: e.ID},
			{Tables: []string{"16"}, State: "used", ExecutionID: f.ID, Once: "key"},
		}, entries)
	})
}

func TestAdjustCountsWhatNobodyLists(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Limit: 4}))
	e, err := b.oneCustomer(t.Context())
	b.loads(t, e, err)
	quota := b.client.Quota
	require.NoError(t, quota.Adjust(t.Context(), "Customers", 2))
	b.counted(t, "Customers", 1, 2)
	require.NoError(t, quota.Adjust(t.Context(), "Customers", 0))
	err = quota.Adjust(t.Context(), "Customers", 3)
	require.ErrorIs(t, err, actito.ErrQuotaExceeded)
	require.ErrorContains(t, err, "table Customers: 1 of 4 imports used and 3 held")
	b.counted(t, "Customers", 1, 3)
	require.NoError(t, quota.Adjust(t.Context(), "Customers", -2))
	b.counted(t, "Customers", 1, 1)
	err = quota.Adjust(t.Context(), "Customers", -3)
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.ErrorContains(t, err, "2 imports fewer of table Customers")
	b.counted(t, "Customers", 1, 0)
	b.counted(t, "Orders", 0, 0)
}

func TestAStoreThatCannotBeLookedInto(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: &notedStore{}}))
	_, err := b.client.Quota.Entries(t.Context(), "Customers")
	require.ErrorContains(t, err, "is no QuotaAuditor")
	_, err = b.client.Quota.Sync(t.Context())
	require.ErrorContains(t, err, "is no QuotaAuditor")
	require.ErrorContains(t, b.client.Quota.Adjust(t.Context(), "Customers", 1), "is no QuotaAuditor")
}

func TestAnOperatorOpensAClosedTable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Times(5, actitotest.Status(429)))
		_, err := b.oneCustomer(t.Context())
		require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		_, err = b.oneCustomer(t.Context())
		require.ErrorContains(t, err, "Quota.Reopen")
		require.NoError(t, b.client.Quota.Reopen(t.Context(), "Customers"))
		e, err := b.oneCustomer(t.Context())
		b.loads(t, e, err)
	})
}

func TestFailOpenOverridesNoRefusal(t *testing.T) {
	t.Parallel()
	ledger, err := filequota.Open(filepath.Join(t.TempDir(), "quota.json"))
	require.NoError(t, err)
	server := inMemory(t)
	_, err = newBulk(t, server, actito.WithQuota(actito.Quota{Store: ledger, Limit: 3})).oneCustomer(t.Context())
	require.NoError(t, err)
	_, err = newBulk(t, server, actito.WithQuota(actito.Quota{Store: ledger, Limit: 2, FailOpen: true})).oneCustomer(t.Context())
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.False(t, actito.Retryable(err))
	require.ErrorContains(t, err, "clients that share a ledger need the same limits")
	require.Len(t, server.Imports(), 1)
}

func TestAReservationThatTookEffectAlthoughItFailedBlocksNothing(t *testing.T) {
	t.Parallel()
	books := &lossyStore{QuotaStore: actito.NewMemoryStore(time.Now)}
	b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: books, Limit: 1}))
	_, err := b.oneCustomer(t.Context(), actito.Once("key"))
	require.ErrorIs(t, err, errUnreachable)
	e, err := b.oneCustomer(t.Context(), actito.Once("key"))
	b.loads(t, e, err)
	b.counted(t, "Customers", 1, 0)
}

// lossyStore loses the answer to the first reservation.
type lossyStore struct {
	actito.QuotaStore
	lost bool
}

func (s *lossyStore) Reserve(ctx context.Context, r actito.Reservation) error {
	err := s.QuotaStore.Reserve(ctx, r)
	if !s.lost {
		s.lost = true
		return errUnreachable
	}
	return err
}

func TestAdjustLeavesAClosedTableItsProbe(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Times(5, actitotest.Status(429)))
		_, err := b.oneCustomer(t.Context())
		require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		time.Sleep(time.Hour)
		err = b.client.Quota.Adjust(t.Context(), "Customers", 1)
		require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		require.ErrorContains(t, err, "table Customers: closed until")
		e, err := b.oneCustomer(t.Context())
		b.loads(t, e, err)
	})
}

func TestQuotaMethodsNeedATableThatExists(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	quota := b.client.Quota
	for name, call := range map[string]func() error{
		"Usage":   func() error { _, err := quota.Usage(t.Context(), "Nobody"); return err },
		"Entries": func() error { _, err := quota.Entries(t.Context(), "Nobody"); return err },
		"Adjust":  func() error { return quota.Adjust(t.Context(), "Nobody", 1) },
		"Reopen":  func() error { return quota.Reopen(t.Context(), "Nobody") },
		"Plan": func() error {
			_, err := quota.Plan(t.Context(), "Nobody", 9*time.Hour, 18*time.Hour, time.Hour)
			return err
		},
	} {
		require.ErrorIs(t, call(), actito.ErrNotFound, name)
	}
}

// opaque is a transport that hides from the client what is in its tokens.
type opaque struct {
	http.RoundTripper
	real string
}

func (o *opaque) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasPrefix(req.Header.Get("Authorization"), "Bearer") {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+o.real)
		return o.RoundTripper.RoundTrip(req)
	}
	resp, err := o.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	var token struct{ AccessToken string }
	if err := errors.Join(json.NewDecoder(resp.Body).Decode(&token), resp.Body.Close()); err != nil {
		return nil, err
	}
	o.real = token.AccessToken
	resp.Body = io.NopCloser(strings.NewReader(`{"accessToken":"opaque"}`))
	return resp, nil
}

func TestBooksAreKeptUnderTheLicence(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opaque bool
		quota  actito.Quota
		bucket string // "" for a refusal
	}{
		"that the token names":                      {false, actito.Quota{Store: &notedStore{}}, "1/16"},
		"that was given":                            {false, actito.Quota{Store: &notedStore{}, Licence: "acme"}, "acme/16"},
		"that was given, if the token names none":   {true, actito.Quota{Store: &notedStore{}, Licence: "acme"}, "acme/16"},
		"which a shared store must be able to know": {true, actito.Quota{Store: &notedStore{}}, ""},
		"which memory needs not":                    {true, actito.Quota{}, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := inMemory(t)
			b := newBulk(t, server, actito.WithQuota(tt.quota))
			if tt.opaque {
				transport := &opaque{RoundTripper: server.Transport()}
				b = newBulk(t, server, actito.WithQuota(tt.quota), actito.WithHTTPClient(&http.Client{Transport: transport}))
			}
			e, err := b.oneCustomer(t.Context(), actito.Once("key"))
			if tt.bucket == "" {
				require.ErrorIs(t, err, actito.ErrInvalid)
				require.ErrorContains(t, err, "Quota.Licence")
				require.Empty(t, b.starts())
				return
			}
			b.loads(t, e, err)
			if store, ok := tt.quota.Store.(*notedStore); ok {
				licence, _, _ := strings.Cut(tt.bucket, "/")
				r := store.reserved[0]
				require.Equal(t, tt.bucket, r.Buckets[0].Name)
				require.Equal(t, licence+"/key", r.Once)
				require.True(t, strings.HasPrefix(r.ID, licence+"/"))
			}
		})
	}
}

func TestImportsInMemoryAreCountedWithOneWarning(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		quota actito.Quota
		want  int
	}{
		"in memory":  {actito.Quota{}, 1},
		"in a store": {actito.Quota{Store: &notedStore{}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			b := newBulk(t, inMemory(t), actito.WithQuota(tt.quota), actito.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			require.NotContains(t, log.String(), "counted in memory")
			for range 2 {
				e, err := b.oneCustomer(t.Context())
				b.loads(t, e, err)
			}
			require.Equal(t, tt.want, strings.Count(log.String(), "counted in memory"), log.String())
		})
	}
}

func TestClocksThatDifferTooMuchRefuseImports(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server time.Duration // of the server's clock, ahead of ours
		want   string
	}{
		"ours is six minutes ahead":   {-6 * time.Minute, "ahead of the server's"},
		"ours is six minutes behind":  {6 * time.Minute, "behind the server's"},
		"ours is four minutes ahead":  {-4 * time.Minute, ""},
		"ours is four minutes behind": {4 * time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t, actitotest.WithImportTimes(0, 0)))
				b.Clock().Set(time.Now().Add(tt.server))
				e, err := b.oneCustomer(t.Context())
				if tt.want == "" {
					b.loads(t, e, err)
					return
				}
				require.ErrorIs(t, err, actito.ErrClockSkew)
				require.ErrorContains(t, err, tt.want)
				require.False(t, actito.Retryable(err))
				b.untouched(t)
				b.Clock().Set(time.Now()) // the clock is put right
				e, err = b.oneCustomer(t.Context())
				b.loads(t, e, err)
			})
		})
	}
}

// failingStore fails as often as it is told, in a call.
type failingStore struct {
	*notedStore
	reserve, begin, settle int
}

var errUnreachable = errors.New("the database is unreachable")

func fails(times *int) error {
	if *times > 0 {
		*times--
		return errUnreachable
	}
	return nil
}

func (s *failingStore) Reserve(ctx context.Context, r actito.Reservation) error {
	return errors.Join(fails(&s.reserve), s.notedStore.Reserve(ctx, r))
}
func (s *failingStore) Begin(context.Context, string) error { return fails(&s.begin) }
func (s *failingStore) Settle(ctx context.Context, id string, o actito.Outcome) error {
	if err := fails(&s.settle); err != nil {
		return err
	}
	return s.notedStore.Settle(ctx, id, o)
}

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		store    failingStore
		failOpen bool
		once     string
		started  bool
		warned   bool
		settled  []actito.OutcomeState
	}{
		"to reserve":                               {store: failingStore{reserve: 1}, settled: []actito.OutcomeState{actito.OutcomeFree}},
		"to reserve, and imports are to go on":     {store: failingStore{reserve: 1}, failOpen: true, started: true, warned: true, settled: []actito.OutcomeState{actito.OutcomeFree}},
		"to reserve an import that is to run once": {store: failingStore{reserve: 1}, failOpen: true, once: "key", settled: []actito.OutcomeState{actito.OutcomeFree}},
		"to begin":                               {store: failingStore{begin: 1}, settled: []actito.OutcomeState{actito.OutcomeFree}},
		"to begin, and imports are to go on":     {store: failingStore{begin: 1}, failOpen: true, started: true, warned: true},
		"to begin an import that is to run once": {store: failingStore{begin: 1}, failOpen: true, once: "key", settled: []actito.OutcomeState{actito.OutcomeFree}},
		"to settle for a while":                  {store: failingStore{settle: 5}, started: true, settled: []actito.OutcomeState{actito.OutcomeUsed}},
		"to settle at all":                       {store: failingStore{settle: 1000}, started: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				store := tt.store
				store.notedStore = &notedStore{}
				var log bytes.Buffer
				b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: &store, FailOpen: tt.failOpen}),
					actito.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				var opts []actito.ImportOption
				if tt.once != "" {
					opts = append(opts, actito.Once(tt.once))
				}
				began := time.Now()
				e, err := b.oneCustomer(t.Context(), opts...)
				require.LessOrEqual(t, time.Since(began), 11*time.Second)
				if tt.started {
					b.loads(t, e, err)
				} else {
					require.ErrorIs(t, err, errUnreachable)
					require.True(t, actito.Retryable(err), "whichever call it was that failed")
				}
				require.Len(t, b.Imports(), map[bool]int{true: 1}[tt.started])
				require.Equal(t, tt.warned, strings.Contains(log.String(), "started uncounted"), log.String())
				require.Equal(t, tt.started && tt.store.settle > 100, strings.Contains(log.String(), "settle it with Quota.Settle"), log.String())
				var settled []actito.OutcomeState
				for _, o := range store.settled {
					settled = append(settled, o.State)
				}
				require.Equal(t, tt.settled, settled)
			})
		})
	}
}

// forgetfulStore is a store that knows that it may have lost bookings.
type forgetfulStore struct {
	actito.QuotaStore
	actito.QuotaAuditor
	confirmed bool
}

func (s *forgetfulStore) Reserve(ctx context.Context, r actito.Reservation) error {
	if !s.confirmed {
		return &actito.UnverifiedError{Reason: "it was restarted", Confirm: func(context.Context) error { s.confirmed = true; return nil }}
	}
	return s.QuotaStore.Reserve(ctx, r)
}

func TestAStoreThatMayHaveLostBookingsIsCompleted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		world    actitotest.Assumption
		failOpen bool
		want     error
	}{
		"from the service's list":                              {world: actitotest.ExecutionListExists, want: actito.ErrQuotaExceeded},
		"or nothing is started":                                {world: actitotest.ExecutionListMissing, want: actito.ErrNotFound},
		"or it is started all the same, where this is allowed": {world: actitotest.ExecutionListMissing, failOpen: true, want: actito.ErrTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				server := inMemory(t)
				server.Assume(tt.world)
				before := newBulk(t, server)
				for range 12 {
					_, err := before.oneCustomer(t.Context())
					require.NoError(t, err)
				}
				books := actito.NewMemoryStore(time.Now)
				store := &forgetfulStore{QuotaStore: books, QuotaAuditor: books.(actito.QuotaAuditor)}
				b := newBulk(t, server, actito.WithQuota(actito.Quota{Store: store, FailOpen: tt.failOpen}))
				_, err := b.oneCustomer(t.Context())
				require.ErrorIs(t, err, tt.want)
				require.Len(t, server.Imports(), 12)
				require.Equal(t, tt.world == actitotest.ExecutionListExists, store.confirmed)
				if errors.Is(tt.want, actito.ErrQuotaExceeded) {
					require.NotErrorIs(t, err, actito.ErrTooManyRequests, "nothing was sent")
					b.counted(t, "Customers", 12, 0)
				}
			})
		})
	}
}

func TestAStoreThatMayHaveLostBookingsWaitsUntilTheServiceTellsAllTables(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := inMemory(t, actitotest.WithImportTimes(time.Minute, time.Minute)) // tables are told at the end
		server.Assume(actitotest.ExecutionListExists)
		_, err := newBulk(t, server).oneCustomer(t.Context())
		require.NoError(t, err)
		books := actito.NewMemoryStore(time.Now)
		store := &forgetfulStore{QuotaStore: books, QuotaAuditor: books.(actito.QuotaAuditor)}
		b := newBulk(t, server, actito.WithQuota(actito.Quota{Store: store}))
		_, err = b.oneCustomer(t.Context())
		require.ErrorContains(t, err, "the service does not tell which tables 1 of them load")
		require.False(t, store.confirmed)
		time.Sleep(10 * time.Minute)
		e, err := b.oneCustomer(t.Context())
		b.loads(t, e, err)
		b.counted(t, "Customers", 2, 0)
	})
}
