//go:build unix

package integration

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/sqlquota"
)

// patience is how long a test waits for what must come.
const patience = 4 * time.Minute

// shop is a fake service, a database with an outbox and the user's own rows, and processes that work for it.
type shop struct {
	testing.TB
	server  *actitotest.Server
	where   address
	own     *work // of this process
	workers atomic.Int32
	imports int // customers s…, of whom an import is made

	mu     sync.Mutex
	writes []written
	points map[bool][]string // that are known, of those who drain and who hand over
}

// written is a call that changed, or was to change, a row.
type written struct {
	worker  string
	key     string
	remove  bool
	optOut  bool // it ends subscriptions, and says nothing else
	version int64
	token   string
	status  int
	at      time.Time // when it had come in whole
}

func newFeedShop(t testing.TB, where address) *shop { return newShopOf(t, where, 0) }

func newShopOf(t testing.TB, where address, imports int, opts ...actitotest.Option) *shop {
	t.Helper()
	s := &shop{TB: t, where: where, imports: imports, points: map[bool][]string{}}
	s.server = actitotest.NewServer(append(opts, actitotest.WithLimits(actitotest.Limits{ImportsPerDay: -1, Concurrent: -1, PerMinute: -1}))...)
	t.Cleanup(s.server.Close)
	attributes := func(key string) []actitotest.Attribute {
		return []actitotest.Attribute{{Name: key, Type: "STRING", Unique: true, Mandatory: true}, {Name: "version", Type: "INTEGER"},
			{Name: "token", Type: "STRING"}}
	}
	s.server.AddProfileTable("Shop", actitotest.Table{Name: "Customers", Subscriptions: []string{"News"},
		Attributes: append(attributes("customerID"), actitotest.Attribute{Name: "emailAddress", Type: "EMAIL_ADDRESS"},
			actitotest.Attribute{Name: "a", Type: "INTEGER"}, actitotest.Attribute{Name: "b", Type: "INTEGER"})})
	s.server.AddCustomTable("Shop", actitotest.Table{Name: "Orders", PrimaryKey: "orderID",
		Attributes:  append(attributes("orderID"), actitotest.Attribute{Name: "customerID", Type: "STRING", Mandatory: true}),
		ForeignKeys: []actitotest.ForeignKey{{Name: "customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID"}}})

	db, err := where.open()
	require.NoError(t, err)
	front := httptest.NewServer(s.record("test"))
	t.Cleanup(front.Close)
	s.own, err = newWork(&duty{Name: "test", Where: where.String(), URL: front.URL, APIKey: s.server.APIKey, Import: imports > 0}, db, front.Client())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.own.client.Close() })
	require.NoError(t, s.own.store().Migrate(t.Context()))
	migrated(t, where)
	for _, statement := range tablesOfShop {
		where.exec(t, statement)
	}
	keys := keysOfShop()
	for i := range imports {
		keys = append(keys, keyOfImport(i))
	}
	for _, key := range keys {
		where.exec(t, "INSERT INTO %sshop_rows (row_key) VALUES ($1)", key)
	}
	return s
}

// known notes a point that a process came to.
func (s *shop) known(drains bool, point string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.points[drains], point) {
		s.points[drains] = append(s.points[drains], point)
	}
}

