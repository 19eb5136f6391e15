package actito_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestASummaryCountsRejectsByFileCodeAndColumn(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ResultFilesExist)
	e := b.twoTables(t)
	summary, err := b.client.Executions.Summarize(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, actito.RejectSummary{Rows: 2, Counts: []actito.RejectCount{
		{File: "customers.csv", Code: "INVALID_VALUE", Column: "emailAddress", Rows: 1},
		{File: "orders.csv", Code: "UNKNOWN_REFERENCE", Column: "customerID", Rows: 1},
	}}, summary)
	require.Equal(t, ""+
		"rows  file           code               column\n"+
		"1     customers.csv  INVALID_VALUE      emailAddress\n"+
		"1     orders.csv     UNKNOWN_REFERENCE  customerID\n", summary.String())

	for _, e := range []*actito.Execution{nil, {}} {
		summary, err := b.client.Executions.Summarize(t.Context(), e)
		require.NoError(t, err)
		require.Zero(t, summary.Rows)
		require.Equal(t, "rows  file  code  column\n", summary.String())
	}
}

func TestASummaryShowsNoValues(t *testing.T) {
	t.Parallel()
	const header = "customerID,emailAddress,firstName,errorCode,errorColumn\n"
	for name, tt := range map[string]struct {
		row          string
		code, column string
	}{
		"an identifier":                {"C1,a@b.be,Ann,INVALID_VALUE,firstName", "INVALID_VALUE", "firstName"},
		"none":                         {"C1,a@b.be,Ann,,", "", ""},
		"a sentence that quotes cells": {`C1,a@b.be,Ann,"Ann (C1) is no first name of a@b.be",firstName`, "[value] ([value]) is no first name of [value]", "firstName"},
		"somebody else's address":      {"C1,a@b.be,Ann,taken by bob@b.be +32 470 12 34 56,emailAddress", "taken by [e-mail] [number]", "emailAddress"},
		"a cell":                       {"C1,a@b.be,ANN,ANN,C1", "[value]", "[value]"},
		"a column of another name":     {"C1,a@b.be,Ann,E,the name Ann", "E", "the name [value]"},
		"much":                         {"C1,a@b.be,Ann,E" + strings.Repeat(" x", 99) + ",firstName", "E" + strings.Repeat(" x", 29) + " …", "firstName"},
		"a long cell": {"C1,a@b.be," + strings.TrimSpace(strings.Repeat("Ann Peeters ", 30)) + ",Value too long: " +
			strings.TrimSpace(strings.Repeat("Ann Peeters ", 30)) + ",firstName", "Value too long: [value]", "firstName"},
		"half an address": {"C1,a@b.be,Ann," + strings.Repeat("bob@example.com ", 14) + "bob.peeters-at-home@example.com,firstName",
			strings.Repeat("[e-mail] ", 6) + "[e-mai…", "firstName"},
		"lines":                   {"C1,a@b.be,Ann,\"a\nb\",firstName", "a b", "firstName"},
		"more cells than columns": {"C1,a@b.be,Ann,Peeters,E,firstName", "(cells miscounted)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, e := rejecting(t, archive(t, "o.csv", header+tt.row+"\n"))
			summary, err := b.client.Executions.Summarize(t.Context(), e)
			require.NoError(t, err)
			require.Equal(t, []actito.RejectCount{{File: "o.csv", Code: tt.code, Column: tt.column, Rows: 1}}, summary.Counts)
			require.Equal(t, 2, strings.Count(summary.String(), "\n"))
		})
	}
}

func TestASummaryIsBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("orderId,errorCode,errorColumn\n")
	for i := range 1500 {
		fmt.Fprintf(&text, "O,E%d,orderId\nO,FIRST,orderId\n", i)
	}
	b, e := rejecting(t, archive(t, "o.csv", text.String()))
	summary, err := b.client.Executions.Summarize(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, 3000, summary.Rows)
	require.Len(t, summary.Counts, 1001)
	require.Equal(t, actito.RejectCount{File: "o.csv", Code: "FIRST", Column: "orderId", Rows: 1500}, summary.Counts[0])
	require.Equal(t, actito.RejectCount{File: "o.csv", Code: "(others)", Rows: 501}, summary.Counts[1])
}

func TestASummaryThatBreaksOffKeepsItsCounts(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t, "o.csv", "orderId,errorCode,errorColumn\nO1,E,orderId\nO\"2,E,orderId\n"))
	summary, err := b.client.Executions.Summarize(t.Context(), e)
	require.ErrorContains(t, err, "cannot be read")
	require.Equal(t, 1, summary.Rows)
	e.Files[0].Rejected = 9
	b, _ = rejecting(t, archive(t, "o.csv", "orderId,errorCode,errorColumn\nO1,E,orderId\n"))
	summary, err = b.client.Executions.Summarize(t.Context(), e)
	require.ErrorIs(t, err, actito.ErrRowsUnaccounted)
	require.Equal(t, 1, summary.Rows)
}
