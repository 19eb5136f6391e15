package quotatest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actito-go/actito"
)

var using = []contractTest{
	{"of a bucket in which nothing was reserved", false, func(s *subject) {
		s.sees(actito.Usage{Table: "1"})
		s.ok(s.close("1", s.start.Add(time.Hour)))
		s.sees(actito.Usage{Table: "1", ClosedUntil: s.start.Add(time.Hour)})
	}},
	{"counts what is used and held", false, func(s *subject) {
		for _, id := range []string{"a", "b", "c", "d"} {
			r := s.ask(id, "1")
			r.Buckets[0].Limit = 5
			s.ok(s.reserve(r))
		}
		s.ok(s.settle("a", actito.Used("x")))
		s.ok(s.begin("b"))
		s.ok(s.settle("c", actito.Held()))
		s.ok(s.settle("d", actito.Free()))
		s.sees(actito.Usage{Table: "1", Limit: 5, Used: 1, Held: 2, Left: 2, ResetAt: s.ask("").ResetAt})
	}},
	{"counts nothing once the day ended", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.settle("a", actito.Used("x")))
		s.after(midnight - moment)
		s.sees(actito.Usage{Table: "1", Limit: 2, Used: 1, Left: 1, ResetAt: s.start.Add(midnight)})
		s.after(midnight)
		s.sees(actito.Usage{Table: "1", Limit: 2, Left: 2})
	}},
	{"of a bucket in which nothing was reserved for a week", true, func(s *subject) {
		s.uses(s.ask("a", "1"), "x")
		s.after(7*24*time.Hour - moment)
		s.sees(actito.Usage{Table: "1", Limit: 2, Left: 2})
		s.after(forgotten)
		s.sees(actito.Usage{Table: "1"})
	}},
	{"tells when one more is left of 24 hours", true, func(s *subject) {
		s.ok(s.reserve(s.askRolling("a", "1")))
		s.ok(s.begin("a"))
		s.after(time.Hour)
		s.ok(s.reserve(s.askRolling("b", "1")))
		s.ok(s.begin("b"))
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(24 * time.Hour)})
		s.after(24 * time.Hour)
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, Left: 1, ResetAt: s.start.Add(25 * time.Hour)})
		s.after(25 * time.Hour)
		s.sees(actito.Usage{Table: "1", Limit: 2, Left: 2})
	}},
}

// week is how long a store remembers, and forgotten when it has forgotten for sure: it may take its time.
const (
	week      = 7 * 24 * time.Hour
	forgotten = week + 24*time.Hour
)

// listed checks the only entry of tables 1 and 2.
func (s *subject) listed(want actito.QuotaEntry) {
	s.Helper()
	want.ID, want.Tables = s.licence+"a", []string{s.licence + "1", s.licence + "2"}
	for _, table := range []string{"1", "2"} {
		list := s.entries(table)
		if len(list) != 1 || !sameEntry(list[0], want, s.same) {
			s.Fatalf("got  %+v\nwant %+v", list, want)
		}
	}
}

func sameEntry(a, b actito.QuotaEntry, same func(a, b time.Time) bool) bool {
	return a.ID == b.ID && slices.Equal(a.Tables, b.Tables) && a.State == b.State && a.Once == b.Once && a.ExecutionID == b.ExecutionID &&
		same(a.At, b.At) && same(a.Lease, b.Lease)
}

