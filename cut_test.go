package actito_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/race"
)

// incompressible stages a file of customers of about so many bytes as sent.
func incompressible(t testing.TB, size int) *actito.Staged {
	t.Helper()
	const perRow = 30 << 10 // in a column that the server ignores
	noise := make([]byte, size)
	_, _ = rand.Read(noise)
	var text bytes.Buffer
	text.WriteString("customerID,emailAddress,firstName,creationMoment\n")
	row := 0
	for chunk := range slices.Chunk(noise, perRow) {
		row++
		fmt.Fprintf(&text, "C%d,c%[1]d@example.com,Ann,%s\n", row, base64.StdEncoding.EncodeToString(chunk))
	}
	staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", text.Bytes()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, staged.Close()) })
	return staged
}

// cable is a transport on real connections. Those on which imports start break after some bytes.
type cable struct {
	after int64 // negative: never
	http.RoundTripper
}

func newCable(t testing.TB, after int64) *cable {
	c := &cable{after: after}
	plain := &http.Transport{ExpectContinueTimeout: time.Second}
	breaking := &http.Transport{ExpectContinueTimeout: time.Second, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			broken := &brokenConn{Conn: conn}
			broken.left.Store(c.after)
			return broken, nil
		}}
	c.RoundTripper = roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost && c.after >= 0 {
			return breaking.RoundTrip(r)
		}
		return plain.RoundTrip(r)
	})
	t.Cleanup(plain.CloseIdleConnections)
	return c
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type brokenConn struct {
	net.Conn
	left atomic.Int64
}

var errCut = errors.New("the cable was cut")

func (c *brokenConn) Write(p []byte) (int, error) {
	left := c.left.Load()
	if int64(len(p)) <= left {
		c.left.Add(-int64(len(p)))
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:left])
	_ = c.Close()
	return n, errCut
}

// ReadFrom keeps io.Copy from going round Write.
func (c *brokenConn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// longAgo is a handle as it is once the list has caught up.
func longAgo(h actito.Handle) actito.Handle {
	h.Ended = time.Now().Add(-13 * time.Minute)
	return h
}

func TestAnUploadThatIsCutAnywhereIsReconciled(t *testing.T) {
	t.Parallel()
	staged := incompressible(t, 2<<20)
	size := staged.Files()[0].Size
	require.Greater(t, size, int64(2_000_000))
	share := func(percent int64) int64 { return 1000 + size*percent/100 }
	none := actitotest.Pass()
	for name, tt := range race.Cases(map[string]struct {
		after    int64
		fault    actitotest.Fault
		accepted bool
	}{
		"before the first byte":  {0, none, false},
		"in the headers":         {100, none, false},
		"at 1 %":                 {share(1), none, false},
		"at 50 %":                {share(50), none, false},
		"at 99 %":                {share(99), none, false},
		"at 50 %, by the server": {-1, actitotest.CutRequest(size / 2), false},
		"after the last byte":    {-1, actitotest.CutRequest(2 * size), false},
		"after the server accepted, before its answer": {-1, actitotest.LoseAnswer(), true},
		"within its answer":                            {-1, actitotest.CutAnswer(0), true},
		"by a proxy's 503, early":                      {-1, actitotest.Status(503).WithBody("text/html", "<html>").Early(), false},
		"by a proxy's 502 after the last byte":         {-1, actitotest.Status(502).WithBody("text/html", "<html>"), false},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorlds(t, func(t *testing.T, world ...actitotest.Assumption) {
				bothWays(t, func(t *testing.T, start start) {
					cable := newCable(t, -1)
					b := newBulk(t, newShop(t), actito.WithHTTPClient(&http.Client{Transport: cable}))
					b.Assume(world...)
					key := actito.Once("key")
					_, err := start(t.Context(), t, b, actito.DataBytes("customers.csv", []byte("customerID\n")))
					require.ErrorIs(t, err, actito.ErrNoRows) // the token, tables and definition are there
					cable.after = tt.after
					b.Fail(actitotest.OpRunOnce, tt.fault)
					b.Fail(actitotest.OpETLTrigger, tt.fault)
					_, err = start(t.Context(), t, b, staged, key)
					h := longAgo(inDoubt(t, err))
					b.counted(t, "Customers", 0, 1)
					cable.after = -1

					e, err := b.client.Executions.Resume(t.Context(), h)
					b.tells(t, world, tt.accepted, e, err)
					starts := len(b.starts())
					e, err = start(t.Context(), t, b, staged, key)
					if slices.Contains(world, actitotest.ExecutionListMissing) {
						require.ErrorIs(t, err, actito.ErrAlreadyStarted)
						require.Len(t, b.starts(), starts, "what may have started is not started again")
						return
					}
					require.NoError(t, err)
					require.Equal(t, tt.accepted, e.AlreadyStarted)
				})
			})
		})
	}
}

