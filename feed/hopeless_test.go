package feed_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
)

func TestARowIsNotBlamedForALicenceThatIsFullOrClosed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 429} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var open atomic.Bool
				s := setup{client: []actito.Option{once()}, wire: func(_ *http.Request, body string) *http.Response {
					if strings.Contains(body, `"unlucky"`) && !open.Load() {
						return answer(status, "not now")
					}
					return nil
				}}.open(t)
				s.push(customer{ID: "unlucky", Newsletter: actito.Set(false)})
				stop := s.run(s.feed)
				for i := range 240 {
					s.many(i, i+1)
					time.Sleep(time.Minute)
				}
				assert.Empty(t, s.dead())
				open.Store(true)
				for i := range 20 {
					s.many(i, i+1)
					time.Sleep(time.Minute)
				}
				stop()
				s.empty()
			})
		})
	}
}

func TestRowsThatAreGivenUpDoNotTakeOthersAlong(t *testing.T) {
	if race.Enabled {
		t.Skip("it plays days in virtual time: run it without the race detector")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		s := setup{client: []actito.Option{once()}, wire: func(_ *http.Request, body string) *http.Response {
			if down.Load() || strings.Contains(body, `"poison`) {
				return answer(500, "a fault of ours")
			}
			return nil
		}}.open(t)
		for i := range 30 {
			s.push(customer{ID: fmt.Sprint("poison", i)})
		}
		stop := s.run(s.feed)
		for i := 0; len(s.dead()) == 0; i++ { // the others are about to follow
			s.many(i, i+1)
			time.Sleep(time.Minute)
		}
		down.Store(true)
		s.many(1000, 1005)
		time.Sleep(8 * time.Hour)
		stop()
		for _, d := range s.dead() {
			assert.True(t, strings.HasPrefix(d.Key, "poison"), "the service is down, for all")
		}
	})
}
