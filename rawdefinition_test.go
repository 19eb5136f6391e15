package actito_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// rawCustomers loads annCSV, in a writing that no encoder has.
const rawCustomers = `{ "inputFiles" : [ {"fileNamePattern":"customers.csv","compression":"ZIP","mode":"CREATE_UPDATE",
	"destination":{"tableType":"PROFILE_TABLE","tableId":"16"},"attributesMapping":[
	{"headerColumn":"customerID","attributeName":"customerID"},{"headerColumn":"emailAddress","attributeName":"emailAddress"},
	{"headerColumn":"firstName","attributeName":"firstName","why":"<&>"}] } ], "generateErrorFile":true,
	"generateErrorFile":true, "z": 1.50 }` + "\n"

func TestARawDefinitionIsSentByteForByte(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	raw := json.RawMessage(rawCustomers)
	d := actito.RawDefinition(raw)
	id, err := b.client.ETLs.Create(t.Context(), d)
	require.NoError(t, err)
	require.NoError(t, b.client.ETLs.Replace(t.Context(), id, d))
	for _, r := range b.Requests(actitotest.OpETLCreate, actitotest.OpETLReplace) {
		require.True(t, bytes.Equal([]byte(rawCustomers), r.Body))
	}
	e, err := b.client.ETLs.RunOnce(t.Context(), d, actito.DataBytes("customers.csv", []byte(annCSV)))
	b.loads(t, e, err)
	e, err = b.client.ETLs.RunOnce(t.Context(), d, b.customers.Rows("customers.csv", all(annRow), named))
	b.loads(t, e, err)
	for _, r := range b.starts() {
		require.True(t, bytes.Equal([]byte(rawCustomers), sent(t, r).definition))
	}
	b.counted(t, "Customers", 2, 0)

	raw[0] = '!'
	again, err := json.Marshal(d)
	require.NoError(t, err)
	require.JSONEq(t, rawCustomers, string(again), "the caller's bytes are the caller's")
}

func TestARawDefinitionIsCheckedAsFarAsItIsKnown(t *testing.T) {
	t.Parallel()
	other := `{"inputFiles":{"customers.csv":"Customers"}}`
	data := actito.DataBytes("customers.csv", []byte(annCSV))
	for name, tt := range map[string]struct {
		definition actito.Definition
		opts       []actito.ImportOption
		want       refusal
	}{
		"another file": {actito.RawDefinition([]byte(rawCustomers)), []actito.ImportOption{actito.DataBytes("c.csv", []byte(annCSV))},
			refusal{file: "c.csv", rule: "file-name"}},
		"another column": {actito.RawDefinition([]byte(rawCustomers)), []actito.ImportOption{actito.DataBytes("customers.csv", []byte("customerID\nC1\n"))},
			refusal{file: "customers.csv", line: 1, column: "emailAddress", rule: "missing-column"}},
		"with a schedule": {actito.RawDefinition([]byte(`{"schedule":{"frequency":"DAILY"}}`)), []actito.ImportOption{data, actito.Loads("Customers")},
			refusal{column: "schedule", rule: "schedule"}},
		"another form":   {actito.RawDefinition([]byte(other)), []actito.ImportOption{data}, refusal{rule: "no-tables"}},
		"not JSON":       {actito.RawDefinition([]byte(`{`)), []actito.ImportOption{data}, refusal{column: "RawDefinition", rule: "json"}},
		"nothing":        {actito.RawDefinition(nil), []actito.ImportOption{data}, refusal{column: "RawDefinition", rule: "json"}},
		"null":           {actito.RawDefinition([]byte(`null`)), []actito.ImportOption{data}, refusal{column: "RawDefinition", rule: "json"}},
		"an array":       {actito.RawDefinition([]byte(`[]`)), []actito.ImportOption{data}, refusal{column: "RawDefinition", rule: "json"}},
		"changed on top": {changed(actito.RawDefinition([]byte(rawCustomers))), []actito.ImportOption{data}, refusal{column: "RawDefinition", rule: "definition"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			_, err := b.client.ETLs.RunOnce(t.Context(), tt.definition, tt.opts...)
			requireRefused(t, tt.want, err)
			if tt.want.column == "RawDefinition" {
				_, err = b.client.ETLs.Create(t.Context(), tt.definition)
				requireRefused(t, tt.want, err)
				requireRefused(t, tt.want, b.client.ETLs.Replace(t.Context(), "1", tt.definition))
				require.Empty(t, b.Requests())
			}
			b.untouched(t)
		})
	}
	t.Run("another form, with the tables named", func(t *testing.T) {
		t.Parallel()
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, jsonAnswer(`{"id":"7"}`))
		_, err := b.client.ETLs.RunOnce(t.Context(), actito.RawDefinition([]byte(other)), data, actito.Loads("Customers"))
		require.NoError(t, err)
		require.Equal(t, other, string(sent(t, b.starts()[0]).definition))
		b.counted(t, "Customers", 1, 0)
	})
}

func changed(d actito.Definition) actito.Definition {
	d.Name = "changed"
	return d
}