var listing = []contractTest{
	{"of a bucket in which nothing was reserved", false, func(s *subject) { s.lists("1") }},
	{"tell what came of an import", false, func(s *subject) {
		r := s.ask("a", "1", "2")
		r.Once = s.licence + "key"
		s.ok(s.reserve(r))
		s.listed(actito.QuotaEntry{State: "reserved", At: s.start, Lease: r.Lease, Once: r.Once})
		s.ok(s.begin("a"))
		s.listed(actito.QuotaEntry{State: "begun", At: s.start, Lease: r.Lease, Once: r.Once})
		s.ok(s.settle("a", actito.Held()))
		s.listed(actito.QuotaEntry{State: "held", At: s.start, Once: r.Once})
		s.ok(s.settle("a", actito.Used("x")))
		s.listed(actito.QuotaEntry{State: "used", At: s.start, Once: r.Once, ExecutionID: "x"})
	}},
	{"tell what became of an import in time", true, func(s *subject) {
		r := s.ask("a", "1", "2")
		s.ok(s.reserve(r))
		s.after(9 * time.Minute)
		s.ok(s.begin("a"))
		s.listed(actito.QuotaEntry{State: "begun", At: s.start.Add(9 * time.Minute), Lease: r.Lease})
		s.after(10 * time.Minute)
		s.listed(actito.QuotaEntry{State: "held", At: s.start.Add(9 * time.Minute)})
	}},
	{"are the oldest first", true, func(s *subject) {
		s.after(time.Minute)
		s.uses(s.ask("a", "1"), "x")
		s.after(0)
		s.ok(s.reserve(s.ask("b", "1", "2")))
		s.lists("1", "b", "a")
		s.after(2 * time.Minute)
		s.ok(s.begin("b"))
		s.lists("1", "a", "b")
	}},
	{"are those of the bucket", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.reserve(s.ask("b", "2")))
		s.ok(s.reserve(s.ask("c", "11")))
		s.lists("1", "a")
		s.lists("2", "b")
	}},
	{"leave out what is freed", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.settle("a", actito.Free()))
		s.lists("1")
	}},
	{"leave out what lapsed unbegun", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.after(10*time.Minute - moment)
		s.lists("1", "a")
		s.after(10 * time.Minute)
		s.lists("1")
	}},
	{"stay for a week, whether they count or not", true, func(s *subject) {
		s.uses(s.ask("a", "1"), "x")
		s.ok(s.reserve(s.ask("b", "1")))
		s.ok(s.begin("b"))
		s.after(week - moment)
		s.lists("1", "a", "b")
		s.booked("1", 0, 0)
		s.after(forgotten)
		s.lists("1")
	}},
	{"are copies", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.lists("1", "a")
		list := s.entries("1")
		list[0].ID, list[0].Tables[0] = "", ""
		s.booked("1", 0, 1)
		s.lists("1", "a")
		if list = s.entries("1"); list[0].Tables[0] != s.licence+"1" {
			s.Fatalf("an entry was changed from outside: %+v", list)
		}
	}},
}

