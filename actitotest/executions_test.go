package actitotest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

func TestStoredDefinitionIsKeptWholeAndTriggered(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.IDInBody, actitotest.TimesInBrussels)
	c.server.Clock().Set(time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC)) // the 24th in Brussels
	text := definition(t, customersFile("customers_$yyyyMMdd.csv", nil, "customerID"))
	r := c.call("POST", imports+"/etls", text)
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	path := r.Header.Get("Location")
	stored := c.call("GET", path, "").json(t)
	assert.Equal(t, "unknown to the fake", stored["owner"])
	assert.Equal(t, "test", stored["name"])
	assert.Equal(t, []any{stored}, c.call("GET", imports+"/etls", "").json(t)["etls"])

	stored["name"] = "renamed"
	changed, err := json.Marshal(stored)
	require.NoError(t, err)
	r = c.call("PUT", path, string(changed))
	assert.Equal(t, http.StatusOK, r.StatusCode, r.text)
	assert.Equal(t, stored, c.call("GET", path, "").json(t), "read, change, write")

	r = c.post(path+"/trigger-execution", csvPart("customers_20261124.csv", "customerID\n1\n"))
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	id := r.json(t)["id"].(string)
	assert.Equal(t, imports+"/etl-executions/"+id, r.Header.Get("Location"))
	execution := c.call("GET", imports+"/etl-executions/"+id, "").json(t)
	assert.Equal(t, "QUEUED", execution["status"], "a test that takes the clock sees each state")
	assert.Equal(t, stored["id"], execution["etlId"])
	assert.Empty(t, c.server.Profiles("Customers"))
	c.server.Clock().Advance(time.Minute)
	execution = c.call("GET", imports+"/etl-executions/"+id, "").json(t)
	assert.Equal(t, "RUNNING", execution["status"])
	assert.Equal(t, "2026-11-24 00:31:00", execution["startMoment"])
	assert.Equal(t, http.StatusNotFound, c.download(imports+"/etl-executions/"+id+"/error-file").StatusCode)
	c.server.Clock().Advance(time.Minute)
	c.server.Assume(actitotest.TimesInUTC)
	execution = c.call("GET", imports+"/etl-executions/"+id, "").json(t)
	assert.Equal(t, "SUCCESS", execution["status"])
	assert.Equal(t, "2026-11-23 23:32:00", execution["endMoment"])
	assert.Len(t, c.server.Profiles("Customers"), 1)

	assert.Equal(t, http.StatusNoContent, c.call("DELETE", path, "").StatusCode)
	assert.Equal(t, http.StatusNotFound, c.call("GET", path, "").StatusCode)
	assert.Equal(t, http.StatusNotFound, c.post(path+"/trigger-execution", csvPart("customers_20261124.csv", "customerID\n1\n")).StatusCode)
}

func TestImportsRunOneAfterAnother(t *testing.T) {
	t.Parallel()
	c := inMemory(t, actitotest.WithImportTimes(time.Minute, time.Hour))
	c.server.Clock().Set(time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC))
	text := definition(t, customersFile("c.csv", nil, "customerID"))
	first := c.runOnce(text, csvPart("c.csv", "customerID\n1\n"))
	second := c.runOnce(text, csvPart("c.csv", "customerID\n2\n"))
	statuses := func() (list []string) {
		c.login()
		for _, e := range []map[string]any{first, second} {
			list = append(list, c.call("GET", imports+"/etl-executions/"+e["id"].(string), "").json(t)["status"].(string))
		}
		return list
	}
	assert.Equal(t, []string{"QUEUED", "QUEUED"}, statuses())
	c.server.Clock().Advance(2 * time.Minute)
	assert.Equal(t, []string{"RUNNING", "QUEUED"}, statuses())
	c.server.Clock().Advance(time.Hour)
	assert.Equal(t, []string{"SUCCESS", "RUNNING"}, statuses())
	c.server.Clock().Advance(time.Hour)
	assert.Equal(t, []string{"SUCCESS", "SUCCESS"}, statuses())
}

func TestExecutionsAreListedByETLAndTime(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.ExecutionListExists, actitotest.TimesInBrussels, actitotest.IDInBody)
	c.server.Clock().Set(time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)) // 6 in Brussels
	text := definition(t, customersFile("c.csv", nil, "customerID"))
	etl := c.call("POST", imports+"/etls", text).Header.Get("Location")
	require.Equal(t, http.StatusCreated, c.post(etl+"/trigger-execution", csvPart("c.csv", "customerID\n1\n")).StatusCode)
	c.server.Clock().Advance(5 * time.Minute)
	c.runOnce(text, csvPart("c.csv", "customerID\n1\n"))
	for query, want := range map[string]int{
		"": 2,
		"?etlId=" + etl[strings.LastIndex(etl, "/")+1:]: 1,
		"?from=2026-11-23+06%3A00%3A01":                 1,
		"?to=2026-11-23+06%3A00%3A00":                   1,
		"?from=2026-11-24+00%3A00%3A00":                 0,
		"?etlId=7&from=2026-11-23+00%3A00%3A00":         0,
	} {
		assert.Len(t, c.call("GET", imports+"/etl-executions"+query, "").json(t)["etlExecutions"], want, query)
	}
	assert.Equal(t, http.StatusBadRequest, c.call("GET", imports+"/etl-executions?from=yesterday", "").StatusCode)
	c.server.Assume(actitotest.ExecutionListMissing)
	assert.Equal(t, http.StatusNotFound, c.call("GET", imports+"/etl-executions", "").StatusCode)
}