// record is the fake, for one process: it notes what that writes. What does not come in whole is not done.
func (s *shop) record(worker string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(content))
		call := writtenBy(r, content)
		call.worker, call.at = worker+"/"+r.Header.Get(tenureHeader), time.Now()
		if strings.HasPrefix(call.key, "s") { // so that an import is worth it
			select {
			case <-time.After(50 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		s.server.Handler().ServeHTTP(answer, r)
		if call.key != "" {
			call.status = answer.status
			s.mu.Lock()
			defer s.mu.Unlock()
			s.writes = append(s.writes, call)
		}
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// writtenBy is what a call writes. It has no key if it writes nothing.
func writtenBy(r *http.Request, content []byte) (call written) {
	path, _ := url.PathUnescape(r.URL.Path)
	last := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case r.Method == http.MethodDelete:
		return written{key: strings.TrimPrefix(last, "customerID="), remove: true}
	case r.Method != http.MethodPost || last != "profile" && last != "record":
		return call
	}
	var row struct {
		Attributes, Properties []struct {
			Name  string
			Value any
		}
		Subscriptions []struct{ Subscribe bool }
	}
	_ = json.Unmarshal(content, &row)
	call.optOut = len(row.Attributes) == 1 && len(row.Subscriptions) == 1 && !row.Subscriptions[0].Subscribe
	for _, a := range append(row.Attributes, row.Properties...) {
		switch a.Name {
		case "customerID":
			if call.key == "" {
				call.key, _ = a.Value.(string)
			}
		case "orderID":
			call.key, _ = a.Value.(string)
		case "version":
			v, _ := a.Value.(float64)
			call.version = int64(v)
		case "token":
			call.token, _ = a.Value.(string)
		}
	}
	if last == "record" && !strings.HasPrefix(call.key, "o") {
		panic("an order without its key")
	}
	return call
}

// all are the writes so far.
func (s *shop) all() []written {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// drainAll drains in this process until nothing is left that can go.
func (s *shop) drainAll() {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.own.feed.Run(ctx) }()
	s.delivered()
	cancel()
	require.NoError(s, <-ended)
}

// delivered waits until nothing is pending.
func (s *shop) delivered() {
	s.Helper()
	limit := time.After(patience)
	for turn := time.NewTicker(50 * time.Millisecond); ; {
		stats, err := s.own.feed.Stats(s.Context())
		require.NoError(s, err)
		pending := 0
		for _, l := range stats.Lanes {
			pending += l.Pending
		}
		if pending == 0 {
			return
		}
		select {
		case <-turn.C:
		case <-limit:
			require.FailNow(s, "the outbox does not empty", "%+v", stats)
		}
	}
}

// handed is one hand-over that was committed.
type handed struct {
	version     int64
	token, kind string
}

// history reads what was committed, by key and in order.
func (s *shop) history() map[string][]handed {
	s.Helper()
	rows, err := s.own.db.QueryContext(s.Context(), s.own.named("SELECT row_key, version, token, kind FROM %sshop_history ORDER BY row_key, version"))
	require.NoError(s, err)
	defer rows.Close()
	all := map[string][]handed{}
	for rows.Next() {
		var key string
		var h handed
		require.NoError(s, rows.Scan(&key, &h.version, &h.token, &h.kind))
		all[key] = append(all[key], h)
	}
	require.NoError(s, rows.Err())
	for key, list := range all {
		for i, h := range list {
			require.EqualValues(s, i+1, h.version, "the user's own history of %s", key)
			require.NotEqual(s, "roll back", h.kind)
		}
	}
	return all
}

// check compares the fake with the user's rows once nothing is pending, and checks how it came there. Who was stopped
// may have sent what is late.
func (s *shop) check() {
	s.Helper()
	history := s.history()
	s.parkedAre(history)
	s.inOrder(history)
	for key, list := range history { // what was refused is corrected, and takes along what was parked
		if list[len(list)-1].kind == "bad" {
			require.NoError(s, s.own.transaction(s.Context(), func(tx *sql.Tx) error { return s.correct(tx, key) }))
		}
	}
	s.drainAll()
	history = s.history()
	s.parkedAre(history)
	s.inOrder(history)
	s.sameRows()
}

// correct hands over a row that was refused.
func (s *shop) correct(tx *sql.Tx, key string) error {
	if _, err := s.own.changeIn(s.Context(), tx, key, newRandom(), "patch"); err != nil {
		return err
	}
	return tx.Commit()
}

// parkedAre checks that exactly the rows are parked whose last hand-over was one that the service refuses.
func (s *shop) parkedAre(history map[string][]handed) {
	s.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	for key, list := range history {
		if list[len(list)-1].kind == "bad" {
			want[key] = true
		}
	}
	for dead, err := range s.own.feed.Dead(s.Context()) {
		require.NoError(s, err)
		assert.Equal(s, "400", dead.Code, dead.Reason)
		got[dead.Key] = true
	}
	assert.Equal(s, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), "what is parked")
}

// inOrder checks the writes of each key: nothing but what was committed, and never back. See [follow].
func (s *shop) inOrder(history map[string][]handed) {
	s.Helper()
	byKey := map[string][]written{}
	for _, w := range s.all() {
		byKey[w.key] = append(byKey[w.key], w)
		if number, isOrder := strings.CutPrefix(w.key, "o"); isOrder {
			assert.True(s, covers(history["p"+number], byKey["p"+number], w.token), "%s version %d came before its customer", w.key, w.version)
		}
	}
	for key, writes := range byKey {
		if err := follow(history[key], writes, s.imports > 0 || s.where.dialect == sqlquota.Postgres); err != nil {
			s.Errorf("%s: %v", key, err)
			for _, w := range writes {
				s.Logf("%s: %s %s removes %v opt-out %v version %d answered %d", key, w.at.Format("05.000"), w.worker, w.remove, w.optOut, w.version, w.status)
			}
			s.Logf("%s: %v", key, history[key])
		}
	}
}

// sameRows compares the fake's rows with the user's.
func (s *shop) sameRows() {
	s.Helper()
	rows, err := s.own.db.QueryContext(s.Context(), s.own.named("SELECT row_key, version, token, a, b, news, gone FROM %sshop_rows ORDER BY row_key"))
	require.NoError(s, err)
	defer rows.Close()
	for rows.Next() {
		var r shopRow
		require.NoError(s, rows.Scan(&r.key, &r.version, &r.token, &r.a, &r.b, &r.news, &r.gone))
		assert.Equal(s, r.fields(), s.remote(r.key), r.key)
	}
	require.NoError(s, rows.Err())
}

// fields is a row as the service should have it: nil if it should not.
func (r *shopRow) fields() map[string]string {
	if r.gone {
		return nil
	}
	f := map[string]string{"version": fmt.Sprint(r.version), "token": r.token}
	for name, v := range map[string]sql.NullInt64{"a": r.a, "b": r.b} {
		if v.Valid {
			f[name] = fmt.Sprint(v.Int64)
		}
	}
	if r.news {
		f["news"] = "true"
	}
	return f
}

// remote is a row as the service has it.
func (s *shop) remote(key string) map[string]string {
	row, ok := s.server.Record("Orders", key)
	f := map[string]string{}
	if !strings.HasPrefix(key, "o") {
		var p actitotest.Profile
		p, ok = s.server.Profile("Customers", "customerID", key)
		row = p.Attributes
		if p.Subscriptions["News"] {
			f["news"] = "true"
		}
	}
	if !ok {
		return nil
	}
	for _, name := range []string{"version", "token", "a", "b"} {
		if value, ok := row[name]; ok {
			f[name] = value
		}
	}
	return f
}

// placesOfShop are the databases of the tests of the feed.
var placesOfShop = map[string]func(t testing.TB) address{
	"PostgreSQL": newPostgres,
	"SQLite": func(t testing.TB) address {
		return newSQLite(t, "?_pragma=synchronous(off)&_pragma=journal_mode(wal)&_pragma=busy_timeout(10000)&_txlock=immediate")
	},
}

// onEachPlace runs a test on each kind of database.
func onEachPlace(t *testing.T, test func(t *testing.T, a address)) {
	t.Parallel()
	for name, place := range race.Cases(placesOfShop) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, place(t))
		})
	}
}

// frees gives back the lease of a process that is dead, so that a test need not wait until it has run out: nothing of
// the process is on its way any more.
func (w *worker) frees() {
	w.shop.Helper()
	<-w.ended
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holder != "" {
		w.shop.where.exec(w.shop, "UPDATE %sfeed_lease SET holder = '', beat = beat + 1 WHERE holder = $1", w.holder)
	}
}
