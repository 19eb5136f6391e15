package actitotest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

const (
	locations = "/file-transfers/v5/entities/MyEntity/locations"
	annFile   = "customerID;emailAddress\n1;ann@example.com\n"
)

// stored creates an ETL of a definition with more fields.
func (c *client) stored(extra map[string]any, files ...map[string]any) string {
	c.t.Helper()
	r := c.call("POST", imports+"/etls", withFields(c.t, definition(c.t, files...), extra))
	require.Equal(c.t, http.StatusCreated, r.StatusCode, r.text)
	var out struct{ ID json.Number }
	require.NoError(c.t, json.Unmarshal([]byte(r.text), &out))
	return out.ID.String()
}

func withFields(tb testing.TB, object string, extra map[string]any) string {
	tb.Helper()
	var fields map[string]any
	require.NoError(tb, json.Unmarshal([]byte(object), &fields))
	for name, value := range extra {
		fields[name] = value
	}
	text, err := json.Marshal(fields)
	require.NoError(tb, err)
	return string(text)
}

func daily(location, timeOfDay string) map[string]any {
	return map[string]any{"location": map[string]any{"id": location},
		"schedule": map[string]any{"frequency": "DAILY", "timeOfDay": timeOfDay, "timeZone": "Europe/Brussels"}}
}

func customers(pattern string) map[string]any {
	return customersFile(pattern, nil, "customerID", "emailAddress")
}

func TestScheduledETLsRunWhenTheClockPassesTheirTimes(t *testing.T) {
	t.Parallel()
	c := inMemory(t, actitotest.WithLimits(actitotest.Limits{ImportsPerDay: 2}))
	c.server.Assume(actitotest.IDInBody, actitotest.TimesInBrussels, actitotest.ExecutionListExists)
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	clock := c.server.Clock()
	clock.Set(time.Date(2026, 3, 27, 12, 0, 0, 0, brussels))
	location := c.server.AddLocation("MyEntity", "sftp")
	early := c.stored(daily(location, "02:30"), customers("c_$yyyyMMdd.csv"))
	late := c.stored(daily(location, "06:00"), customers("c_$yyyyMMdd.csv"))
	c.server.PutFile("sftp", "c_20260328.csv", []byte(annFile))
	c.server.PutFile("sftp", "c_20260330.csv", []byte(annFile))
	assert.Empty(t, c.server.Imports())
	clock.Set(time.Date(2026, 3, 30, 5, 0, 0, 0, brussels)) // clocks were put forward at 2 on the 29th

	type run struct{ etl, at, status string }
	var runs []run
	for _, i := range c.server.Imports() {
		assert.Equal(t, actitotest.WayScheduled, i.Way)
		runs = append(runs, run{i.ETLID, i.Time.In(brussels).Format(time.DateTime), i.Status})
	}
	assert.Equal(t, []run{
		{early, "2026-03-28 02:30:00", "SUCCESS"}, {late, "2026-03-28 06:00:00", "SUCCESS"},
		{early, "2026-03-29 03:30:00", "FAILED"}, {late, "2026-03-29 06:00:00", "FAILED"},
		{early, "2026-03-30 02:30:00", "SUCCESS"},
	}, runs)

	c.token = "" // it has run out
	def := definition(t, customers("c.csv"))
	r := c.post(imports+"/etl-executions", parameters(def), csvPart("c.csv", annFile))
	require.Equal(t, http.StatusCreated, r.StatusCode, "one of two is left: %s", r.text)
	clock.Set(time.Date(2026, 3, 30, 7, 0, 0, 0, brussels))
	assert.Len(t, c.server.Imports(), 6, "none is left for the one at six")
	c.token = ""
	list := c.call("GET", imports+"/etl-executions?etlId="+late, "").json(t)
	assert.Len(t, list["etlExecutions"], 2)
}

