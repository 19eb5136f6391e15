package redisquota

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// contract is what the limiters of several processes keep together, in any world.
var contract = map[string]func(*testing.T, *world){
	"a burst is not delayed, and the next call waits for the minute": func(t *testing.T, w *world) {
		a, b := w.process(actito.RateLimit{CallsPerMinute: 10}), w.process(actito.RateLimit{CallsPerMinute: 10})
		began := time.Now()
		for range 5 {
			a.mustStart(t, actito.Work{})()
			b.mustStart(t, actito.Work{})()
		}
		release, err := a.Acquire(t.Context(), actito.Work{})
		require.NoError(t, err)
		release()
		w.took(t, w.minute+tolerance, began)
	},
	"real time may use every call and slot": func(t *testing.T, w *world) {
		a, b := w.process(actito.RateLimit{CallsPerMinute: 10}), w.process(actito.RateLimit{CallsPerMinute: 10})
		for range 5 {
			a.mustStart(t, actito.Work{})()
		}
		for range 5 {
			b.mustStart(t, actito.Work{})
		}
		a.mustBusy(t, actito.Work{})
	},
	"a slot is free after its release, which counts once": func(t *testing.T, w *world) {
		a, b := w.process(actito.RateLimit{Concurrent: 2}), w.process(actito.RateLimit{Concurrent: 2})
		release := a.mustStart(t, actito.Work{})
		b.mustStart(t, actito.Work{})
		a.mustBusy(t, actito.Work{})
		release()
		release()
		b.mustStart(t, actito.Work{})
		a.mustBusy(t, actito.Work{})
	},
	"waiters start by class, then by arrival, whichever process they are in": func(t *testing.T, w *world) {
		rate := actito.RateLimit{Concurrent: 1}
		first := w.process(rate)
		processes := []*process{w.process(rate), w.process(rate)}
		release := first.mustStart(t, actito.Work{})
		var order []string
		var mu sync.Mutex
		var all sync.WaitGroup
		for i, op := range []string{"listing 1", "polling 1", "background 1", "real time 1", "background 2", "listing 2", "polling 2", "real time 2"} {
			p := processes[i%2]
			class := map[byte]actito.Class{'r': actito.RealTime, 'b': actito.BackgroundWork, 'p': actito.Polling, 'l': actito.Listing}[op[0]]
			all.Go(func() {
				release, err := p.Acquire(t.Context(), actito.Work{Op: op, Class: class})
				if assert.NoError(t, err) {
					mu.Lock()
					order = append(order, op)
					mu.Unlock()
					release()
				}
			})
			p.waits(i/2 + 1)
		}
		release()
		all.Wait()
		assert.Equal(t, []string{
			"real time 1", "real time 2", "background 1", "background 2", "polling 1", "polling 2", "listing 1", "listing 2",
		}, order)
	},
	"short calls do not overtake a transfer that waits in another process": func(t *testing.T, w *world) {
		a, b := w.process(actito.RateLimit{}), w.process(actito.RateLimit{})
		release := a.mustStart(t, actito.Work{})
		for range 2 {
			a.mustStart(t, actito.Work{})
		}
		var all sync.WaitGroup
		all.Go(func() {
			_, err := a.Acquire(t.Context(), actito.Work{Class: actito.BackgroundWork, Transfer: true})
			assert.NoError(t, err)
		})
		a.waits(1)
		b.mustBusy(t, actito.Work{Class: actito.BackgroundWork})
		b.mustBusy(t, actito.Work{Class: actito.Polling})
		release()
		all.Wait()
		b.mustStart(t, actito.Work{Class: actito.Polling})
	},
	"a slot is kept for who waits for it in another process": func(t *testing.T, w *world) {
		rate := actito.RateLimit{Concurrent: 1}
		a, b, c := w.process(rate), w.process(rate), w.process(rate)
		release := a.mustStart(t, actito.Work{})
		var all sync.WaitGroup
		all.Go(func() {
			_, err := b.Acquire(t.Context(), actito.Work{})
			assert.NoError(t, err)
		})
		b.waits(1)
		release()
		c.mustBusy(t, actito.Work{})
		all.Wait()
	},
	"who cannot wait makes room at once": func(t *testing.T, w *world) {
		a := w.process(actito.RateLimit{})
		for range 3 {
			a.mustStart(t, actito.Work{})
		}
		a.mustBusy(t, actito.Work{Class: actito.BackgroundWork, Transfer: true})
		a.mustStart(t, actito.Work{Class: actito.Polling})
	},
	"a cancelled waiter leaves the queue": func(t *testing.T, w *world) {
		a, b := w.process(actito.RateLimit{Concurrent: 3}), w.process(actito.RateLimit{Concurrent: 3})
		release := a.mustStart(t, actito.Work{})
		a.mustStart(t, actito.Work{})
		a.mustStart(t, actito.Work{})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := a.Acquire(ctx, actito.Work{})
			assert.Equal(t, context.Canceled, err)
		})
		a.waits(1)
		cancel()
		all.Wait()
		a.waits(0)
		release()
		b.mustStart(t, actito.Work{})
	},
	"a process is held to its own limits, and all others count": func(t *testing.T, w *world) {
		small := w.process(actito.RateLimit{CallsPerMinute: 10, Concurrent: 3})
		large := w.process(actito.RateLimit{CallsPerMinute: 20, Concurrent: 5})
		for range 3 {
			large.mustStart(t, actito.Work{})
		}
		small.mustBusy(t, actito.Work{})
		release := large.mustStart(t, actito.Work{})
		large.mustStart(t, actito.Work{})()
		release()
		for range 5 {
			large.mustStart(t, actito.Work{})()
		}
		small.mustBusy(t, actito.Work{})
		large.mustStart(t, actito.Work{})()
	},
	"another licence has limits of its own": func(t *testing.T, w *world) {
		a, b := w.process(actito.RateLimit{Concurrent: 1}), w.process(actito.RateLimit{Concurrent: 1}, Licence("another"))
		a.mustStart(t, actito.Work{})
		b.mustStart(t, actito.Work{})
	},
}