func TestResultFilesAreThereOnlyIfAskedForAndSupported(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.ResultFilesExist)
	file := customersFile("c.csv", nil, "customerID")
	execution := c.runOnce(definition(t, file), csvPart("c.csv", "customerID\n1\n"))
	path := imports + "/etl-executions/" + execution["id"].(string)
	assert.Equal(t, http.StatusOK, c.download(path+"/result-file").StatusCode)
	c.server.Assume(actitotest.ResultFilesMissing)
	assert.Equal(t, http.StatusNotFound, c.download(path+"/result-file").StatusCode)
	c.server.Assume(actitotest.ResultFilesExist)

	silent, err := json.Marshal(map[string]any{"inputFiles": []any{file}})
	require.NoError(t, err)
	execution = c.runOnce(string(silent), csvPart("c.csv", "customerID\n1\n"))
	path = imports + "/etl-executions/" + execution["id"].(string)
	assert.Equal(t, http.StatusNotFound, c.download(path+"/result-file").StatusCode)
	assert.Equal(t, http.StatusNotFound, c.download(path+"/error-file").StatusCode)
}

func TestIDsCanStandInLocationOnly(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.IDOnlyInLocation)
	r := c.post(imports+"/etl-executions", parameters(definition(t, customersFile("c.csv", nil, "customerID"))), csvPart("c.csv", "customerID\n1\n"))
	assert.Equal(t, http.StatusCreated, r.StatusCode)
	assert.Empty(t, r.text)
	assert.Equal(t, http.StatusOK, c.call("GET", r.Header.Get("Location"), "").StatusCode)
}

func TestExecutionsMoveOnWithTheTimeOfABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, actitotest.WithImportTimes(time.Minute, 4*time.Minute))
		execution := c.runOnce(definition(t, customersFile("c.csv", nil, "customerID")), csvPart("c.csv", "customerID\n1\n"))
		path := imports + "/etl-executions/" + execution["id"].(string)
		var statuses []any
		for range 6 {
			statuses = append(statuses, c.call("GET", path, "").json(t)["status"])
			time.Sleep(time.Minute)
		}
		assert.Equal(t, []any{"QUEUED", "RUNNING", "RUNNING", "RUNNING", "RUNNING", "SUCCESS"}, statuses)
	})
}

func TestRejectsComeInTheEncodingOfTheirFile(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.ResultFilesExist)
	execution := c.runOnce(definition(t, customersFile("c.csv", map[string]any{"encoding": "ISO-8859-1"}, "customerID", "size")),
		csvPart("c.csv", "customerID;size\n\xe9;XXL\n"))
	_, rejects := unzipped(t, c.download(imports+"/etl-executions/"+execution["id"].(string)+"/error-file").text)
	assert.Equal(t, "customerID;size;errorCode;errorColumn\n\xe9;XXL;INVALID_VALUE;size\n", rejects)
}

func TestAnExecutionOfSomebodyElseIsListedAndCosts(t *testing.T) {
	t.Parallel()
	c := inMemory(t, actitotest.WithLimits(actitotest.Limits{ImportsPerDay: 1}))
	c.server.Assume(actitotest.ExecutionListExists)
	id := c.server.AddExecution("MyEntity", "Customers")
	listed := c.call("GET", imports+"/etl-executions", "").json(t)["etlExecutions"].([]any)
	require.Len(t, listed, 1)
	execution := listed[0].(map[string]any)
	assert.Equal(t, id, execution["id"])
	assert.Equal(t, "SUCCESS", execution["status"])
	assert.Equal(t, map[string]any{"tableType": "PROFILE_TABLE", "tableId": "16"}, execution["files"].([]any)[0].(map[string]any)["destination"])
	assert.Equal(t, execution, c.call("GET", imports+"/etl-executions/"+id, "").json(t))
	assert.Equal(t, actitotest.WayOther, c.server.Imports()[0].Way)

	text := definition(t, customersFile("c.csv", nil, "customerID"))
	r := c.post(imports+"/etl-executions", csvPart("c.csv", "customerID\n1\n"), parameters(text))
	assert.Equal(t, http.StatusTooManyRequests, r.StatusCode, "the day's import is used")
	assert.Panics(t, func() { c.server.AddExecution("MyEntity", "Nobody") })
}

func TestExecutionsTellNamesOnlyWhereTheyAreKnown(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.NamesInExecutions)
	execution := c.runOnce(definition(t, customersFile("c.csv", map[string]any{"compression": "ZIP"}, "customerID")),
		part{"inputFile", "archive.zip", "application/zip", zipped(t, "c.csv", "customerID\n1\n")})
	assert.Equal(t, "test", execution["name"])
	assert.Equal(t, "archive.zip", firstFile(execution)["archiveName"])
	assert.NotContains(t, firstFile(c.runOnce(definition(t, customersFile("c.csv", nil, "customerID")), csvPart("c.csv", "customerID\n1\n"))), "archiveName")
	c.server.Assume(actitotest.NamesMissing)
	execution = c.call("GET", imports+"/etl-executions/"+execution["id"].(string), "").json(t)
	assert.NotContains(t, execution, "name")
	assert.NotContains(t, firstFile(execution), "archiveName")
}

func TestTheListOfExecutionsLags(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.ExecutionListExists)
	c.server.Clock().Set(time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC))
	id := c.runOnce(definition(t, customersFile("c.csv", nil, "customerID")), csvPart("c.csv", "customerID\n1\n"))["id"].(string)
	listed := func() any { return c.call("GET", imports+"/etl-executions", "").json(t)["etlExecutions"] }
	c.server.ListLag(5 * time.Minute)
	assert.Empty(t, listed())
	assert.Equal(t, http.StatusOK, c.call("GET", imports+"/etl-executions/"+id, "").StatusCode)
	c.server.Clock().Advance(6 * time.Minute)
	assert.Len(t, listed(), 1)
}
