package actitotest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/actito-go/actito/actitotest"
)

func TestAssumptionsAreKnownByName(t *testing.T) {
	t.Parallel()
	all := actitotest.Assumptions()
	assert.Equal(t, actitotest.EmptyCellsKeep, all[0])
	assert.Equal(t, "EmptyCellsKeep", all[0].String())
	assert.Equal(t, "NamesMissing", actitotest.NamesMissing.String())
	assert.Equal(t, "TimesInUTC", actitotest.TimesInUTC.String())
	assert.Equal(t, "Assumption(-1)", actitotest.Assumption(-1).String())
	seen := map[string]bool{}
	for _, a := range all {
		assert.NotEmpty(t, a.String(), "assumption %d", int(a))
		assert.False(t, seen[a.String()], "%s names two", a)
		seen[a.String()] = true
	}
}

func TestTheEnvironmentTurnsAssumptionsAround(t *testing.T) {
	const create = "/profiles/v4/entity/MyEntity/table/Customers/profile?allowUpdate=false"
	const body = `{"attributes":[{"name":"customerID","value":"1"}]}`
	t.Setenv("ACTITOTEST_ASSUME", "ExistingInvalid, IDOnlyInLocation")
	c := inMemory(t)
	assert.Empty(t, c.call("POST", create, body).text, "the id is in Location only")
	assert.Equal(t, http.StatusBadRequest, c.call("POST", create, body).StatusCode)
	t.Setenv("ACTITOTEST_ASSUME", "opposites,IDInBody")
	c = inMemory(t)
	assert.NotEmpty(t, c.call("POST", create, body).text)
	assert.Equal(t, http.StatusBadRequest, c.call("POST", create, body).StatusCode)
	t.Setenv("ACTITOTEST_ASSUME", "ExistingInvalid,Nothing")
	defer func() { assert.Contains(t, recover(), `there is no assumption "Nothing", only EmptyCellsKeep`) }()
	actitotest.NewServer(actitotest.InMemory())
}