// contracts returns the contract and what it says of every class.
func contracts() map[string]func(*testing.T, *world) {
	contract := maps.Clone(contract)
	for _, class := range []actito.Class{actito.BackgroundWork, actito.Polling, actito.Listing} {
		contract["real time keeps calls that nobody else takes, "+class.String()] = func(t *testing.T, w *world) {
			rate := actito.RateLimit{CallsPerMinute: 10, RealTimeCalls: 4}
			a, b := w.process(rate), w.process(rate)
			for range 3 {
				a.mustStart(t, actito.Work{Class: class})()
				b.mustStart(t, actito.Work{Class: class})()
			}
			a.mustBusy(t, actito.Work{Class: class})
			for range 4 {
				b.mustStart(t, actito.Work{})()
			}
			a.mustBusy(t, actito.Work{})
		}
		contract["real time keeps slots that nobody else takes, "+class.String()] = func(t *testing.T, w *world) {
			a, b := w.process(actito.RateLimit{}), w.process(actito.RateLimit{})
			for range 3 {
				a.mustStart(t, actito.Work{Class: class})
			}
			b.mustBusy(t, actito.Work{Class: class})
			b.mustStart(t, actito.Work{})
			a.mustStart(t, actito.Work{})
			b.mustBusy(t, actito.Work{})
		}
	}
	for name, tt := range map[string]struct {
		limit    actito.RateLimit
		inFlight int // real-time calls
		starts   bool
	}{
		"with three slots free it starts":        {actito.RateLimit{}, 2, true},
		"with two slots free it waits":           {actito.RateLimit{}, 3, false},
		"a reserve of one does not change that":  {actito.RateLimit{RealTimeSlots: 1}, 3, false},
		"with two slots in all one is left free": {actito.RateLimit{Concurrent: 2}, 1, false},
		"with one slot in all it may have it":    {actito.RateLimit{Concurrent: 1}, 0, true},
	} {
		for _, class := range []actito.Class{actito.RealTime, actito.BackgroundWork} {
			contract["a transfer, "+class.String()+": "+name] = func(t *testing.T, w *world) {
				a, b := w.process(tt.limit), w.process(tt.limit)
				for range tt.inFlight {
					a.mustStart(t, actito.Work{})
				}
				_, err := b.Acquire(t.Context(), actito.Work{Class: class, Transfer: true, MaxWait: -1})
				assert.Equal(t, tt.starts, err == nil, err)
			}
		}
	}
	return contract
}

func TestTheContractHoldsInVirtualTime(t *testing.T) {
	t.Parallel()
	for name, test := range contracts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, test)
		})
	}
}

func TestTheContractHoldsOnARealServer(t *testing.T) {
	t.Parallel()
	for name, test := range contracts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onServer(t, test)
		})
	}
}
