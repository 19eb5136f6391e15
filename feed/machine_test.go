package feed_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// person and thing carry the number of their push as Version, which tells what was applied when.
type person struct {
	ID      string             `actito:"personID,key"`
	Email   string             `actito:"emailAddress"`
	A       actito.Opt[string] `actito:"a"`
	B       actito.Opt[string] `actito:"b"`
	Version int                `actito:"version"`
	News    actito.Opt[bool]   `actito:"subscriptions#News"`
}

type thing struct {
	ID      string             `actito:"thingID,key"`
	Person  string             `actito:"personID"`
	A       actito.Opt[string] `actito:"a"`
	Version int                `actito:"version"`
}

// row is what a table should hold of a key: nil if there is none.
type row map[string]string

// machine is a shop under fire, and the model of what must become of it.
type machine struct {
	*shop
	rt        *rapid.T
	lanes     []feed.LaneOption // of things
	processes [3]*process
	pushers   struct {
		people *feed.Lane[person]
		things *feed.Lane[thing]
	}

	version  int
	open     []*transaction
	rows     map[string]row // by lane and key
	deleted  map[string]bool
	expected map[int]parentAt // by a thing's version
}

// parentAt is the person that had to arrive before a thing.
type parentAt struct {
	key     string
	version int
}

// transaction is one of a user's, which locks the rows whose hand-over it writes.
type transaction struct {
	*feedtest.Tx
	locks map[string]bool
	then  []func() // what committing means for the model
}

// process is one that runs the feed. Its database can fail, and it can be stopped as by a signal.
type process struct {
	cut    cut
	paused atomic.Pointer[chan struct{}]
	stop   func()
}

func (p *process) before(ctx context.Context, method string) error {
	if wake := p.paused.Load(); wake != nil {
		<-*wake
	}
	return p.cut.fails(ctx, method)
}

func (p *process) wake() {
	if wake := p.paused.Swap(nil); wake != nil {
		close(*wake)
	}
}

