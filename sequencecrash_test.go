package actito_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/race"
)

var errDead = errors.New("the process is dead")

// mortal is a process that dies at its n-th contact with the world, before it or after it: from then on it sends nothing,
// books nothing, and saves nothing.
type mortal struct {
	way   http.RoundTripper
	books actito.QuotaStore
	die   context.CancelFunc

	mu       sync.Mutex
	contacts int
	last     int // 0: it lives
	state    []byte
}

func (m *mortal) lives() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.contacts++; m.last > 0 && m.contacts >= m.last {
		m.die()
		return errDead
	}
	return nil
}

func (m *mortal) around(do func() error) error {
	if err := m.lives(); err != nil {
		return err
	}
	return errors.Join(do(), m.lives())
}

func (m *mortal) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	dead := m.around(func() error { resp, err = m.way.RoundTrip(r); return nil })
	if dead == nil {
		return resp, err
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	return nil, dead
}

func (m *mortal) Reserve(ctx context.Context, r actito.Reservation) error {
	return m.around(func() error { return m.books.Reserve(ctx, r) })
}

func (m *mortal) Begin(ctx context.Context, id string) error {
	return m.around(func() error { return m.books.Begin(ctx, id) })
}

func (m *mortal) Settle(ctx context.Context, id string, o actito.Outcome) error {
	return m.around(func() error { return m.books.Settle(ctx, id, o) })
}

func (m *mortal) Close(ctx context.Context, bucket string, until time.Time) error {
	return m.around(func() error { return m.books.Close(ctx, bucket, until) })
}

func (m *mortal) Usage(ctx context.Context, bucket string) (actito.Usage, error) {
	return m.books.Usage(ctx, bucket)
}

func (m *mortal) Entries(ctx context.Context, bucket string) ([]actito.QuotaEntry, error) {
	if err := m.lives(); err != nil {
		return nil, err
	}
	return m.books.(actito.QuotaAuditor).Entries(ctx, bucket)
}

func (m *mortal) Count(ctx context.Context, r actito.Reservation, id string) (added bool, err error) {
	err = m.around(func() error { added, err = m.books.(actito.QuotaAuditor).Count(ctx, r, id); return err })
	return added, err
}

func (m *mortal) save(s actito.SequenceState) error {
	return m.around(func() error {
		text, err := json.Marshal(s)
		m.state = text
		return err
	})
}

// live runs a sequence, or resumes it, in a process of its own that dies at a contact, and returns its state and how
// many contacts there were.
func live(t testing.TB, b *bulk, books actito.QuotaStore, seq func(*bulk) actito.Sequence, state []byte, last int) (*mortal, *actito.SequenceReport, error) {
	t.Helper()
	ctx, die := context.WithCancel(t.Context())
	defer die()
	m := &mortal{way: b.Transport(), books: books, die: die, last: last, state: state}
	client := newClient(t, b.Server, unpaced, actito.WithQuota(actito.Quota{Store: m}), actito.WithHTTPClient(&http.Client{Transport: m}))
	process := &bulk{Server: b.Server, client: client}
	if state == nil {
		report, err := client.ETLs.RunSequence(ctx, seq(process), actito.SaveState(m.save))
		return m, report, err
	}
	report, err := client.ETLs.ResumeSequence(ctx, seq(process), stateOf(t, state), actito.SaveState(m.save))
	return m, report, err
}

// halves is the chain, whose orders are in two parts.
func halves(*bulk) actito.Sequence {
	seq := sequence(actito.WithoutOrphans)
	var parts []*actito.Staged
	for _, rows := range []string{"O1,C1,\nO2,C2,\n", "O3,C1,\n"} {
		s, err := actito.Stage(context.Background(), actito.DataBytes("orders.csv", []byte("orderId,customerID,note\n"+rows)))
		if err != nil {
			panic(err)
		}
		parts = append(parts, s)
	}
	seq.Steps[1].Import = []actito.ImportOption{actito.InParts(parts...), actito.Keep}
	return seq
}

func TestASequenceSurvivesADeathAtEachContact(t *testing.T) {
	t.Parallel()
	whole := actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		contacts, every := 1, 1
		if len(world) > 0 {
			every = 3 // the time that this takes is better spent on the usual world
		}
		if race.Enabled {
			every *= 5
		}
		for last := 0; last <= contacts; last += every { // 0: it lives
			synctest.Test(t, func(t *testing.T) {
				b := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, time.Minute))
				b.Assume(world...)
				books := actito.NewMemoryStore(time.Now)
				m, report, err := live(t, b, books, halves, nil, last)
				if last == 0 {
					require.ErrorIs(t, err, actito.ErrRowsRejected)
					require.Equal(t, whole, report.Account())
					contacts = m.contacts
					return
				}
				require.Error(t, err, "contact %d", last)
				_, report, err = live(t, b, books, halves, m.state, 0)
				held := 0
				if slices.Contains(world, actitotest.ExecutionListMissing) && errors.Is(err, actito.ErrOutcomeUnknown) {
					held = 1
				} else {
					require.ErrorIs(t, err, actito.ErrRowsRejected, "contact %d", last)
					require.Equal(t, whole, report.Account(), "contact %d: %s\n%v", last, report, err)
				}
				arrivedOnce(t, b)
				entries := 0
				for _, table := range []string{"16", ordersID, tableID(t, b, "Lines")} {
					u, err := books.Usage(t.Context(), "1/"+table)
					require.NoError(t, err)
					held -= u.Held
					entries += u.Used + u.Held
				}
				require.GreaterOrEqual(t, held, 0, "contact %d: units are lost", last)
				require.GreaterOrEqual(t, entries, len(b.Imports()), "contact %d: imports are not counted", last)
			})
		}
	}, actitotest.ExecutionListMissing, actitotest.NamesMissing)
}

func tableID(t testing.TB, b *bulk, name string) string {
	t.Helper()
	s, err := b.client.Structures.CustomTable(t.Context(), name)
	require.NoError(t, err)
	return s.ID
}

// arrivedOnce fails if a row was imported twice.
func arrivedOnce(t testing.TB, b *bulk) {
	t.Helper()
	rows := map[string]bool{}
	for _, i := range b.Imports() {
		for _, f := range i.Files {
			for _, row := range rowsOf(t, f) {
				require.False(t, rows[row], "a row of %s came twice", f.Name)
				rows[row] = true
			}
		}
	}
}

// rowsOf are the rows of a file as it was sent.
func rowsOf(t require.TestingT, f actitotest.ImportFile) []string {
	archive, err := zip.NewReader(bytes.NewReader(f.Content), f.Size)
	require.NoError(t, err)
	entry, err := archive.File[0].Open()
	require.NoError(t, err)
	text, err := io.ReadAll(entry)
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
}
