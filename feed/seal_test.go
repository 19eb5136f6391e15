package feed_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"net/http"
	"regexp"
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

func gcm(t *testing.T, key byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{key}, 32))
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	return aead
}

// changed opens what either of two keys has sealed.
type changed struct {
	cipher.AEAD
	old cipher.AEAD
}

func (c changed) Open(dst, nonce, sealed, bound []byte) ([]byte, error) {
	if plain, err := c.AEAD.Open(dst, nonce, sealed, bound); err == nil {
		return plain, nil
	}
	return c.old.Open(dst, nonce, sealed, bound)
}

func TestSealedRowsArriveAndCannotBeReadInTheOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, feed.Seal(gcm(t, 1)))
		for range 2 {
			s.push(customer{ID: "SECRET", Email: "secret@example.com", FirstName: actito.Set("SECRET")})
			s.order(order{ID: "SECRET", Customer: "SECRET"})
			require.NoError(t, s.orders.Delete(t.Context(), s.memory, "SECRET-2"))
		}
		events, err := s.memory.Page(t.Context(), feed.Page{Lanes: []string{"profiles:Shop/Customers:customerID", "records:Shop/Orders:orderID"}, Limit: 100})
		require.NoError(t, err)
		require.Len(t, events, 5)
		payloads := map[string]bool{}
		for _, e := range events {
			whole, err := s.memory.Events(t.Context(), []feed.Key{e.Key}, 10)
			require.NoError(t, err)
			for _, e := range whole {
				assert.NotContains(t, strings.ToLower(fmt.Sprintf("%+v %s", e, e.Payload)), "secret")
				payloads[string(e.Payload)] = true
			}
		}
		assert.Len(t, payloads, 5, "nonces are never the same")
		s.runFor(5 * time.Second)
		s.empty()
		_, ok := s.server.Record("Orders", "SECRET")
		assert.True(t, ok)
	})
}

func TestRowsThatAnotherKeyHasSealedStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, feed.Seal(gcm(t, 1)))
		s.many(0, 5)
		log := &logBook{}
		wrong, _, _ := s.open(feed.Seal(gcm(t, 2)), log.option())
		stop := s.run(wrong)
		time.Sleep(time.Hour)
		stop()
		pending, dead := s.left()
		assert.Equal(t, 5, pending)
		assert.Zero(t, dead)
		assert.Positive(t, log.count("give Seal the key"))
		assert.LessOrEqual(t, log.count("give Seal the key"), 100)
		without, _, _ := s.open(log.option())
		stop = s.run(without)
		time.Sleep(time.Minute)
		stop()
		assert.Positive(t, log.count("if payloads were sealed"))
		assert.Empty(t, s.calls())

		turned, lane, _ := s.open(feed.Seal(changed{gcm(t, 2), gcm(t, 1)}))
		require.NoError(t, lane.Push(t.Context(), s.memory, customer{ID: "c0", Email: "new@example.com"}))
		stop = s.run(turned)
		time.Sleep(time.Minute)
		stop()
		s.empty()
		assert.Len(t, s.server.Profiles("Customers"), 5)
	})
}

func TestRowsThatCannotBeOpenedDoNotKeepOthersForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, feed.Seal(gcm(t, 1)))
		s.many(0, 3)
		other, lane, _ := s.open(feed.Seal(gcm(t, 2)))
		stop := s.run(other)
		for i := range 400 {
			require.NoError(t, lane.Push(t.Context(), s.memory, customer{ID: fmt.Sprint("n", i), Email: "n@example.com"}))
			time.Sleep(time.Minute)
		}
		stop()
		pending, dead := s.left()
		assert.Zero(t, pending)
		assert.Equal(t, 3, dead)
		assert.Len(t, s.server.Profiles("Customers"), 400)
		n := 0
		for d, err := range other.Dead(t.Context()) {
			require.Error(t, err)
			assert.Equal(t, "unreadable", d.Code)
			assert.Empty(t, d.Key)
			require.NoError(t, s.feed.Retry(t.Context(), d.ID))
			n++
		}
		assert.Equal(t, 3, n)
		s.runFor(time.Minute)
		s.empty()
	})
}

func TestAPayloadBelongsToItsRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, feed.Seal(gcm(t, 1)))
		_, args, err := s.customers.Statement(customer{ID: "1", Email: "ann@example.com"})
		require.NoError(t, err)
		stolen := args[0].(feed.Event).Payload
		for name, move := range map[string]func(*feed.Event){
			"to another key":  func(e *feed.Event) { e.Key = "AAAAAAAAAAAAAAAAAAAAAA" },
			"to another lane": func(e *feed.Event) { e.Lane = "records:Shop/Orders:orderID" },
			"cut":             func(e *feed.Event) { e.Payload = e.Payload[:5] },
			"changed":         func(e *feed.Event) { e.Payload[20] ^= 1 },
		} {
			e := args[0].(feed.Event)
			e.Payload = bytes.Clone(stolen)
			move(&e)
			st := s.memory.Append(e)
			_, err = s.memory.ExecContext(t.Context(), st.Query, st.Args...)
			require.NoError(t, err, name)
		}
		s.runFor(5 * time.Minute)
		assert.Empty(t, s.calls())
		pending, _ := s.left()
		assert.Equal(t, 4, pending)
	})
}

// TestNoPersonalDataIsLogged pushes rows with a marker as each value, lets everything go wrong, and looks for it.
func TestNoPersonalDataIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var faults atomic.Int64
		log := &logBook{}
		value := regexp.MustCompile(`MARKER[^"/]*`)
		s := setup{feed: []feed.Option{log.option()}, client: []actito.Option{once()}, before: func(_ context.Context, method string) error {
			if faults.Add(1)%97 == 0 {
				return errCut
			}
			return nil
		}, wire: func(r *http.Request, body string) *http.Response {
			if strings.Contains(r.URL.Path, "auth") || !value.MatchString(body+r.URL.Path) {
				return nil
			}
			n := int(faults.Add(1))
			said := value.FindAllString(body+r.URL.Path, -1)
			return answer([]int{400, 500, 422, 503, 404, 403}[n%6],
				fmt.Sprintf("%q is refused: %s, <%s>", said[n%len(said)], said[0], strings.Join(said, ",")))
		}}.open(t)
		stop := s.run(s.feed)
		for i := range 100 {
			id := fmt.Sprint("MARKER-key-", i)
			s.push(customer{ID: id, Email: "MARKER-mail@example.com", FirstName: actito.Set("MARKER Name")})
			s.push(customer{ID: id, Email: "MARKER no mail"})
			s.order(order{ID: "MARKER-order", Customer: "MARKER-nobody"})
			s.many(i, i+1)
			s.push(customer{ID: "x-calm", Email: "x@example.com"})
			if i%3 == 0 {
				s.delete(id)
			}
			time.Sleep(20 * time.Second)
		}
		stop()
		dead := s.dead()
		require.NotEmpty(t, dead)
		for _, d := range dead {
			assert.NotContains(t, d.Code+d.Column+d.Reason, "MARKER")
			assert.NotContains(t, d.LogValue().String(), "MARKER")
			assert.NotContains(t, d.LogValue().String(), "refused")
			require.NoError(t, s.feed.Discard(t.Context(), d.ID, "a test"))
		}
		assert.NotContains(t, log.String(), "MARKER")
		for _, says := range []string{"feed: parked", "feed: the lane pauses", "feed: discarded", errCut.Error()} {
			assert.Positive(t, log.count(says), says)
		}
		err := s.customers.Push(t.Context(), s.memory, customer{ID: "MARKER", FirstName: actito.Set("MARKER\xff")})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "MARKER")
	})
}
