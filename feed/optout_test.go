package feed_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/feed"
)

func TestAnOptOutArrivesThoughTheRestOfItsRowIsRefused(t *testing.T) {
	t.Parallel()
	for name, push := range map[string]func(s *shop){
		"with the row": func(s *shop) { s.push(customer{ID: "1", Email: "no address", Newsletter: actito.Set(false)}) },
		"after a dead one": func(s *shop) {
			s.push(customer{ID: "1", Email: "no address"})
			s.runFor(3 * time.Second)
			s.push(customer{ID: "1", Newsletter: actito.Set(false)})
		},
		"before a bad one": func(s *shop) {
			s.push(customer{ID: "1", Newsletter: actito.Set(false)})
			s.push(customer{ID: "1", Email: "no address"})
		},
		"after a dead in": func(s *shop) {
			s.push(customer{ID: "1", Email: "no address", Newsletter: actito.Set(true)})
			s.runFor(3 * time.Second)
			s.push(customer{ID: "1", Newsletter: actito.Set(false)})
		},
		"refused by itself": func(s *shop) {
			s.push(customer{ID: "1", FirstName: actito.Set(strings.Repeat("x", 100_000)), Newsletter: actito.Set(false)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := setup{wire: func(_ *http.Request, body string) *http.Response {
					if strings.Contains(body, "xxx") {
						return answer(400, "firstName is too long")
					}
					return nil
				}}.open(t)
				s.push(customer{ID: "1", Email: "ann@example.com", Newsletter: actito.Set(true)})
				s.runFor(3 * time.Second)
				push(s)
				s.runFor(3 * time.Second)
				p, ok := s.customer("1")
				require.True(t, ok)
				assert.False(t, p.Subscriptions["Newsletter"], "it is out")
				assert.Equal(t, "ann@example.com", p.Attributes["emailAddress"])
				assert.NotEmpty(t, s.dead(), "the rest waits for somebody")
				for _, d := range s.dead() {
					assert.Equal(t, "400", d.Code)
				}
				s.push(customer{ID: "1", Email: "ann@example.org", FirstName: actito.Set("Ann")})
				s.runFor(3 * time.Second)
				s.empty()
				p, _ = s.customer("1")
				assert.False(t, p.Subscriptions["Newsletter"])
				assert.Equal(t, "ann@example.org", p.Attributes["emailAddress"])
			})
		})
	}
}

func TestAnOptOutOfARowThatMayNotBeDeletedArrives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setup{wire: func(r *http.Request, _ string) *http.Response {
			if r.Method == http.MethodDelete {
				return answer(404, "no")
			}
			return nil
		}}.open(t)
		s.push(customer{ID: "1", Email: "ann@example.com", Newsletter: actito.Set(true)})
		s.runFor(3 * time.Second)
		s.delete("1")
		s.runFor(3 * time.Second)
		require.Len(t, s.dead(), 1)
		s.push(customer{ID: "1", Newsletter: actito.Set(false)})
		s.runFor(3 * time.Second)
		p, ok := s.customer("1")
		require.True(t, ok)
		assert.False(t, p.Subscriptions["Newsletter"])
		assert.Len(t, s.dead(), 2)
	})
}

func TestAnOptOutThatCouldNotBeSentAloneIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		s := setup{client: []actito.Option{once()}, wire: func(_ *http.Request, body string) *http.Response {
			if !strings.Contains(body, "emailAddress") && strings.Contains(body, "Newsletter") && calls.Add(1) < 4 {
				return answer(503, "a moment")
			}
			return nil
		}}.open(t)
		s.push(customer{ID: "1", Email: "ann@example.com"})
		s.runFor(3 * time.Second)
		s.push(customer{ID: "1", Email: "no address", Newsletter: actito.Set(false)})
		s.runFor(time.Minute)
		assert.Equal(t, int64(4), calls.Load())
		assert.Len(t, s.dead(), 1)
		assert.Equal(t, "400", s.dead()[0].Code)
	})
}

// Another program may find rows by another attribute: what it hands over is not for this one to read.
func TestADeleteByAnotherAttributeDeletesNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type member struct {
			Email     string `actito:"emailAddress,key"`
			FirstName string `actito:"firstName"`
		}
		s := newShop(t)
		s.push(customer{ID: "ann@example.com", Email: "other@example.com"})
		s.runFor(3 * time.Second)
		other, err := feed.Open(s.client, s.store)
		require.NoError(t, err)
		table, err := actito.Profiles[member](s.client, "Customers")
		require.NoError(t, err)
		members := feed.Profiles(other, table)
		require.NoError(t, members.Delete(t.Context(), s.memory, "ann@example.com"))
		s.runFor(5 * time.Second)
		_, ok := s.customer("ann@example.com")
		assert.True(t, ok)
		stats, err := s.feed.Stats(t.Context())
		require.NoError(t, err)
		require.Len(t, stats.Lanes, 3)
		assert.Equal(t, feed.LaneStats{Lane: "profiles:Shop/Customers:emailAddress", Pending: 1, Oldest: 5 * time.Second, Unknown: true}, stats.Lanes[2])
	})
}
