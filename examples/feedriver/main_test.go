//go:build unix

package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	defer server.stop()
	m.Run()
}

func TestWhatJobsHandOverArrivesWithThem(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-db", server.url(t)}, &out))
	assert.Equal(t, `10 customers have signed up and ordered, with a job for each sign-up and each order.
   sign-up, try 1: it died after its hand-over, before its commit
   jobs completed: 10 sign-ups, 10 orders
               in the shop  in Actito
   Customers            10         10
   Orders               10         10
Rows left in the outbox: 0
`, out.String())
}

func TestItSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(t.Context(), nil, io.Discard), "-db is needed")
	require.ErrorContains(t, run(t.Context(), []string{"now"}, io.Discard), `unexpected argument "now"`)
}
