package feed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestWhenAnImportMayBeDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		change func(*outlook)
		want   bool
	}{
		"a backlog that calls do not deliver in time, at the last moment": {func(*outlook) {}, true},
		"200 rows are enough":                              {func(o *outlook) { o.together = 200 }, true},
		"199 rows are too few":                             {func(o *outlook) { o.together = 199 }, false},
		"calls are as fast":                                {func(o *outlook) { o.pending = 250 }, false},
		"calls are slower":                                 {func(o *outlook) { o.pending = 251 }, true},
		"a faster lane needs none":                         {func(o *outlook) { o.pace = 500 }, false},
		"there is time for more rows":                      {func(o *outlook) { o.oldest = now.Add(-25*time.Minute + time.Second) }, false},
		"there is none if an import takes longer":          {func(o *outlook) { o.oldest, o.lasts = now.Add(-20*time.Minute), 10*time.Minute }, true},
		"there is none if lanes after it need time":        {func(o *outlook) { o.oldest, o.deadline = now.Add(-20*time.Minute), 25*time.Minute }, true},
		"nothing is left to lanes after it: as soon as ok": {func(o *outlook) { o.oldest, o.deadline = now, -time.Minute }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := outlook{now: now, pending: 1000, together: 1000, oldest: now.Add(-25 * time.Minute), pace: 50,
				lasts: 5 * time.Minute, deadline: 30 * time.Minute}
			tt.change(&o)
			assert.Equal(t, tt.want, o.worth())
		})
	}
}

func TestAnEventIsLateIfItsTurnComesAfterTheDeadline(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	o := outlook{now: now, pace: 60, deadline: 30 * time.Minute}
	assert.False(t, o.late(now.Add(-20*time.Minute), 600))
	assert.True(t, o.late(now.Add(-20*time.Minute), 601))
	assert.True(t, o.late(now.Add(-31*time.Minute), 1))
}

func TestTheColumnsThatMostPendingEventsHaveGo(t *testing.T) {
	t.Parallel()
	old := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var o outlook
	for _, b := range []Backlog{
		{Columns: 0, Pending: 900, Oldest: old},
		{Columns: 3, Pending: 200, Held: 50, Oldest: old.Add(time.Hour)},
		{Columns: 5, Pending: 300, Oldest: old.Add(time.Minute)},
		{Columns: 7, Pending: 10, Parked: 5000, Oldest: old},
	} {
		o.add(&b)
	}
	assert.Equal(t, outlook{pending: 1410, columns: 5, together: 300, oldest: old.Add(time.Minute)}, o)
}

func TestTheBudgetIsSpreadOverTheDay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	reset := now.Add(10 * time.Hour)
	for name, tt := range map[string]struct {
		usage actito.Usage
		last  time.Duration // ago; 0: none
		want  time.Duration
	}{
		"nothing is used":                        {actito.Usage{Limit: 12, Left: 12}, 0, 0},
		"earlier hours needed less":              {actito.Usage{Limit: 12, Left: 7, ResetAt: reset}, time.Minute, 0},
		"they needed what is their part: wait":   {actito.Usage{Limit: 12, Left: 5, ResetAt: reset}, 90 * time.Minute, 30 * time.Minute},
		"what is kept free is not left":          {actito.Usage{Limit: 12, Left: 7, Kept: 2, ResetAt: reset}, 90 * time.Minute, 30 * time.Minute},
		"the wait is over":                       {actito.Usage{Limit: 12, Left: 5, ResetAt: reset}, 2 * time.Hour, 0},
		"none was started yet":                   {actito.Usage{Limit: 12, Left: 5, ResetAt: reset}, 0, 0},
		"the last one waits too, but look":       {actito.Usage{Limit: 12, Left: 1, ResetAt: reset}, time.Minute, time.Hour},
		"none is left":                           {actito.Usage{Limit: 12, Left: 0, ResetAt: now.Add(40 * time.Minute)}, 0, 40 * time.Minute},
		"none is left for long, but look":        {actito.Usage{Limit: 12, Left: 0, ResetAt: reset}, 0, time.Hour},
		"only what is kept free is left":         {actito.Usage{Limit: 12, Left: 2, Kept: 2, ResetAt: now.Add(30 * time.Minute)}, 0, 30 * time.Minute},
		"it is closed for longer than the day":   {actito.Usage{Limit: 12, ResetAt: now.Add(time.Minute), ClosedUntil: now.Add(20 * time.Minute)}, 0, 20 * time.Minute},
		"the reset is near: not again at once":   {actito.Usage{Limit: 12, Left: 0, ResetAt: now.Add(time.Second)}, 0, time.Minute},
		"an unknown reset counts as a whole day": {actito.Usage{Limit: 48, Left: 24}, 45 * time.Minute, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var last time.Time
			if tt.last > 0 {
				last = now.Add(-tt.last)
			}
			assert.Equal(t, tt.want, spared(tt.usage, last, now))
		})
	}
}