func TestScheduledRunsCountOnTheirOwnDay(t *testing.T) {
	t.Parallel()
	c := inMemory(t, actitotest.WithLimits(actitotest.Limits{ImportsPerDay: 1}))
	c.server.Assume(actitotest.IDInBody, actitotest.QuotaByCalendarDay)
	c.server.Assume(actitotest.FailedRunsFree)
	clock := c.server.Clock()
	clock.Set(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	location := c.server.AddLocation("MyEntity", "sftp")
	failing := c.stored(daily(location, "06:00"), customers("bad.csv"))
	first := c.stored(daily(location, "07:00"), customers("c.csv"))
	c.stored(daily(location, "08:00"), customers("c.csv"))
	c.server.PutFile(location, "bad.csv", []byte("customerID\n1\n"))
	c.server.PutFile(location, "c.csv", []byte(annFile))
	clock.Advance(24 * time.Hour) // which runs what came due on the way
	var etls []string
	for _, i := range c.server.Imports() {
		etls = append(etls, i.ETLID)
	}
	assert.Equal(t, []string{failing, first}, etls, "the failed one was free, and the third found no import left")
}

func TestAFileStartsTheETLsOfItsLocationOnceAllIsThere(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.IDInBody)
	here, there := c.server.AddLocation("MyEntity", "here"), c.server.AddLocation("MyEntity", "there")
	at := func(location string) map[string]any {
		return map[string]any{"location": map[string]any{"id": location}}
	}
	orders := customersFile("o.csv", toOrders, "orderId", "amount")
	id := c.stored(at(here), customers("c.csv"), orders)
	c.stored(at(there), customers("c.csv"))
	c.stored(nil, customers("c.csv"))
	c.server.PutFile(here, "o.csv", []byte("orderId;amount\nO1;5\n"))
	c.server.PutFile(here, "x.csv", []byte(annFile))
	assert.Empty(t, c.server.Imports())
	c.server.PutFile(here, "c.csv", []byte(annFile))
	list := c.server.Imports()
	require.Len(t, list, 1)
	assert.Equal(t, []any{actitotest.WayFile, id, "SUCCESS", 2}, []any{list[0].Way, list[0].ETLID, list[0].Status, list[0].Rows})
	assert.Equal(t, []string{"Customers", "Orders"}, list[0].Tables)
	assert.Equal(t, "FILE", c.call("GET", imports+"/etl-executions/"+list[0].ExecutionID, "").json(t)["origin"])
	assert.Panics(t, func() { c.server.PutFile("nowhere", "c.csv", nil) })
}

func TestACallTakesItsFilesFromALocation(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.IDInBody)
	location := c.server.AddLocation("MyEntity", "sftp")
	zip := customersFile("c.csv", map[string]any{"compression": "ZIP"}, "customerID", "emailAddress")
	c.server.PutFile(location, "any.zip", []byte(zipped(t, "c.csv", annFile)))
	c.server.PutFile(location, "c_20200229.csv", []byte(annFile))
	id := c.stored(nil, customers("c_$yyyyMMdd.csv"))
	ref := `"location":{"id":"` + location + `"}`
	override := func(text string) part { return part{"parameters", "p.json", "application/json", text} }

	e := c.runOnce(withFields(t, definition(t, zip), map[string]any{"location": map[string]any{"id": location}}))
	assert.Equal(t, "SUCCESS", e["status"])
	r := c.post(imports+"/etls/"+id+"/trigger-execution", override(`{`+ref+`,"inputFiles":[{"fileNamePattern":"c_20200229.csv"}]}`))
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	assert.Equal(t, "SUCCESS", c.server.Imports()[1].Status)
	assert.Equal(t, "c_20200229.csv", c.server.Imports()[1].Files[0].Name)

	for name, text := range map[string]string{
		"no JSON":           `{`,
		"no location":       `{"inputFiles":[{"fileNamePattern":"c_20200229.csv"}]}`,
		"no files":          `{` + ref + `}`,
		"another file":      `{` + ref + `,"inputFiles":[{"fileNamePattern":"d.csv"}]}`,
		"no pattern":        `{` + ref + `,"inputFiles":[{}]}`,
		"another location":  `{"location":{"id":"1"},"inputFiles":[{"fileNamePattern":"c_20200229.csv"}]}`,
		"a location's name": `{"location":{"id":"sftp"},"inputFiles":[{"fileNamePattern":"c_20200229.csv"}]}`,
		"more":              `{` + ref + `,"inputFiles":[{"fileNamePattern":"c_20200229.csv"}],"mode":"CREATE_ONLY"}`,
	} {
		r := c.post(imports+"/etls/"+id+"/trigger-execution", override(text))
		assert.Equal(t, http.StatusBadRequest, r.StatusCode, "%s: %s", name, r.text)
	}
	assert.Len(t, c.server.Imports(), 2)
}

