package actitotest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

func order(id, amount string) string {
	return `{"properties":[{"name":"orderId","value":"` + id + `"},{"name":"amount","value":` + amount + `}]}`
}

func TestRecordIsCreatedUpdatedReadAndDeletedByItsKey(t *testing.T) {
	t.Parallel()
	c := withAnn(t)
	c.server.Assume(actitotest.IDInBody)
	r := c.call("POST", records, order("A/1", "12.5"))
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	assert.Equal(t, "A/1", r.json(t)["businessKey"])
	assert.Equal(t, records+"/A%2F1", r.Header.Get("Location"))

	r = c.call("POST", records, order("A/1", "13"))
	require.Equal(t, http.StatusOK, r.StatusCode, r.text)
	r = c.call("PUT", records+"/A%2F1", `{"properties":[{"name":"customerID","value":"1"}]}`)
	require.Equal(t, http.StatusOK, r.StatusCode, r.text)
	stored, ok := c.server.Record("Orders", "A/1")
	assert.True(t, ok)
	assert.Equal(t, map[string]string{"orderId": "A/1", "amount": "13", "customerID": "1"}, stored)
	assert.Contains(t, c.call("GET", records+"/A%2F1", "").json(t)["properties"], map[string]any{"name": "amount", "value": 13.0})

	assert.Equal(t, http.StatusNoContent, c.call("DELETE", records+"/A%2F1", "").StatusCode)
	assert.Equal(t, http.StatusNotFound, c.call("DELETE", records+"/A%2F1", "").StatusCode)
	last := c.server.Events()[len(c.server.Events())-1]
	assert.Equal(t, actitotest.EventDelete, last.Type)
	assert.Equal(t, "CUSTOM_TABLE", last.TableType)
	assert.Equal(t, "A/1", last.ID)
}

func TestTableThatMakesItsKeysCreatesARecordForEachPost(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	const path = "/v4/entity/MyEntity/customTable/Visits/record"
	body := `{"properties":[{"name":"page","value":"/home"}]}`
	first := c.call("POST", path, body)
	require.Equal(t, http.StatusCreated, first.StatusCode, first.text)
	assert.Equal(t, http.StatusCreated, c.call("POST", path, body).StatusCode)
	assert.Len(t, c.server.Records("Visits"), 2)
	r := c.call("POST", path, `{"properties":[{"name":"id","value":999},{"name":"page","value":"/"}]}`)
	assert.Equal(t, http.StatusBadRequest, r.StatusCode, "a key that it has not made")
	r = c.call("POST", path, `{"properties":[{"name":"id","value":`+c.server.Records("Visits")[0]["id"]+`},{"name":"page","value":"/"}]}`)
	assert.Equal(t, http.StatusOK, r.StatusCode, r.text)
}

func TestRecordsThatContradictTheTableAreRefused(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	for name, body := range map[string]string{
		"no key":                `{"properties":[{"name":"amount","value":1}]}`,
		"no mandatory property": `{"properties":[{"name":"orderId","value":"A-1"}]}`,
		"no such customer":      `{"properties":[{"name":"orderId","value":"A-1"},{"name":"amount","value":1},{"name":"customerID","value":"9"}]}`,
		"no such property":      `{"properties":[{"name":"orderId","value":"A-1"},{"name":"amount","value":1},{"name":"x","value":"9"}]}`,
	} {
		r := c.call("POST", records, body)
		assert.Equal(t, http.StatusBadRequest, r.StatusCode, name)
	}
	assert.Empty(t, c.server.Records("Orders"))
}

func TestRecordsAreSearchedSortedAndLimited(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	for _, o := range []struct{ id, amount string }{{"A", "9"}, {"B", "10"}, {"C", "9"}} {
		require.Equal(t, http.StatusCreated, c.call("POST", records, order(o.id, o.amount)).StatusCode)
	}
	for _, test := range []struct {
		query string
		want  []string
	}{
		{"", []string{"A", "B", "C"}},
		{"?number=2", []string{"A", "B"}},
		{"?searchField=amount&searchValue=9&sortedField=orderId&ascending=false", []string{"C", "A"}},
		{"?sortedField=amount&ascending=false&number=1", []string{"B"}},
		{"?searchField=orderId&searchValue=Z", nil},
	} {
		var got []string
		for _, record := range c.call("GET", records+test.query, "").json(t)["records"].([]any) {
			property := record.(map[string]any)["properties"].([]any)[0].(map[string]any)
			got = append(got, property["value"].(string))
		}
		assert.Equal(t, test.want, got, test.query)
	}
	for _, query := range []string{"?searchField=x", "?sortedField=x", "?number=x"} {
		assert.Equal(t, http.StatusBadRequest, c.call("GET", records+query, "").StatusCode, query)
	}
}

