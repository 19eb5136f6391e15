package main

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

func TestABrokenFileStopsNobodyElses(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.EqualError(t, run(t.Context(), nil, &out), "2 of 3 files were not loaded, or not all of their rows")
	assert.Contains(t, out.String(), "cyclists, report to cyclists@shop.example\n   3 read = 3 created + 0 updated + 0 rejected\n")
	assert.Contains(t, out.String(), "rejected: card BS-78: INVALID_VALUE in column mail\n")
	assert.Contains(t, out.String(), "museum.csv: line 3: the number of cells is 4 instead of the header's 3")
	assert.Contains(t, out.String(), "Imports left today for table Customers: 10 of 12\n")
	assert.Contains(t, out.String(), "Profiles that the fake holds: 4\n")
	assert.NotContains(t, out.String(), "@example.com")
}

func TestEachPartnerHasAReportRecipient(t *testing.T) {
	t.Parallel()
	fake, client := newLicence(t, 12)
	partners, dir := twoPartners()
	require.NoError(t, loadAll(t.Context(), client, dir, partners, io.Discard))
	var recipients []string
	for _, imported := range fake.Imports() {
		var definition actito.Definition
		require.NoError(t, json.Unmarshal(imported.Definition, &definition))
		recipients = append(recipients, definition.ReportRecipients...)
	}
	assert.Equal(t, []string{"a@shop.example", "b@shop.example"}, recipients)
}

func TestTheEndOfTheQuotaEndsTheRun(t *testing.T) {
	t.Parallel()
	fake, client := newLicence(t, 1)
	partners, dir := twoPartners()
	require.ErrorIs(t, loadAll(t.Context(), client, dir, partners, io.Discard), actito.ErrQuotaExceeded)
	assert.Len(t, fake.Imports(), 1)
}

func newLicence(t *testing.T, imports int) (*actitotest.Server, *actito.Client) {
	t.Helper()
	fake := shop.NewServer()
	t.Cleanup(fake.Close)
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL), actito.WithQuota(actito.Quota{Limit: imports}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	return fake, client
}

func twoPartners() ([]partner, fstest.MapFS) {
	columns := []actito.Mapping{{Column: "id", Attribute: "customerID"}}
	return []partner{
			{name: "a", recipient: "a@shop.example", separator: ',', columns: columns},
			{name: "b", recipient: "b@shop.example", separator: ',', columns: columns},
		}, fstest.MapFS{
			"files/a.csv": {Data: []byte("id\nA1\n")},
			"files/b.csv": {Data: []byte("id\nB1\nB2\n")},
		}
}