func TestSchedulesLocationsAndPatternsAreCheckedStrictly(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	location := c.server.AddLocation("MyEntity", "sftp")
	other := c.server.AddLocation("Other", "sftp2")
	changed := func(field string, value any) map[string]any {
		d := daily(location, "06:00")
		d["schedule"].(map[string]any)[field] = value
		return d
	}
	for name, extra := range map[string]map[string]any{
		"a schedule without location":  {"schedule": daily(location, "06:00")["schedule"]},
		"a frequency that is unknown":  changed("frequency", "HOURLY"),
		"a time with one digit":        changed("timeOfDay", "6:00"),
		"no time":                      changed("timeOfDay", ""),
		"an unknown zone":              changed("timeZone", "Europe/Bruxelles"),
		"no zone":                      changed("timeZone", ""),
		"a zone of the machine":        changed("timeZone", "Local"),
		"no such location":             daily("1", "06:00"),
		"another entity's location":    daily(other, "06:00"),
		"a location's name":            daily("sftp", "06:00"),
		"a recipient":                  {"reportRecipients": []string{"ann"}},
		"a placeholder of the results": {"resultFileNamePattern": "r_$YYYY.csv"},
		"a placeholder of the errors":  {"errorFileNamePattern": "e_$yyyyx.csv"},
	} {
		r := c.call("POST", imports+"/etls", withFields(t, definition(t, customers("c.csv")), extra))
		assert.Equal(t, http.StatusBadRequest, r.StatusCode, "%s: %s", name, r.text)
	}
	r := c.call("POST", imports+"/etls", definition(t, customers("c_$yyyyMMDD.csv")))
	assert.Equal(t, http.StatusBadRequest, r.StatusCode, r.text)
	r = c.post(imports+"/etl-executions", parameters(withFields(t, definition(t, customers("c.csv")), daily(location, "06:00"))))
	assert.Equal(t, http.StatusBadRequest, r.StatusCode, "a one shot has no schedule: %s", r.text)
}

func TestLocationsAreKeptWithoutTheirPasswords(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	for name, body := range map[string]string{
		"no JSON":             `{`,
		"no name":             `{"host":"h","protocol":"SFTP"}`,
		"no host":             `{"name":"a","protocol":"SFTP"}`,
		"an unknown protocol": `{"name":"a","host":"h","protocol":"SCP"}`,
	} {
		r := c.call("POST", locations, body)
		assert.Equal(t, http.StatusBadRequest, r.StatusCode, "%s: %s", name, r.text)
	}
	const location = `{"name":"a","host":"h","protocol":"SFTP","password":"hunter2","x":[1]}`
	r := c.call("POST", locations, location)
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	path := r.Header.Get("Location")
	assert.Equal(t, http.StatusConflict, c.call("POST", locations, location).StatusCode)
	list := c.call("GET", locations, "")
	assert.NotContains(t, list.text, "hunter2")
	assert.Equal(t, []any{float64(1)}, list.json(t)["locations"].([]any)[0].(map[string]any)["x"])
	assert.Equal(t, true, c.call("POST", path+"/test", "").json(t)["success"])
	assert.Equal(t, http.StatusNotFound, c.call("POST", locations+"/1/test", "").StatusCode)
}
