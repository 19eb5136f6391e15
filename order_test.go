package actito

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWritesToOneKeyGoInCallOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ts turns
		order := newTimeline()
		var joined []*turn
		for range 5 {
			joined = append(joined, ts.join("ann"))
		}
		for i, turn := range slices.Backward(joined) { // goroutines start in any order
			go func() {
				defer turn.leave()
				assert.NoError(t, turn.wait(t.Context()))
				order.add(fmt.Sprint(i))
				time.Sleep(time.Second)
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []moment{{"0", 0}, {"1", time.Second}, {"2", 2 * time.Second}, {"3", 3 * time.Second}, {"4", 4 * time.Second}}, order.moments)
		assert.Empty(t, ts.last)
	})
}

func TestOtherKeysDoNotWait(t *testing.T) {
	t.Parallel()
	var ts turns
	ann, bob := ts.join("ann"), ts.join("bob")
	require.NoError(t, ann.wait(t.Context()))
	require.NoError(t, bob.wait(t.Context()))
	ann.leave()
	bob.leave()
	assert.Empty(t, ts.last)
}

func TestATurnThatIsNotTakenDoesNotBreakTheOrder(t *testing.T) {
	t.Parallel()
	for name, quit := range map[string]func(*testing.T, *turn){
		"because it was never waited for": func(*testing.T, *turn) {},
		"because its context ended": func(t *testing.T, turn *turn) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, turn.wait(ctx), context.DeadlineExceeded)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var ts turns
				first, second, third := ts.join("ann"), ts.join("ann"), ts.join("ann")
				require.NoError(t, first.wait(t.Context()))
				quit(t, second)
				second.leave()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.Error(t, third.wait(ctx), "the first is still at it")
				first.leave()
				require.NoError(t, third.wait(t.Context()))
				third.leave()
				assert.Empty(t, ts.last)
			})
		})
	}
}

func TestATurnWhoseContextIsOverIsNotTaken(t *testing.T) {
	t.Parallel()
	var ts turns
	first := ts.join("ann")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, first.wait(ctx), context.Canceled)
	second := ts.join("ann")
	first.leave()
	require.ErrorIs(t, second.wait(ctx), context.Canceled, "though nobody is ahead any more")
}

func TestLeavingTwiceLetsOnePass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ts turns
		first, second, third := ts.join("ann"), ts.join("ann"), ts.join("ann")
		first.leave()
		first.leave()
		require.NoError(t, second.wait(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, third.wait(ctx))
	})
}

func TestOrderHoldsForAnyJoinsWaitsAndLeaves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var ts turns
		lines := map[string][]*turn{} // the naive model: those who have not left, by key
		over, end := context.WithCancel(context.Background())
		end()
		rt.Repeat(map[string]func(*rapid.T){
			"join": func(rt *rapid.T) {
				key := rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(rt, "key")
				lines[key] = append(lines[key], ts.join(key))
			},
			"leave": func(rt *rapid.T) {
				key := rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(rt, "key")
				if len(lines[key]) == 0 {
					rt.Skip("nobody there")
				}
				i := rapid.IntRange(0, len(lines[key])-1).Draw(rt, "place")
				turn := lines[key][i]
				lines[key] = slices.Delete(lines[key], i, i+1)
				for range rapid.IntRange(1, 3).Draw(rt, "times") {
					turn.leave()
				}
			},
			"": func(rt *rapid.T) {
				standing := 0
				for key, line := range lines {
					for i, turn := range line {
						if isFirst(turn) != (i == 0) {
							rt.Fatalf("key %q: first in line: %t, at place %d", key, isFirst(turn), i)
						}
						if turn.wait(over) == nil {
							rt.Fatal("a wait under a dead context succeeds")
						}
					}
					if len(line) > 0 {
						standing++
					}
				}
				if len(ts.last) != standing {
					rt.Fatalf("%d lines are kept for %d keys", len(ts.last), standing)
				}
			},
		})
	})
}

func isFirst(t *turn) bool {
	if t.first == nil {
		return true
	}
	select {
	case <-t.first:
		return true
	default:
		return false
	}
}

func TestOneWriterAtATimeUnderLoad(t *testing.T) {
	t.Parallel()
	var ts turns
	var all sync.WaitGroup
	writes := map[string]*[]int{"ann": {}, "bob": {}} // written without a lock: the race detector watches
	for i := range 1000 {
		for key, written := range writes {
			turn := ts.join(key)
			all.Go(func() {
				defer turn.leave()
				if i%7 == 0 {
					return
				}
				if turn.wait(context.Background()) == nil {
					*written = append(*written, i)
				}
			})
		}
	}
	all.Wait()
	for _, written := range writes {
		assert.True(t, slices.IsSorted(*written))
		assert.Len(t, *written, 857)
	}
	assert.Empty(t, ts.last)
}

func TestAnUncontendedTurnCostsOneAllocation(t *testing.T) {
	var ts turns
	ctx := t.Context()
	assert.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		turn := ts.join("ann")
		if turn.wait(ctx) != nil {
			t.Fatal("waits")
		}
		turn.leave()
	}), 1.0)
}
