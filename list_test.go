package actito_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestListOptionsAsQuery(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	orders := records[purchase](t, newClient(t, server))
	for _, c := range []struct {
		options actito.ListOptions
		want    url.Values
	}{
		{actito.ListOptions{}, url.Values{"number": {"100"}}},
		{actito.ListOptions{Number: 7}, url.Values{"number": {"7"}}},
		{actito.ListOptions{SearchField: "status", SearchValue: "a b&c=+é"}, url.Values{"number": {"100"}, "searchField": {"status"}, "searchValue": {"a b&c=+é"}}},
		{actito.ListOptions{SortField: "status"}, url.Values{"number": {"100"}, "sortedField": {"status"}, "ascending": {"true"}}},
		{actito.ListOptions{SortField: "status", Descending: true}, url.Values{"number": {"100"}, "sortedField": {"status"}, "ascending": {"false"}}},
	} {
		_, _, err := orders.List(t.Context(), c.options)
		require.NoError(t, err)
		seen := server.Requests(actitotest.OpRecordList)
		require.Equal(t, c.want, seen[len(seen)-1].Query)
	}
}

func TestListFindsSortsAndTellsWhetherThereMayBeMore(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	orders := records[purchase](t, newClient(t, server))
	for i := range 5 {
		_, err := orders.Upsert(t.Context(), purchase{ID: fmt.Sprint("O", i), Customer: fmt.Sprint("C", i%2), Visits: int64(10 - i)})
		require.NoError(t, err)
	}
	for name, c := range map[string]struct {
		options actito.ListOptions
		want    string
		more    bool
	}{
		"all":                       {actito.ListOptions{}, "O0 O1 O2 O3 O4 ", false},
		"fewer than there are":      {actito.ListOptions{Number: 2}, "O0 O1 ", true},
		"as many as there are":      {actito.ListOptions{Number: 5}, "O0 O1 O2 O3 O4 ", true},
		"more than there are":       {actito.ListOptions{Number: 6}, "O0 O1 O2 O3 O4 ", false},
		"found by value":            {actito.ListOptions{SearchField: "customerID", SearchValue: "C1"}, "O1 O3 ", false},
		"sorted by number":          {actito.ListOptions{SortField: "visits"}, "O4 O3 O2 O1 O0 ", false},
		"sorted from the other end": {actito.ListOptions{SortField: "visits", Descending: true, Number: 1}, "O0 ", true},
		"none":                      {actito.ListOptions{SearchField: "customerID", SearchValue: "C9"}, "", false},
	} {
		list, more, err := orders.List(t.Context(), c.options)
		require.NoError(t, err, name)
		var found string
		for _, o := range list {
			found += o.ID + " "
		}
		require.Equal(t, c.want, found, name)
		require.Equal(t, c.more, more, name)
	}
	_, _, err := orders.List(t.Context(), actito.ListOptions{SortField: "unknown"})
	require.ErrorIs(t, err, actito.ErrInvalid)
}

func TestListOptionsThatContradictThemselvesAreRefused(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	orders := records[purchase](t, newClient(t, server))
	for column, o := range map[string]actito.ListOptions{
		"SearchValue": {SearchField: "status"}, "SearchField": {SearchValue: "NEW"}, "Number": {Number: -1}, "SortField": {Descending: true},
	} {
		_, _, err := orders.List(t.Context(), o)
		var refused *actito.ValidationError
		require.ErrorAs(t, err, &refused, column)
		require.Equal(t, column, refused.Column)
	}
	require.Empty(t, server.Requests())
}