func TestStructuresDescribeTheTables(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	const profileTables, customTables = "/profile-table-structure/v5/entities/MyEntity/profile-tables", "/custom-table-structure/v5/entities/MyEntity/custom-tables"
	list := c.call("GET", profileTables, "").json(t)["profileTables"].([]any)
	customers := c.call("GET", profileTables+"/Customers", "").json(t)
	assert.Equal(t, []any{customers}, list)
	assert.Equal(t, customers, c.call("GET", profileTables+"/16", "").json(t))
	assert.Contains(t, customers["attributes"], map[string]any{
		"type": "CUSTOM", "name": "profileId", "unique": true, "mandatory": true, "valueType": "INTEGER", "multiValued": false})
	assert.Contains(t, customers["attributes"], map[string]any{
		"type": "EMAIL_ADDRESS", "name": "emailAddress", "unique": true, "mandatory": false})
	assert.Contains(t, customers["attributes"], map[string]any{
		"type": "CUSTOM", "name": "size", "unique": false, "mandatory": false, "valueType": "STRING", "multiValued": false,
		"valueRestriction": map[string]any{"maxLength": 255.0, "acceptedValues": []any{"S", "M", "L"}}})

	orders := c.call("GET", customTables+"/Orders", "").json(t)
	assert.Equal(t, "orderId", orders["primaryKeyAttribute"])
	assert.Equal(t, "INTERACTIONS", orders["type"])
	assert.Equal(t, []any{map[string]any{"name": "customer", "attribute": "customerID", "onDelete": "CASCADE",
		"reference": map[string]any{"tableType": "PROFILE_TABLE", "tableId": "16", "attribute": "customerID"}}}, orders["foreignKeys"])
	assert.Len(t, c.call("GET", customTables, "").json(t)["customTables"], 2)
	assert.Equal(t, http.StatusNotFound, c.call("GET", customTables+"/Customers", "").StatusCode)

	assert.Equal(t, []any{map[string]any{"id": 1.0, "name": "MyEntity", "comment": nil}},
		c.call("GET", "/entities/v5/entities", "").json(t)["entities"])
}

func TestDeclarationsThatContradictThemselvesPanic(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	for name, table := range map[string]actitotest.Table{
		"no primary key":              {Name: "New"},
		"a key that is not declared":  {Name: "New", PrimaryKey: "id"},
		"a type that does not exist":  {Name: "New", PrimaryKey: "id", Attributes: []actitotest.Attribute{{Name: "id", Type: "EMAIL_ADDRESS"}}},
		"a name that exists":          {Name: "Orders", PrimaryKey: "id", GeneratedKey: true},
		"an id that exists":           {Name: "New", ID: "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8", PrimaryKey: "id", GeneratedKey: true},
		"a reference without a table": {Name: "New", PrimaryKey: "id", GeneratedKey: true, ForeignKeys: []actitotest.ForeignKey{{Attribute: "id", Table: "x"}}},
	} {
		assert.Panics(t, func() { c.server.AddCustomTable("MyEntity", table) }, name)
	}
}

func TestTablesBelongToTheirEntity(t *testing.T) {
	t.Parallel()
	c := inMemory(t, actitotest.WithEntities("MyEntity", "Other"))
	c.server.AddCustomTable("Other", actitotest.Table{Name: "Orders", PrimaryKey: "id", GeneratedKey: true})
	for path, status := range map[string]int{
		"/custom-data/v4/entity/Other/customTable/Orders/record":                                  200,
		"/custom-data/v4/entity/Other/customTable/Visits/record":                                  404,
		"/custom-data/v4/entity/Third/customTable/Orders/record":                                  404,
		"/custom-data/v4/entity/Other/customTable/a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8/record":    404,
		"/custom-data/v4/entity/MyEntity/customTable/a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8/record": 200,
	} {
		assert.Equal(t, status, c.call("GET", path, "").StatusCode, path)
	}
}