var counting = []contractTest{
	{"books an import as used", false, func(s *subject) {
		s.counts(s.ask("a", "1", "2"), "x", true)
		for _, table := range []string{"1", "2"} {
			s.sees(actito.Usage{Table: table, Limit: 2, Used: 1, Left: 1, ResetAt: s.ask("").ResetAt})
		}
		s.listed(actito.QuotaEntry{State: "used", At: s.start, ExecutionID: "x"})
	}},
	{"books over the limit", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		for _, id := range []string{"b", "c"} {
			s.counts(s.ask(id, "1"), "execution of "+id, true)
		}
		s.sees(actito.Usage{Table: "1", Limit: 2, Used: 2, Held: 1, ResetAt: s.ask("").ResetAt})
		s.full(s.reserve(s.ask("d", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 2, Held: 1, ResetAt: s.ask("").ResetAt})
		s.ok(s.begin("a"))
	}},
	{"books in a closed bucket, and leaves it closed", false, func(s *subject) {
		s.auditor()
		s.ok(s.close("1", s.far()))
		s.counts(s.ask("a", "1"), "x", true)
		s.sees(actito.Usage{Table: "1", Limit: 2, Used: 1, ResetAt: s.ask("").ResetAt, ClosedUntil: s.far()})
	}},
	{"takes no probe", true, func(s *subject) {
		s.auditor()
		s.ok(s.close("1", s.far()))
		s.after(time.Hour)
		s.counts(s.ask("a", "1"), "x", true)
		s.ok(s.reserve(s.ask("b", "1")))
	}},
	{"books an execution once", false, func(s *subject) {
		s.counts(s.ask("a", "1"), "x", true)
		s.counts(s.ask("a", "1"), "x", false)
		s.counts(s.ask("b", "2"), "x", false)
		s.booked("1", 1, 0)
		s.booked("2", 0, 0)
	}},
	{"books an execution once of many at once", false, func(s *subject) {
		s.auditor()
		var all sync.WaitGroup
		var added atomic.Int32
		for i := range 20 {
			all.Go(func() {
				r := s.ask(fmt.Sprint(i), "1")
				r.Lease = time.Time{}
				switch ok, err := s.open().(actito.QuotaAuditor).Count(s.Context(), r, "x"); {
				case err != nil:
					s.Error(err)
				case ok:
					added.Add(1)
				}
			})
		}
		all.Wait()
		if n := added.Load(); n != 1 {
			s.Errorf("an execution was counted %d times", n)
		}
		s.booked("1", 1, 0)
	}},
	{"refuses an execution without an ID", false, func(s *subject) {
		if added, err := s.auditor().Count(s.Context(), s.ask("a", "1"), ""); err == nil || added {
			s.Fatalf("got %t, %v, want an error", added, err)
		}
		s.booked("1", 0, 0)
	}},
	{"counts from the import's time on in the last 24 hours", true, func(s *subject) {
		r := s.askRolling("a", "1")
		s.after(23 * time.Hour)
		s.counts(r, "x", true)
		s.sees(actito.Usage{Table: "1", Limit: 2, Used: 1, Left: 1, ResetAt: s.start.Add(24 * time.Hour)})
		s.after(24 * time.Hour)
		s.booked("1", 0, 0)
	}},
	{"does not count before the day", true, func(s *subject) {
		r := s.ask("a", "1")
		s.after(midnight + time.Hour)
		r.From, r.ResetAt = s.ask("").From, s.ask("").ResetAt
		s.counts(r, "x", true)
		s.booked("1", 0, 0)
		r = s.ask("b", "1")
		r.At = r.From
		s.counts(r, "y", true)
		s.booked("1", 1, 0)
		s.lists("1", "a", "b")
	}},
	{"leaves the newest reservation's week as it is", true, func(s *subject) {
		r := s.askRolling("a", "1")
		s.after(23 * time.Hour)
		s.uses(s.askRolling("b", "1"), "y")
		s.counts(r, "x", true)
		s.after(23*time.Hour + week - moment)
		s.sees(actito.Usage{Table: "1", Limit: 2, Left: 2})
	}},
	{"does not book the execution of a reservation that is used", false, func(s *subject) {
		s.uses(s.ask("a", "1"), "x")
		s.counts(s.ask("b", "1"), "x", false)
		s.booked("1", 1, 0)
		s.lists("1", "a")
	}},
	{"is one with the reservation that is used by it later", false, func(s *subject) {
		s.ok(s.reserve(s.askOnce("a", "key", 1)))
		s.ok(s.begin("a"))
		s.ok(s.settle("a", actito.Held()))
		s.counts(s.ask("b", "1"), "x", true)
		s.booked("1", 1, 1)
		s.ok(s.settle("a", actito.Used("x")))
		s.booked("1", 1, 0)
		s.lists("1", "a")
		s.counts(s.ask("b", "1"), "x", false)
		s.started(s.reserve(s.askOnce("c", "key", 1)), actito.AlreadyStartedError{ExecutionID: "x", SameContent: true})
	}},
	{"is one with the reservation that is used, and learns of it later", false, func(s *subject) {
		s.uses(s.ask("a", "1"), "")
		s.counts(s.ask("b", "1"), "x", true)
		s.booked("1", 2, 0)
		s.ok(s.settle("a", actito.Used("x")))
		s.booked("1", 1, 0)
		s.lists("1", "a")
	}},
	{"is final", false, func(s *subject) {
		s.counts(s.ask("a", "1"), "x", true)
		refused(s, s.settle("a", actito.Free()))
		s.lost(s.begin("a"))
		s.ok(s.settle("a", actito.Held()))
		s.booked("1", 1, 0)
	}},
}
