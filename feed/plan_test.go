package feed

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func patchOf(id int64, row string, change ...func(*Event)) Event {
	e := Event{ID: id, Payload: []byte(`{"row":` + row + `}`)}
	for _, c := range change {
		c(&e)
	}
	return e
}

func deleteOf(id int64, change ...func(*Event)) Event {
	e := Event{ID: id, Delete: true, Urgent: true, AtOnce: true, Payload: []byte(`{"key":"7"}`)}
	for _, c := range change {
		c(&e)
	}
	return e
}

func whenParked(e *Event)            { e.Parked = &Parked{} }
func whenHeld(e *Event)              { e.Import = "i" }
func whenSent(e *Event)              { e.Sent = true }
func isAtOnce(e *Event)              { e.AtOnce = true }
func isUrgent(e *Event)              { e.Urgent = true }
func isErased(e *Event)              { e.Payload = nil }
func waitsFor(k ...Key) func(*Event) { return func(e *Event) { e.Parents = k } }

func TestEventsOfAKeyMerge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		events []Event
		waits  bool
		ids    []int64
		remove bool
		row    string // "" for none
		other  func(*testing.T, plan)
	}{
		"nothing":                     {waits: true},
		"one":                         {events: []Event{patchOf(1, `{"a":1}`)}, ids: []int64{1}, row: `{"a":1}`},
		"unset keeps":                 {events: []Event{patchOf(1, `{"a":1,"b":2}`), patchOf(2, `{"b":3}`)}, ids: []int64{1, 2}, row: `{"a":1,"b":3}`},
		"null clears":                 {events: []Event{patchOf(1, `{"a":1}`), patchOf(2, `{"a":null}`)}, ids: []int64{1, 2}, row: `{"a":null}`},
		"a value replaces null":       {events: []Event{patchOf(1, `{"a":null}`), patchOf(2, `{"a":1}`)}, ids: []int64{1, 2}, row: `{"a":1}`},
		"null stays":                  {events: []Event{patchOf(1, `{"a":null}`), patchOf(2, `{"b":1}`)}, ids: []int64{1, 2}, row: `{"a":null,"b":1}`},
		"null twice":                  {events: []Event{patchOf(1, `{"a":null}`), patchOf(2, `{"a":null}`)}, ids: []int64{1, 2}, row: `{"a":null}`},
		"an empty text is a value":    {events: []Event{patchOf(1, `{"a":"x"}`), patchOf(2, `{"a":""}`)}, ids: []int64{1, 2}, row: `{"a":""}`},
		"an empty list is a value":    {events: []Event{patchOf(1, `{"a":["x"]}`), patchOf(2, `{"a":[]}`)}, ids: []int64{1, 2}, row: `{"a":[]}`},
		"numbers keep their digits":   {events: []Event{patchOf(1, `{"a":12345678901234567890.10}`)}, ids: []int64{1}, row: `{"a":12345678901234567890.10}`},
		"a delete":                    {events: []Event{deleteOf(1)}, ids: []int64{1}, remove: true},
		"a delete after a patch":      {events: []Event{patchOf(1, `{"a":1}`, waitsFor("p")), deleteOf(2)}, ids: []int64{1, 2}, remove: true, other: func(t *testing.T, p plan) { assert.Empty(t, p.parents) }},
		"a delete between patches":    {events: []Event{patchOf(1, `{"a":1}`), deleteOf(2), patchOf(3, `{"b":2}`, waitsFor("p"))}, ids: []int64{1, 2, 3}, remove: true, row: `{"b":2}`, other: func(t *testing.T, p plan) { assert.Equal(t, int64(3), p.parents["p"].ID) }},
		"two deletes":                 {events: []Event{deleteOf(1), patchOf(2, `{"a":1}`), deleteOf(3)}, ids: []int64{1, 2, 3}, remove: true},
		"parked":                      {events: []Event{patchOf(1, `{"a":1}`, whenParked)}, waits: true, ids: []int64{1}, row: `{"a":1}`},
		"parked is taken along":       {events: []Event{patchOf(1, `{"a":1,"b":1}`, whenParked), patchOf(2, `{"a":2}`)}, ids: []int64{1, 2}, row: `{"a":2,"b":1}`},
		"parked after what is newer":  {events: []Event{patchOf(1, `{"a":1}`), patchOf(2, `{"a":2}`, whenParked)}, ids: []int64{1, 2}, row: `{"a":2}`},
		"a parked delete":             {events: []Event{deleteOf(1, whenParked), patchOf(2, `{"a":2}`)}, ids: []int64{1, 2}, remove: true, row: `{"a":2}`},
		"erased":                      {events: []Event{patchOf(1, ``, isErased), patchOf(2, `{"a":2}`)}, ids: []int64{1, 2}, row: `{"a":2}`},
		"only erased":                 {events: []Event{patchOf(1, ``, isErased)}, ids: []int64{1}},
		"held":                        {events: []Event{patchOf(1, `{"a":1}`, whenHeld)}, waits: true},
		"after what is held":          {events: []Event{patchOf(1, `{"a":1}`, whenHeld), patchOf(2, `{"a":2}`)}, waits: true, ids: []int64{2}, row: `{"a":2}`},
		"urgent after what is held":   {events: []Event{patchOf(1, `{"a":1}`, whenHeld), patchOf(2, `{"a":2}`, isUrgent)}, waits: true, ids: []int64{2}, row: `{"a":2}`},
		"at once though held":         {events: []Event{patchOf(1, `{"a":1}`, whenHeld), patchOf(2, `{"b":2}`), patchOf(3, `{"a":3}`, isAtOnce)}, ids: []int64{2, 3}, row: `{"a":3,"b":2}`, other: func(t *testing.T, p plan) { assert.True(t, p.held) }},
		"sent while held":             {events: []Event{patchOf(1, `{"a":1}`, whenHeld), patchOf(2, `{"a":2}`, isAtOnce, whenSent)}, waits: true, ids: []int64{2}, row: `{"a":2}`},
		"at once after what was sent": {events: []Event{patchOf(1, `{"a":1}`, whenHeld), patchOf(2, `{"a":2}`, isAtOnce, whenSent), deleteOf(3)}, ids: []int64{2, 3}, remove: true},
		"at once but parked":          {events: []Event{patchOf(1, `{"a":1}`, whenHeld), patchOf(2, `{"a":2}`, isAtOnce, whenParked)}, waits: true, ids: []int64{2}, row: `{"a":2}`},
		"parents once each": {events: []Event{patchOf(1, `{"a":1}`, waitsFor("p", "q")), patchOf(2, `{"a":2}`, waitsFor("a", "p"))}, ids: []int64{1, 2}, row: `{"a":2}`,
			other: func(t *testing.T, p plan) {
				assert.Equal(t, []int64{2, 2, 1}, []int64{p.parents["a"].ID, p.parents["p"].ID, p.parents["q"].ID})
			}},
		"urgent if one is": {events: []Event{patchOf(1, `{"a":1}`, isUrgent), patchOf(2, `{"a":2}`)}, ids: []int64{1, 2}, row: `{"a":2}`,
			other: func(t *testing.T, p plan) { assert.True(t, p.urgent) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ok, err := planOf(seal{}, test.events)
			require.NoError(t, err)
			assert.Equal(t, !test.waits, ok)
			assert.Equal(t, test.ids, p.ids)
			assert.Equal(t, test.remove, p.remove)
			if test.remove {
				assert.Equal(t, "7", p.key)
			}
			if test.row == "" {
				assert.Nil(t, p.row)
			} else {
				row, err := json.Marshal(p.row)
				require.NoError(t, err)
				assert.Equal(t, test.row, string(row))
			}
			if test.other != nil {
				test.other(t, p)
			}
		})
	}
}

