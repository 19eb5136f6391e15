package actitotest_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/actito-go/actito/actitotest"
)

const ann = `{"attributes":[{"name":"customerID","value":"1"},{"name":"emailAddress","value":"ann+test@example.com"}]}`

func TestProfileIsCreatedThenUpdated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t)
		r := c.call("POST", profiles+"?allowUpdate=true", ann)
		assert.Equal(t, http.StatusCreated, r.StatusCode, r.text)
		assert.Equal(t, profiles+"/103", r.Header.Get("Location"))
		r = c.call("POST", profiles+"?allowUpdate=true", ann)
		assert.Equal(t, http.StatusOK, r.StatusCode, r.text)
		assert.EqualValues(t, 103, r.json(t)["profileId"])
		profile, ok := c.server.Profile("Customers", "customerID", "1")
		assert.True(t, ok)
		assert.Equal(t, "ann+test@example.com", profile.Attributes["emailAddress"])
		assert.Equal(t, []actitotest.EventType{"CREATE", "UPDATE"}, eventTypes(c))
	})
}

func eventTypes(c *client) (list []actitotest.EventType) {
	for _, e := range c.server.Events() {
		list = append(list, e.Type)
	}
	return list
}