func TestALaneLeavesTimeToThoseAfterIt(t *testing.T) {
	t.Parallel()
	f := &Feed{}
	lane := func(name string, staleness time.Duration, after ...*lane) *laneState {
		l := &lane{feed: f, name: name, spill: &spill{staleness: staleness}}
		for _, p := range after {
			l.parents = append(l.parents, parent{lane: p})
		}
		return &laneState{lane: l}
	}
	customers := lane("customers", 2*time.Hour)
	orders := lane("orders", time.Hour, customers.lane)
	lines := lane("lines", time.Hour, orders.lane)
	byCalls := lane("notes", time.Minute, customers.lane)
	byCalls.spill = nil
	d := &drainer{lanes: []*laneState{customers, orders, lines, byCalls}}
	assert.Equal(t, time.Hour, d.deadline(lines))
	assert.Equal(t, 55*time.Minute, d.deadline(orders), "an import of lines is guessed to take 5 minutes")
	assert.Equal(t, 50*time.Minute, d.deadline(customers))
	lines.lasted(25 * time.Minute)
	assert.Equal(t, 15*time.Minute, lines.lasts(), "a moving average")
	assert.Equal(t, 45*time.Minute, d.deadline(orders))
	assert.Equal(t, 40*time.Minute, d.deadline(customers))
	short := lane("short", time.Minute)
	assert.Equal(t, 10*time.Second, short.lasts())
}

func TestThePaceIsThatOfTheLastMinutes(t *testing.T) {
	t.Parallel()
	var p pace
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	assert.Equal(t, leastPace, p.perMinute(now), "nothing was measured")
	count := func(n int) {
		for range n {
			p.count(now)
		}
	}
	count(80)
	assert.Equal(t, 80, p.perMinute(now))
	now = now.Add(time.Minute)
	count(30)
	assert.Equal(t, 80, p.perMinute(now))
	now = now.Add(2 * time.Minute)
	assert.Equal(t, 30, p.perMinute(now))
	now = now.Add(time.Hour)
	assert.Equal(t, leastPace, p.perMinute(now))
}

func TestWhatAFileCanSay(t *testing.T) {
	t.Parallel()
	keep := &spill{empty: actito.Keep}
	for name, tt := range map[string]struct {
		row  string
		fits bool
	}{
		"texts, numbers and bools":  {`{"a":"x","b":1.5,"c":false}`, true},
		"lists":                     {`{"a":["x","y"]}`, true},
		"null":                      {`{"a":null}`, false},
		"an empty text":             {`{"a":""}`, false},
		"an empty list":             {`{"a":[]}`, false},
		"a list with a comma":       {`{"a":["x,y"]}`, false},
		"a list with an empty text": {`{"a":["x",""]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row, err := actito.ParseMap([]byte(tt.row))
			require.NoError(t, err)
			assert.Equal(t, tt.fits, keep.columns(row) == anyColumns)
			assert.Equal(t, tt.fits, (&spill{}).columns(row) != 0)
		})
	}
	one, two := map[string]any{"a": "x", "b": "y"}, map[string]any{"a": "z"}
	assert.NotEqual(t, (&spill{}).columns(one), (&spill{}).columns(two))
	assert.Equal(t, keep.columns(one), keep.columns(two))
}

func TestWhichKeysAnImportTakes(t *testing.T) {
	t.Parallel()
	parents := map[Key]State{"busy": {Any: true}}
	many := make([]Event, mostOfKey+1)
	for i := range many {
		many[i].Columns = 5
	}
	for name, tt := range map[string]struct {
		events []Event
		want   bool
	}{
		"one event":               {[]Event{{Columns: 5}}, true},
		"a parent that is gone":   {[]Event{{Columns: 5, Parents: []Key{"gone"}}}, true},
		"a parent that is not":    {[]Event{{Columns: 5}, {Columns: 5, Parents: []Key{"busy"}}}, false},
		"other columns":           {[]Event{{Columns: 5}, {Columns: 6}}, false},
		"no file":                 {[]Event{{Columns: 5}, {Columns: 0}}, false},
		"urgent":                  {[]Event{{Columns: 5, Urgent: true}}, false},
		"parked":                  {[]Event{{Columns: 5, Parked: &Parked{}}, {Columns: 5}}, false},
		"held":                    {[]Event{{Columns: 5, Import: "X"}, {Columns: 5}}, false},
		"sent":                    {[]Event{{Columns: 5, Sent: true}}, false},
		"as many as fit":          {many[1:], true},
		"more than are read once": {many, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, spillable(tt.events, 5, parents))
		})
	}
}