func TestDataCollectionIsThatOfTheNewestPatch(t *testing.T) {
	t.Parallel()
	collected := func(id int64, source string) Event {
		return Event{ID: id, Payload: []byte(`{"row":{"a":1},"collected":{"Source":"` + source + `"}}`)}
	}
	p, _, err := planOf(seal{}, []Event{collected(1, "shop"), collected(2, "till"), patchOf(3, `{"a":2}`)})
	require.NoError(t, err)
	assert.Equal(t, &actito.DataCollectionInfo{Source: "till"}, p.collected)
	p, _, err = planOf(seal{}, []Event{collected(1, "shop"), deleteOf(2), patchOf(3, `{"a":2}`)})
	require.NoError(t, err)
	assert.Nil(t, p.collected)
}

func TestAPayloadThatCannotBeReadStopsItsKey(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{"no JSON": "\x00\x01", "no row": `{"row":[1]}`, "empty": ""} {
		broken := Event{ID: 1, Payload: []byte(payload)}
		p, _, err := planOf(seal{}, []Event{broken, patchOf(2, `{"a":1}`)})
		require.Error(t, err, name)
		assert.Equal(t, []int64{1, 2}, p.ids, name)
	}
}

func TestConsentsAreTold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		row          map[string]any
		some, optOut bool
	}{
		"none":                   {row: map[string]any{"a": false}},
		"an opt-in":              {row: map[string]any{"subscriptions#News": true}, some: true},
		"an opt-out":             {row: map[string]any{"subscriptions#News": false}, some: true, optOut: true},
		"one of several":         {row: map[string]any{"subscriptions#A": true, "subscriptions#B": false, "c": 1}, some: true, optOut: true},
		"out of a segmentation":  {row: map[string]any{"segmentations#A": false}, some: true},
		"a cleared subscription": {row: map[string]any{"subscriptions#A": nil}, some: true},
	} {
		some, optOut := consents(test.row), len(optOuts(test.row)) > 0
		assert.Equal(t, test.some, some, name)
		assert.Equal(t, test.optOut, optOut, name)
	}
}

func TestColumnsTellRowsApart(t *testing.T) {
	t.Parallel()
	a := columnsOf(map[string]any{"a": 1, "b": 2})
	assert.Equal(t, a, columnsOf(map[string]any{"b": "x", "a": nil}))
	assert.NotEqual(t, a, columnsOf(map[string]any{"ab": 1}))
	assert.NotEqual(t, a, columnsOf(map[string]any{"a": 1}))
	assert.NotZero(t, columnsOf(nil))
}

func TestKeysAreOfTheirLane(t *testing.T) {
	t.Parallel()
	assert.Len(t, keyOf("lane", "1"), 22)
	assert.NotEqual(t, keyOf("lane", "1"), keyOf("lane1", ""))
	assert.NotEqual(t, keyOf("lane", "1"), keyOf("lane", "01"))
	for value, want := range map[any]string{"a": "a", json.Number("12"): "12", nil: "", true: ""} {
		assert.Equal(t, want, text(value))
	}
}

func TestANoteIsCutIntoThoseThatAStoreTakes(t *testing.T) {
	t.Parallel()
	n := Note{Park: map[int64]Parked{}}
	for i := range int64(1200) {
		n.Remove, n.Sent = append(n.Remove, i), append(n.Sent, 2000+i)
		n.Park[4000+i] = Parked{Code: "400"}
	}
	var all Note
	for some := range n.split() {
		assert.LessOrEqual(t, some.size(), idsAtOnce)
		assert.NotZero(t, some.size())
		all.add(some)
	}
	assert.Equal(t, n, all)
	for range new(Note).split() {
		t.Error("an empty note is none")
	}
}
