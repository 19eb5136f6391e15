package filequota

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func (o *office) usage() actito.Usage {
	u, err := o.operator.Quota.Usage(o.Context(), "Customers")
	require.NoError(o, err)
	return u
}

func (o *office) entries() []actito.QuotaEntry {
	list, err := o.operator.Quota.Entries(o.Context(), "Customers")
	require.NoError(o, err)
	return list
}

// states are those of the ledger's entries when some time has passed.
func (o *office) states(passed time.Duration) (list []string) {
	store, err := openAt(o.path, func() time.Time { return time.Now().Add(passed) })
	require.NoError(o, err)
	entries, err := store.(actito.QuotaAuditor).Entries(o.Context(), "1/16")
	require.NoError(o, err)
	for _, e := range entries {
		list = append(list, e.State)
	}
	return list
}

// reconcile settles what is not known: so many imports as used as the service has and the ledger does not, and frees the
// others. It fails if the service has imports that nothing in the ledger accounts for, or the ledger has other ones.
func (o *office) reconcile() {
	unknown := make(map[string]bool)
	for _, i := range o.service.Imports() {
		unknown[i.ExecutionID] = true
	}
	accepted, counted := len(unknown), 0
	list := o.entries()
	for _, e := range list {
		if e.State == "used" {
			require.True(o, unknown[e.ExecutionID], "%+v is not on the service", e)
			delete(unknown, e.ExecutionID)
			counted++
		}
	}
	o.service.Assume(actitotest.ExecutionListExists)
	report, err := o.operator.Quota.Sync(o.Context())
	require.NoError(o, err)
	require.Equal(o, actito.SyncReport{Executions: accepted, Counted: accepted - counted}, report)
	for _, e := range list {
		outcome := actito.Free()
		if e.State == "begun" || e.State == "held" {
			for id := range unknown {
				outcome = actito.Used(id)
				delete(unknown, id)
				break
			}
		}
		if e.State != "used" {
			require.NoError(o, o.operator.Quota.Settle(o.Context(), e.ID, outcome))
		}
	}
	require.Empty(o, unknown, "the service accepted them, and the ledger shows no import that may be one: %v", list)
	require.Equal(o, [2]int{accepted, 0}, [2]int{o.usage().Used, o.usage().Held})
}

// isStart tells whether a request starts an import.
func isStart(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/etl-executions")
}

func TestAClientIsKilled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		at            string
		state, lapsed []string // of its entries, until the lease is over and then
		accepted      int
	}{
		"before Reserve: nothing is booked":                           {"Reserve", nil, nil, 0},
		"before Begin: the unit is free with the lease":               {"Begin", []string{"reserved"}, nil, 0},
		"during the upload: the unit is held, then free":              {"upload", []string{"begun"}, []string{"held"}, 0},
		"before the answer comes: the unit is held, then used":        {"answer", []string{"begun"}, []string{"held"}, 1},
		"with the answer, before Settle: the unit is held, then used": {"Settle", []string{"begun"}, []string{"held"}, 1},
		"after Settle: the unit is used, and the execution known":     {"next", []string{"used"}, []string{"used"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alive, kill := context.WithCancel(t.Context())
			defer kill()
			o := newOffice(t, func(service http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !isStart(r) || tt.at != "upload" && tt.at != "answer" {
						service.ServeHTTP(w, r)
						return
					}
					if tt.at == "answer" {
						service.ServeHTTP(httptest.NewRecorder(), r)
					}
					kill()
					_, _ = io.Copy(io.Discard, r.Body)
					<-r.Context().Done() // it never answers
				})
			})
			require.NoError(t, o.process(alive, importer{StandsBefore: tt.at}, func(told told) {
				if told.Before == tt.at {
					kill()
				}
			}))
			require.Error(t, alive.Err(), "it was killed")
			require.Len(t, o.service.Imports(), tt.accepted)
			require.Equal(t, tt.state, o.states(0))
			require.Equal(t, tt.state, o.states(14*time.Minute))
			require.Equal(t, tt.lapsed, o.states(16*time.Minute))
			require.Equal(t, len(tt.state), o.usage().Used+o.usage().Held)
			o.reconcile()
		})
	}
}

// crew lets eight importers work at once, each in one process after another: so many, or until the budget is used up.
// Most of the processes are killed, at any instruction. It returns the executions that importers know of.
func (o *office) crew(once string, processes int) (known []string, kills int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range 8 {
		all.Go(func() {
			over := false
			for n := 0; n < processes && !over; n++ {
				alive, kill := context.WithCancel(o.Context())
				err := o.process(alive, importer{Once: once}, func(t told) {
					mu.Lock()
					defer mu.Unlock()
					if rand.IntN(5) == 0 {
						time.AfterFunc(time.Duration(rand.IntN(3_000))*time.Microsecond, kill)
					}
					if t.Execution != "" {
						known = append(known, t.Execution)
					}
					over = over || t.Full
				})
				mu.Lock()
				if err != nil {
					failed, over = err, true
				}
				if alive.Err() != nil {
					kills++
				}
				mu.Unlock()
				kill()
			}
		})
	}
	all.Wait()
	require.NoError(o, failed)
	o.front.Close() // what killed processes sent has come by now, or never does
	return known, kills
}

func asItIs(service http.Handler) http.Handler { return service }

func TestEightClientsAreKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	rounds, kills, found := 0, 0, make(map[string]int)
	for begin := time.Now(); rounds == 0 || time.Since(begin) < *killing; rounds++ {
		o := newOffice(t, asItIs)
		known, killed := o.crew("", 1000)
		kills += killed
		require.LessOrEqual(t, len(o.service.Imports()), 12)
		require.Equal(t, 12, o.usage().Used+o.usage().Held)
		used := make(map[string]bool)
		for _, e := range o.entries() {
			found[e.State]++
			used[e.ExecutionID] = true
		}
		for _, id := range known {
			require.True(t, used[id], "execution %s is known, and not in the ledger", id)
		}

		o.reconcile()
		var err error
		for err == nil {
			_, err = importOne(t.Context(), o.operator, "")
		}
		require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		require.Equal(t, [2]int{12, 0}, [2]int{o.usage().Used, o.usage().Held})
		require.Len(t, o.service.Imports(), 12)
	}
	t.Logf("%d rounds, %d processes killed, left in the ledgers: %v", rounds, kills, found)
}

func TestEightClientsWithOneKeyAreKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	rounds, kills, found := 0, 0, make(map[string]int)
	for begin := time.Now(); rounds == 0 || time.Since(begin) < *killing; rounds++ {
		o := newOffice(t, asItIs)
		known, killed := o.crew("key", 2)
		kills += killed
		require.LessOrEqual(t, len(o.service.Imports()), 1)
		for _, e := range o.entries() {
			found[e.State]++
		}

		o.reconcile()
		for range 2 {
			e, err := importOne(t.Context(), o.operator, "key")
			require.NoError(t, err)
			known = append(known, e.ID)
		}
		imports := o.service.Imports()
		require.Len(t, imports, 1)
		for _, id := range known {
			require.Equal(t, imports[0].ExecutionID, id)
		}
	}
	t.Logf("%d rounds, %d processes killed, left in the ledgers: %v", rounds, kills, found)
}
