package actito

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "time/tzdata" // minimal images have no zones, and another zone than the one asked for must never be used
)

// Quota says how many imports a table takes, and where they are counted.
//
// Actito limits the bulk calls per table and day (documented). The library counts them here, before anything is
// uploaded, one for each table that an import loads (assumed: the documentation does not say how several tables
// count), and refuses with a [QuotaError] what would go over. Imports that others start, programs that do not share the
// Store, people, and Actito itself on a schedule or when a file arrives, count too (assumed): [QuotaService.Sync] finds
// them.
type Quota struct {
	// Store keeps the ledger. nil is one in memory: it forgets with the process and is shared with nobody.
	Store QuotaStore
	// Licence tells the books of one licence in the Store from those of another. "" is the id that the access token
	// names; where it names none (a sample in the documentation does), a Store needs it to be given.
	Licence string
	// Limit is the number of imports that each table takes in the Window. 0 is 12, the base of every licence
	// (documented; the vendor's newest pages say 24, and packs extend it).
	Limit int
	// Limits are those of tables that differ, by id or name. An id goes before a name.
	Limits map[string]int
	// KeepFree is how many imports of a table's limit only an [Urgent] one may use. It is less than each limit.
	KeepFree int
	// Window is the time in which imports count. "" is CalendarDay("Europe/Brussels").
	Window Window
	// FailOpen starts imports uncounted, with a warning in the log, while the Store cannot be reached or cannot be
	// relied on. Otherwise they are not started. One with a [Once] key never is: it might be the second.
	FailOpen bool
}

// Window is the time in which imports count towards a limit: a [CalendarDay], [Rolling24h], or both, [DayAndRolling24h].
type Window string

// Rolling24h counts an import for 24 hours after its start, and two minutes more, since clocks differ.
const Rolling24h Window = "rolling 24h"

// homeZone is where Actito sits.
const homeZone Window = "Europe/Brussels" // assumed: a day is a calendar day there; the documentation says "per day"

// CalendarDay counts an import until the next midnight in a time zone of the IANA database, such as "Europe/Brussels".
// Days on which clocks change have 23 or 25 hours. Within two minutes of midnight an import counts on both days, since
// clocks differ: a day's budget is there from 00:02. An unknown zone fails in [New], and so does "Local", in which two
// machines that share a ledger may differ. "" is Brussels.
func CalendarDay(zone string) Window { return Window(zone) }

const andRolling = " and " + Rolling24h

// DayAndRolling24h counts an import until the next midnight in a zone and for 24 hours, whichever is longer: for those
// who do not know which of the two their licence has.
func DayAndRolling24h(zone string) Window { return cmp.Or(Window(zone), homeZone) + andRolling }

// parse returns the zone of the calendar day, nil if there is none, and whether the last 24 hours count.
func (w Window) parse() (zone *time.Location, rolling bool, err error) {
	if w == Rolling24h {
		return nil, true, nil
	}
	name, rolling := strings.CutSuffix(string(cmp.Or(w, homeZone)), string(andRolling))
	if name == "Local" {
		return nil, false, fmt.Errorf("actito: Quota.Window: the zone %q differs between machines: name it", name)
	}
	zone, err = time.LoadLocation(name)
	if err != nil {
		return nil, false, fmt.Errorf("actito: Quota.Window: %w", err)
	}
	return zone, rolling, nil
}

// quota is a Quota that was checked, with its store and window.
type quota struct {
	store    QuotaStore
	limit    int
	limits   map[string]int
	keep     int
	zone     *time.Location // of the calendar day; nil: none
	rolling  bool
	failOpen bool

	licence atomic.Pointer[string] // with a slash; nil until it is known
	forgets sync.Once              // the warning that the books are in memory
}

func newQuota(q Quota) (*quota, error) {
	if q.Limit < 0 {
		return nil, fmt.Errorf("actito: Quota.Limit is %d: it must be positive, or 0 for the default", q.Limit)
	}
	for _, table := range slices.Sorted(maps.Keys(q.Limits)) {
		if table == "" {
			return nil, fmt.Errorf("actito: Quota.Limits has a limit of %d without a table", q.Limits[table])
		}
		if q.Limits[table] <= 0 {
			return nil, fmt.Errorf("actito: Quota.Limits[%q] is %d: it must be positive", table, q.Limits[table])
		}
	}
	if strings.Contains(q.Licence, "/") {
		return nil, errors.New("actito: Quota.Licence has a slash: use another name")
	}
	limit := cmp.Or(q.Limit, 12)
	least := slices.Min(append(slices.Collect(maps.Values(q.Limits)), limit))
	if q.KeepFree < 0 || q.KeepFree >= least {
		return nil, fmt.Errorf("actito: Quota.KeepFree is %d of a limit of %d: it must leave imports that are not urgent at least one", q.KeepFree, least)
	}
	zone, rolling, err := q.Window.parse()
	if err != nil {
		return nil, err
	}
	checked := &quota{store: q.Store, limit: limit, limits: maps.Clone(q.Limits), keep: q.KeepFree,
		zone: zone, rolling: rolling, failOpen: q.FailOpen}
	if q.Licence != "" {
		prefix := q.Licence + "/"
		checked.licence.Store(&prefix)
	}
	if q.Store == nil {
		checked.store = newMemoryStore()
	}
	return checked, nil
}

// inMemory reports whether the books are this process's own.
func (q *quota) inMemory() bool {
	_, own := q.store.(*memoryStore)
	return own
}

// limitOf returns the limit of a table.
func (q *quota) limitOf(t tableRef) int { return cmp.Or(q.limits[t.ID], q.limits[t.Name], q.limit) }

// margin is how far clocks may differ without an import being counted on the wrong day only.
const margin = 2 * time.Minute

// reservation starts a reservation with its time and window. Around midnight, the margin before it is a part of the
// new day and the one after it a part of the old day too.
func (q *quota) reservation(now time.Time) Reservation {
	r := Reservation{At: now}
	if q.rolling {
		r.Rolling = 24*time.Hour + margin
	}
	if q.zone != nil {
		from, next := day(now.Add(-margin).In(q.zone))
		r.From, r.ResetAt = from.Add(-margin), next.Add(margin)
	}
	return r
}

// usage is the store's usage with what the store cannot know: the table's limit, and the window if nothing was
// reserved in it.
func (q *quota) usage(ctx context.Context, bucket string, t tableRef, now time.Time) (Usage, error) {
	u, err := q.store.Usage(ctx, bucket)
	if err != nil {
		return Usage{}, err
	}
	u.Table, u.Limit = t.Name, q.limitOf(t)
	u.Left = max(0, u.Limit-u.Used-u.Held)
	if now.Before(u.ClosedUntil) {
		u.Left = 0
	}
	u.Kept = min(q.keep, u.Left)
	if u.ResetAt.IsZero() {
		u.ResetAt = q.reservation(now).ResetAt
	}
	return u, nil
}

// day returns the first instant of the day in which now falls, in now's zone, and the first one of the next day. It
// searches for them, since some zones skip midnight or have it twice when their clocks change.
func day(now time.Time) (from, next time.Time) {
	const longest = 26 * 60 * 60 // seconds; the longest days have 25 hours
	date := func(t time.Time) int { return t.Year()*1000 + t.YearDay() }
	after := func(seconds int) time.Time {
		return now.Truncate(time.Second).Add(time.Duration(seconds) * time.Second)
	}
	since := sort.Search(longest, func(s int) bool { return date(after(-s)) < date(now) })
	until := sort.Search(longest, func(s int) bool { return date(after(s)) > date(now) })
	return after(1 - since), after(until)
}
