//go:build unix

package integration

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/race"
)

// keyOfImport is a customer of whom there are so many that they go by import. The first ones go last: calls begin with the
// others until the import holds them.
func keyOfImport(i int) string { return fmt.Sprintf("s%03d", i) }

// newImportShop is a shop whose outbox holds rows that are due for an import, which takes a while.
func newImportShop(t testing.TB, where address) *shop {
	t.Helper()
	s := newShopOf(t, where, 250, actitotest.WithImportTimes(time.Second, 3*time.Second))
	for i := range 3 { // they are there before, and get the newsletter
		require.NoError(t, s.own.change(t.Context(), keyOfImport(i), newRandom(), "opt-in"))
	}
	s.drainAll()
	s.handOverFile()
	return s
}

// handOverFile hands over what is enough for an import.
func (s *shop) handOverFile() {
	s.Helper()
	for i := range s.imports {
		require.NoError(s, s.own.change(s.Context(), keyOfImport(s.imports-1-i), nil, "file"))
	}
}

// during changes rows that an import holds: two go at once, and again after it.
func (s *shop) during() {
	s.Helper()
	for i, kind := range []string{"opt-out", "delete", "delete", "patch"} {
		if kind == "delete" {
			require.NoError(s, s.own.remove(s.Context(), keyOfImport(i)))
		} else {
			require.NoError(s, s.own.change(s.Context(), keyOfImport(i), newRandom(), kind))
		}
	}
	require.NoError(s, s.own.change(s.Context(), keyOfImport(2), newRandom(), "patch")) // it comes back
}

func TestAnOptOutDuringAnImportStaysOut(t *testing.T) {
	onEachPlace(t, func(t *testing.T, a address) {
		s := newImportShop(t, a)
		drains := s.start(duty{Name: "drain", Drains: true})
		drains.heard("point after 201 to POST mass-imports/")
		at := time.Now()
		s.during()
		s.delivered()
		drains.finish()
		imports := s.server.Imports()
		require.NotEmpty(t, imports)
		assert.Greater(t, imports[0].Rows, 200)
		early := map[string]bool{}
		ended := imports[0].Time.Add(4 * time.Second)
		for _, w := range s.all() {
			if w.at.After(at) && w.at.Before(ended) {
				early[w.key] = true
			}
		}
		assert.True(t, early[keyOfImport(0)], "the opt-out goes at once")
		assert.True(t, early[keyOfImport(1)], "the delete goes at once")
		assert.False(t, early[keyOfImport(3)], "a change waits")
		s.check()
		assert.Nil(t, s.remote(keyOfImport(1)))
		assert.Empty(t, s.remote(keyOfImport(0))["news"])
	})
}

// importPoints are those steps of an import that are always tried. Where an import may or may not have been started, the
// next process needs minutes to know, since the service's list of executions may be late.
var importPoints = []string{
	"after INSERT INTO feed_imports",
	"after 201 to POST mass-imports/",
	"before DELETE FROM feed_imports",
}

func TestNothingIsLostWhateverStepOfAnImportIsKilled(t *testing.T) {
	t.Parallel()
	for name, place := range race.Cases(placesOfShop) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points := importPoints
			if *killing >= thorough {
				points = pointsOfImport(t, place(t))
			}
			for _, point := range points {
				t.Run(point, func(t *testing.T) {
					t.Parallel()
					newImportShop(t, place(t)).killedAt(point)
				})
			}
		})
	}
}

// pointsOfImport are the points that only an import comes to.
func pointsOfImport(t *testing.T, a address) (points []string) {
	s := newImportShop(t, a)
	drains := s.start(duty{Name: "drain", Drains: true})
	drains.heard("point after 201 to POST mass-imports/")
	s.during()
	s.delivered()
	drains.finish()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, point := range s.points[true] {
		if strings.Contains(point, "import") || strings.Contains(point, "mass-imports/") || strings.Contains(point, "ledger") {
			points = append(points, point)
		}
	}
	require.NotEmpty(t, points)
	return points
}

// killedAt kills who drains at a point of an import, during which rows change. Another goes on.
func (s *shop) killedAt(point string) {
	s.Helper()
	if !strings.HasSuffix(point, "…") {
		point += "…"
	}
	first := s.start(duty{Name: "first", Drains: true, Order: order{Signal: syscall.SIGKILL, Within: true, At: point, Nth: 1}})
	select {
	case <-first.ended:
	case <-time.After(patience):
		require.FailNow(s, "a process does not come to it", point)
	}
	first.died()
	s.during()
	second := s.start(duty{Name: "second", Drains: true})
	s.delivered()
	second.finish()
	s.check()
}

// The next one that drains needs minutes to be sure that an import was not started, since the service's list of
// executions may be late.
func TestWhoeverIsStoppedWhileAnImportIsMadeStartsNone(t *testing.T) {
	t.Parallel()
	if *killing < thorough {
		t.Skip("it takes minutes: -killing 30s")
	}
	for name, place := range race.Cases(placesOfShop) {
		for _, at := range []string{"before BEGIN", "after COMMIT of INSERT INTO feed_imports…", "before POST mass-imports…", "at the body of POST mass-imports…"} {
			t.Run(name+" "+at, func(t *testing.T) {
				t.Parallel()
				s := newImportShop(t, place(t))
				first := s.start(duty{Name: "first", Drains: true, Order: order{Signal: syscall.SIGSTOP, At: at, Nth: 1}})
				first.stopped()
				second := s.start(duty{Name: "second", Drains: true})
				s.during()
				s.delivered()
				second.kill()
				s.during()
				outbox, writes, imports := s.outbox(), len(s.all()), len(s.server.Imports())

				first.goOn()
				first.heard("reaches before SELECT fence")
				assert.Equal(s, outbox, s.outbox(), "the outbox")
				assert.Empty(s, s.all()[writes:], "calls")
				assert.Len(s, s.server.Imports(), imports)
				first.finish()
				s.drainAll()
				s.check()
			})
		}
	}
}
