//go:build unix

package integration

import (
	"database/sql"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/internal/race"
)

// stops are points at which whoever drains is stopped for longer than its lease, while none of its transactions is open.
// A delete has no body, as which is read the lease is looked at once more.
var stops = []struct{ name, at string }{
	{"when it has the lease", "before SELECT e.…"},
	{"with what it has read", "after SELECT e.…"},
	{"with the states of rows", "after SELECT row_key…"},
	{"before it gets a token", "before GET auth/token"},
	{"before a delete", beforeDelete},
	{"before an upsert", "before POST profiles…"},
	{"before an upsert's body", "at the body of POST profiles…"},
	{"with the answer to an upsert", "after 201 to POST profiles…"},
	{"before an upsert of a record's body", "at the body of POST custom-data…"},
	{"with the answer to a delete", "after 404 to DELETE profiles…"},
	{"before it settles", "before BEGIN"},
	{"after it settled", "after COMMIT of DELETE FROM feed_events…"},
}

const beforeDelete = "before DELETE profiles…"

func TestWhoeverIsStoppedForLongerThanTheLeaseChangesNothing(t *testing.T) {
	t.Parallel()
	for name, place := range race.Cases(placesOfShop) {
		for i, tt := range stops {
			if *killing < thorough && i%3 != 0 {
				continue
			}
			t.Run(name+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				newFeedShop(t, place(t)).stopped(order{Signal: syscall.SIGSTOP, At: tt.at, Nth: 1})
			})
		}
	}
}

// Whoever goes on in time believes that it has its lease, which somebody took that knows better: the fence alone keeps it
// from settling what it delivered.
func TestWhoeverHasLostTheLeaseSettlesNothing(t *testing.T) {
	onEachPlace(t, func(t *testing.T, a address) {
		s := newFeedShop(t, a)
		s.changeAll()
		first := s.start(duty{Name: "first", Drains: true, Order: order{Signal: syscall.SIGSTOP, At: "after 201 to POST profiles…", Nth: 1}})
		first.stopped()
		lease, err := s.own.store().Lease(t.Context())
		require.NoError(t, err)
		_, err = s.own.store().Take(t.Context(), lease, "another")
		require.NoError(t, err)
		outbox := s.outbox()
		require.NotEmpty(t, outbox)

		first.goOn()
		first.heard("reaches before SELECT fence")
		assert.Equal(t, outbox, s.outbox(), "the outbox")
		first.finish()
		s.drainAll()
		s.check()
	})
}

// Whoever drains never waits for a transaction of the user's: what one was erasing when it was to be removed goes again if
// that is rolled back.
func TestWhatWasBeingErasedGoesAgainAfterARollback(t *testing.T) {
	t.Parallel()
	s := newFeedShop(t, newPostgres(t))
	require.NoError(t, s.own.change(t.Context(), "c00", newRandom(), "patch"))
	drains := s.start(duty{Name: "drain", Drains: true, Order: order{Signal: syscall.SIGSTOP, At: "after 201 to POST profiles…", Nth: 1}})
	drains.stopped()
	require.NoError(t, s.own.transaction(t.Context(), func(tx *sql.Tx) error {
		if err := s.own.customers.Delete(t.Context(), tx, "c00"); err != nil {
			return err
		}
		drains.goOn()
		drains.heard("reaches after COMMIT of DELETE FROM feed_events")
		return tx.Rollback()
	}))
	s.delivered()
	drains.finish()
	writes := s.all()
	require.GreaterOrEqual(t, len(writes), 2)
	assert.Equal(t, writes[0].worker, writes[1].worker)
	assert.EqualValues(t, 1, writes[1].version)
	s.check()
}

// One that is stopped within a transaction keeps SQLite from everybody for as long as it is stopped. PostgreSQL ends the
// transaction, and with it the connection, after ten seconds.
func TestWhoeverIsStoppedWithinATransactionLosesIt(t *testing.T) {
	t.Parallel()
	if *killing < thorough {
		t.Skip("it takes ten seconds: -killing 30s")
	}
	newFeedShop(t, newPostgres(t)).stopped(order{Signal: syscall.SIGSTOP, At: "before COMMIT of DELETE FROM feed_events…", Nth: 1, Within: true})
}

// stopped stops one that drains at a point. Another takes over, delivers what is newer, and dies with the lease. Then the
// first goes on, while the outbox holds what is newer still.
func (s *shop) stopped(o order) {
	s.Helper()
	s.changeAll()
	if strings.Contains(o.At, "DELETE profiles") { // one, so that no other goes late
		require.NoError(s, s.own.remove(s.Context(), "c00"))
	}
	first := s.start(duty{Name: "first", Drains: true, Order: o})
	first.stopped()

	second := s.start(duty{Name: "second", Drains: true})
	s.changeAll()
	s.anything()
	s.delivered()
	second.kill()
	s.changeAll()
	s.anything()
	outbox, writes := s.outbox(), len(s.all())

	first.goOn()
	first.heard("reaches before SELECT fence")
	assert.Equal(s, outbox, s.outbox(), "the outbox")
	late := s.all()[writes:]
	first.finish()
	if o.At == beforeDelete { // which is the promise's limit: what was looked at before it stood still may go
		for _, w := range late {
			assert.True(s, w.remove, "%v", w)
		}
		return
	}
	assert.Empty(s, late, "calls")
	s.drainAll()
	s.check()
}

// changeAll changes each row.
func (s *shop) changeAll() {
	s.Helper()
	random := newRandom()
	for i := range customersOfShop {
		require.NoError(s, s.own.change(s.Context(), fmt.Sprintf("c%02d", i), random, "patch"))
	}
	for i := range ordersOfShop {
		require.NoError(s, s.own.order(s.Context(), i, random))
	}
}

// anything hands rows over at random.
func (s *shop) anything() {
	s.Helper()
	random := newRandom()
	for range 20 {
		require.NoError(s, s.own.handOver(s.Context(), random))
	}
}

// outbox lists the events that are left, and what was noted of them.
func (s *shop) outbox() (list []string) {
	s.Helper()
	rows, err := s.own.db.QueryContext(s.Context(), s.own.named("SELECT id, import, sent, parked_code, payload IS NULL FROM %sfeed_events ORDER BY id"))
	require.NoError(s, err)
	defer rows.Close()
	for rows.Next() {
		var id int64
		var held, parked *string
		var sent, erased bool
		require.NoError(s, rows.Scan(&id, &held, &sent, &parked, &erased))
		list = append(list, fmt.Sprint(id, held != nil, sent, parked != nil, erased))
	}
	require.NoError(s, rows.Err())
	return list
}