func newMachine(t *testing.T, rt *rapid.T, lanes ...feed.LaneOption) *machine {
	m := &machine{rt: rt, lanes: lanes, rows: map[string]row{}, deleted: map[string]bool{}, expected: map[int]parentAt{}}
	pace := actito.WithLimiter(actito.NoRateLimit{})
	if len(lanes) > 0 {
		pace = actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 60, RealTimeCalls: 20})
	}
	m.shop = setup{server: []actitotest.Option{actitotest.WithLimits(actitotest.Limits{Concurrent: -1, PerMinute: -1}),
		actitotest.WithImportTimes(10*time.Second, time.Minute)}, client: []actito.Option{pace}}.open(t)
	texts := []actitotest.Attribute{{Name: "a", Type: "STRING"}, {Name: "b", Type: "STRING"}, {Name: "version", Type: "INTEGER"}}
	m.server.AddProfileTable("Shop", actitotest.Table{Name: "People", Subscriptions: []string{"News"}, Attributes: append([]actitotest.Attribute{
		{Name: "personID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "emailAddress", Type: "EMAIL_ADDRESS"}}, texts...)})
	m.server.AddCustomTable("Shop", actitotest.Table{Name: "Things", PrimaryKey: "thingID", Attributes: append([]actitotest.Attribute{
		{Name: "thingID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "personID", Type: "STRING"}}, texts...)})
	_, m.pushers.people, m.pushers.things = m.feedOf(m.memory)
	for i := range m.processes {
		m.processes[i] = &process{}
	}
	return m
}

func (m *machine) feedOf(store feed.Store) (*feed.Feed, *feed.Lane[person], *feed.Lane[thing]) {
	f, err := feed.Open(m.client, store)
	require.NoError(m.t, err)
	people, err := actito.Profiles[person](m.client, "People")
	require.NoError(m.t, err)
	things, err := actito.Records[thing](m.client, "Things")
	require.NoError(m.t, err)
	lane := feed.Profiles(f, people)
	return f, lane, feed.Records(f, things, append([]feed.LaneOption{feed.After(lane)}, m.lanes...)...)
}

func draw[T any](m *machine, name string, from ...T) T {
	return rapid.SampledFrom(from).Draw(m.rt, name)
}

// tx is a transaction that may write a row, or nil if another one has locked it.
func (m *machine) tx(row string) *transaction {
	if len(m.open) == 0 {
		m.begin()
	}
	t := draw(m, "transaction", m.open...)
	for _, other := range m.open {
		if other != t && other.locks[row] {
			return nil
		}
	}
	t.locks[row] = true
	return t
}

func (m *machine) begin() {
	if len(m.open) < 4 {
		m.open = append(m.open, &transaction{Tx: m.memory.Begin(), locks: map[string]bool{}})
	}
}

func (m *machine) end(commit bool) {
	if len(m.open) == 0 {
		return
	}
	t := draw(m, "transaction", m.open...)
	m.open = slices.DeleteFunc(m.open, func(other *transaction) bool { return other == t })
	if !commit {
		require.NoError(m.rt, t.Rollback())
		return
	}
	require.NoError(m.rt, t.Commit())
	for _, then := range t.then {
		then()
	}
}

// patch is what a push means for the model.
func (m *machine) patch(row string, values map[string]actito.Opt[string]) func() {
	return func() {
		if m.rows[row] == nil {
			m.rows[row] = map[string]string{}
		}
		for name, value := range values {
			if v, ok := value.Get(); ok {
				m.rows[row][name] = v
			} else if value.IsNull() {
				delete(m.rows[row], name)
			}
		}
	}
}

func (m *machine) opt(name string) actito.Opt[string] {
	switch draw(m, name, "unset", "null", "value") {
	case "null":
		return actito.Null[string]()
	case "value":
		return actito.Set(fmt.Sprint("v", m.version))
	}
	return actito.Opt[string]{}
}

func (m *machine) options() (opts []feed.PushOption) {
	if rapid.Bool().Draw(m.rt, "must trigger") {
		opts = append(opts, feed.MustTrigger())
	}
	return opts
}

func (m *machine) pushPerson(id, email string) {
	name := "person " + id
	t := m.tx(name)
	if t == nil {
		return
	}
	m.version++
	p := person{ID: id, Email: email, Version: m.version, A: m.opt("a"), B: m.opt("b")}
	values := map[string]actito.Opt[string]{"a": p.A, "b": p.B, "version": actito.Set(strconv.Itoa(m.version))}
	if email != "" {
		values["emailAddress"] = actito.Set(email)
	}
	switch draw(m, "news", "", "in", "out") {
	case "in":
		p.News, values["News"] = actito.Set(true), actito.Set("true")
	case "out":
		p.News, values["News"] = actito.Set(false), actito.Set("false")
	}
	require.NoError(m.rt, m.pushers.people.Push(m.t.Context(), t, p, m.options()...))
	t.then = append(t.then, m.patch(name, values))
}

func (m *machine) pushThing(id, of string) {
	name := "thing " + id
	t := m.tx(name)
	if t == nil {
		return
	}
	m.version++
	x := thing{ID: id, Person: of, Version: m.version, A: m.opt("a")}
	values := map[string]actito.Opt[string]{"a": x.A, "version": actito.Set(strconv.Itoa(x.Version)), "personID": actito.Set(of)}
	require.NoError(m.rt, m.pushers.things.Push(m.t.Context(), t, x, m.options()...))
	at, _ := strconv.Atoi(m.rows["person "+of]["version"]) // what is handed over later of the person is not waited for
	t.then = append(t.then, m.patch(name, values), func() {
		m.expected[x.Version] = parentAt{of, at}
	})
}

func (m *machine) remove(lane, id string) {
	name := lane + " " + id
	t := m.tx(name)
	if t == nil {
		return
	}
	remove := m.pushers.people.Delete
	if lane == "thing" {
		remove = m.pushers.things.Delete
	}
	require.NoError(m.rt, remove(m.t.Context(), t, id))
	t.then = append(t.then, func() {
		m.rows[name] = nil
		m.deleted[name] = true
	})
}

// toggle starts a process, or stops it in some way.
func (m *machine) toggle(p *process) {
	if p.stop == nil {
		f, _, _ := m.feedOf(guarded{m.memory, p.before})
		p.cut.off.Store(false)
		p.stop = m.run(f)
		synctest.Wait()
		return
	}
	switch draw(m, "how", "stop", "pause", "cut", "heal") {
	case "stop":
		m.halt(p)
	case "pause":
		wake := make(chan struct{})
		if !p.paused.CompareAndSwap(nil, &wake) {
			p.wake()
		}
	case "cut":
		p.cut.off.Store(true)
	case "heal":
		p.cut.off.Store(false)
	}
}

func (m *machine) halt(p *process) {
	p.wake()
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

func (m *machine) close() {
	for _, p := range m.processes {
		m.halt(p)
	}
}

func (m *machine) step() {
	id := draw(m, "id", "1", "2", "3", "4")
	if len(m.lanes) > 0 && m.batchStep() {
		return
	}
	switch draw(m, "step", "person", "person", "person", "thing", "thing", "delete", "begin", "commit", "commit", "commit",
		"rollback", "process", "fault", "retry", "sleep", "sleep", "sleep") {
	case "person":
		m.pushPerson(id, draw(m, "email", "", "ok@example.com", "new@example.com", "no address"))
	case "thing":
		m.pushThing(id, draw(m, "of", "1", "2", "3"))
	case "delete":
		m.remove(draw(m, "lane", "person", "thing"), id)
	case "begin":
		m.begin()
	case "commit":
		m.end(true)
	case "rollback":
		m.end(false)
	case "process":
		m.toggle(draw(m, "process", m.processes[:]...))
	case "fault":
		m.server.Fail(actitotest.AnyOp, draw(m, "fault", actitotest.Status(500), actitotest.Status(503), actitotest.Status(429), actitotest.Status(403),
			actitotest.Status(400), actitotest.Refuse(), actitotest.LoseAnswer(), actitotest.CutAnswer(3), actitotest.Delay(20*time.Second), actitotest.Hang(),
			actitotest.Times(5, actitotest.LoseAnswer()), actitotest.Times(12, actitotest.Status(500))))
	case "retry":
		for _, d := range m.dead() {
			if rapid.Bool().Draw(m.rt, "this one") {
				require.NoError(m.rt, m.feed.Retry(m.t.Context(), d.ID))
			}
		}
	case "sleep":
		time.Sleep(draw(m, "for", 20*time.Millisecond, 300*time.Millisecond, 3*time.Second, 20*time.Second, 2*time.Minute))
	}
}

// settle ends what is open, heals everything, and pushes each row once more, which takes along what is parked.
func (m *machine) settle() {
	for len(m.open) > 0 {
		m.end(true)
	}
	for _, p := range m.processes {
		m.halt(p)
	}
	m.toggle(m.processes[0])
	pause := time.Minute // wrong parents are parked by then, and what waits for them is planned anew all the time
	for range 20 {
		time.Sleep(pause)
		pause = 11 * time.Minute // more than any key is left alone
		if pending, dead := m.left(); pending+dead == 0 {
			break
		}
		for _, id := range []string{"1", "2", "3", "4"} {
			m.pushPerson(id, "last@example.com")
			m.pushThing(id, id)
			m.end(true)
		}
		for _, d := range m.dead() {
			if d.Lane == "records:Shop/Things:thingID" { // nobody pushes a batch again
				require.NoError(m.rt, m.feed.Retry(m.t.Context(), d.ID))
			}
		}
	}
	m.halt(m.processes[0])
	pending, dead := m.left()
	require.Zero(m.rt, pending, "pending")
	require.Zero(m.rt, dead, "dead")
}

func (m *machine) checkRows() {
	for name, want := range m.rows {
		var got row
		if id, ok := cutPrefix(name, "person "); ok {
			if p, ok := m.server.Profile("People", "personID", id); ok {
				got = p.Attributes
				for news, on := range p.Subscriptions {
					got[news] = strconv.FormatBool(on)
				}
			}
		} else if id, ok := cutPrefix(name, "thing "); ok {
			got, _ = m.server.Record("Things", id)
		}
		for _, own := range []string{"personID", "thingID", "profileId", "creationMoment", "updateMoment"} {
			if own != "personID" || name[0] == 'p' {
				delete(got, own)
			}
		}
		if len(want) == 0 && len(got) == 0 {
			continue
		}
		require.Equal(m.rt, map[string]string(want), map[string]string(got), name)
	}
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):], true
	}
	return s, false
}

// checkOrder reads what was applied: of a key never an older state after a newer one, and no thing before its person.
func (m *machine) checkOrder() {
	seen := map[string]int{}
	for _, e := range m.server.Events() {
		if e.Type == actitotest.EventDelete && len(m.lanes) > 0 {
			continue // one that went during an import goes again after it, and then deletes what that has loaded
		}
		name := "person " + e.Data["personID"]
		if id, ok := e.Data["thingID"]; ok {
			name = "thing " + id
		}
		version, err := strconv.Atoi(e.Data["version"])
		require.NoError(m.rt, err)
		require.GreaterOrEqual(m.rt, version, seen[name], "%s goes back: %v", name, e.Type)
		seen[name] = version
		if parent, ok := m.expected[version]; ok && e.Type != actitotest.EventDelete && !m.deleted["person "+parent.key] {
			require.GreaterOrEqual(m.rt, seen["person "+parent.key], parent.version, "%s comes before its person", name)
		}
	}
}

// fire runs random steps, and then checks what has become of them. It returns how many imports there were.
func fire(t *testing.T, steps int, lanes ...feed.LaneOption) int64 {
	var imports atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		var failed any
		synctest.Test(t, func(t *testing.T) {
			defer func() { failed = recover() }() // rapid wants it on its own goroutine
			m := newMachine(t, rt, lanes...)
			defer m.close()
			if len(lanes) > 0 {
				m.firstImport()
			}
			for range rapid.IntRange(steps/2, steps).Draw(rt, "steps") {
				m.step()
			}
			m.settle()
			m.checkRows()
			m.checkOrder()
			m.checkImports()
			imports.Add(int64(len(m.server.Imports())))
		})
		if failed != nil {
			panic(failed)
		}
	})
	return imports.Load()
}

func TestWhatArrivesIsWhatTheModelSays(t *testing.T) {
	t.Parallel()
	fire(t, 150)
}