// inWorlds runs a test in the usual world, in one that tells less of executions, and in one that does not list them.
func inWorlds(t *testing.T, test func(t *testing.T, world ...actitotest.Assumption)) {
	t.Helper()
	for name, chosen := range map[string][]actitotest.Assumption{
		"the usual world":             nil,
		"little is told":              {actitotest.NamesMissing, actitotest.TimesInUTC, actitotest.IDOnlyInLocation},
		"executions cannot be listed": {actitotest.ExecutionListMissing},
	} {
		if race.Enabled && chosen != nil {
			continue
		}
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, worldWith(doubted, chosen...)...) })
	}
}

// tells fails unless e and err say whether the import in doubt was accepted, and the ledger does.
func (b *bulk) tells(t testing.TB, world []actitotest.Assumption, accepted bool, e *actito.Execution, err error) {
	t.Helper()
	switch {
	case slices.Contains(world, actitotest.ExecutionListMissing):
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		require.Nil(t, e)
		b.counted(t, "Customers", 0, 1)
	case accepted:
		require.NoError(t, err)
		require.Len(t, b.Imports(), 1)
		require.Equal(t, b.Imports()[0].ExecutionID, e.ID)
		require.Equal(t, b.Imports()[0].Rows, e.Totals().Created)
		b.counted(t, "Customers", 1, 0)
	default:
		require.ErrorIs(t, err, actito.ErrNotStarted)
		require.Nil(t, e)
		require.Empty(t, b.Imports())
		b.counted(t, "Customers", 0, 0)
	}
}

func TestAnEarlyRefusalOfALargeUploadArrives(t *testing.T) {
	t.Parallel()
	staged := incompressible(t, race.Less(40<<20))
	for name, tt := range race.Cases(map[string]struct {
		fault  actitotest.Fault
		status int
		want   error
	}{
		"400": {actitotest.Status(400).Early(), 400, actito.ErrInvalid},
		"413": {actitotest.Status(413).Early(), 413, nil},
		"429": {actitotest.Status(429).WithHeader("Retry-After", "120").Early(), 429, actito.ErrQuotaExceeded},
		"503": {actitotest.Status(503).WithHeader("Retry-After", "120").Early(), 503, nil},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, start start) {
				b := newBulk(t, newShop(t), actito.WithHTTPClient(&http.Client{Transport: newCable(t, -1)}))
				for range 1 + race.Less(4) {
					b.Fail(actitotest.OpRunOnce, tt.fault)
					b.Fail(actitotest.OpETLTrigger, tt.fault)
					var sent int64
					_, err := start(t.Context(), t, b, staged, actito.OnProgress(func(p actito.Progress) { sent = p.Sent }))
					var api *actito.APIError
					require.ErrorAs(t, err, &api)
					require.Equal(t, tt.status, api.Status)
					require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
					if tt.want != nil {
						require.ErrorIs(t, err, tt.want)
					}
					require.Less(t, sent, int64(1<<20), "the server said so before the body was sent")
					b.counted(t, "Customers", 0, 0)
					require.NoError(t, b.client.Quota.Reopen(t.Context(), "Customers"))
				}
			})
		})
	}
}
