package actitotest_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

// customersFile defines a file of customers; extra replaces or adds fields.
func customersFile(pattern string, extra map[string]any, columns ...string) map[string]any {
	var mapping []any
	for _, column := range columns {
		mapping = append(mapping, map[string]any{"headerColumn": column, "attributeName": column})
	}
	file := map[string]any{
		"fileNamePattern": pattern, "encoding": "UTF-8", "mode": "CREATE_UPDATE",
		"format":            map[string]any{"separator": ";", "endOfLine": "\n", "enclosing": `"`, "escaping": `"`},
		"destination":       map[string]any{"tableType": "PROFILE_TABLE", "tableId": "16"},
		"attributesMapping": mapping,
	}
	for name, value := range extra {
		file[name] = value
	}
	return file
}

var toOrders = map[string]any{"destination": map[string]any{"tableType": "CUSTOM_TABLE", "tableId": "Orders"}}

func definition(tb testing.TB, files ...map[string]any) string {
	tb.Helper()
	text, err := json.Marshal(map[string]any{
		"name": "test", "inputFiles": files, "generateResultFile": true, "generateErrorFile": true, "owner": "unknown to the fake",
	})
	require.NoError(tb, err)
	return string(text)
}

func parameters(definition string) part {
	return part{"parameters", "parameters.json", "application/json", definition}
}

func csvPart(name, data string) part { return part{"inputFile", name, "text/csv", data} }

// zipped packs pairs of name and data.
func zipped(tb testing.TB, files ...string) string {
	tb.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for i := 0; i < len(files); i += 2 {
		entry, err := w.Create(files[i])
		require.NoError(tb, err)
		_, err = io.WriteString(entry, files[i+1])
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	return buffer.String()
}

// unzipped reads an archive with a single file.
func unzipped(tb testing.TB, data string) (name, text string) {
	tb.Helper()
	archive, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	require.NoError(tb, err)
	require.Len(tb, archive.File, 1)
	entry, err := archive.File[0].Open()
	require.NoError(tb, err)
	all, err := io.ReadAll(entry)
	require.NoError(tb, err)
	return archive.File[0].Name, string(all)
}

func gzipped(tb testing.TB, data string) string {
	tb.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	_, err := io.WriteString(w, data)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return buffer.String()
}

// runOnce starts a one shot import and gives its execution.
func (c *client) runOnce(definition string, files ...part) map[string]any {
	c.t.Helper()
	r := c.post(imports+"/etl-executions", append(files, parameters(definition))...)
	require.Equal(c.t, http.StatusCreated, r.StatusCode, r.text)
	if r.text != "" { // by assumption
		assert.Equal(c.t, imports+"/etl-executions/"+r.json(c.t)["id"].(string), r.Header.Get("Location"))
	}
	return c.call("GET", r.Header.Get("Location"), "").json(c.t)
}

// firstFile gives the report on the first file of an execution.
func firstFile(execution map[string]any) map[string]any {
	return execution["files"].([]any)[0].(map[string]any)
}

func TestOneShotImportLoadsAZIPAndHandsBackItsRejects(t *testing.T) {
	t.Parallel()
	c := overNetwork(t)
	c.server.Assume(actitotest.ResultFilesExist)
	r := c.call("POST", profiles+"?allowUpdate=true", ann)
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	columns := []string{"customerID", "emailAddress", "firstName", "vip", "hobbies", "subscriptions#Newsletter"}
	data := strings.Join(columns, ";") + ";updateMoment\n" +
		"1;ann@example.com;\"Ann;\r\nM.\";Y;a,b;TRUE;ignored\n" +
		"2;bob@example;Bob;N;;0;\n" +
		"3;cid@example.com;Cid;maybe;;0;\n" +
		";dan@example.com;Dan;;;;\n" +
		"6;fay@example.com;Fay;FALSE;;yes;\n" +
		"7;gus@example.com;Gus;FALSE;;N;\n" +
		"7;ann@example.com;Gus;FALSE;;N;\n"
	execution := c.runOnce(definition(t, customersFile("customers.csv", map[string]any{"compression": "ZIP"}, columns...)),
		part{"inputFile", "whatever.zip", "application/zip", zipped(t, "folder/customers.csv", data)})
	assert.Equal(t, "WITH_ERROR", execution["status"])
	assert.NotContains(t, execution, "etlId")
	file := firstFile(execution)
	assert.Equal(t, []any{7.0, 1.0, 1.0, 5.0}, []any{file["rowsRead"], file["rowsCreated"], file["rowsUpdated"], file["rowsInError"]})

	path := imports + "/etl-executions/" + execution["id"].(string)
	assert.Equal(t, http.StatusNotAcceptable, c.call("GET", path+"/error-file", "").StatusCode)
	r = c.download(path + "/error-file")
	require.Equal(t, http.StatusOK, r.StatusCode, r.text)
	name, rejects := unzipped(t, r.text)
	assert.Equal(t, "customers.csv", name)
	assert.Equal(t, strings.Join(columns, ";")+";updateMoment;errorCode;errorColumn\n"+
		"2;bob@example;Bob;N;;0;;INVALID_VALUE;emailAddress\n"+
		"3;cid@example.com;Cid;maybe;;0;;INVALID_VALUE;vip\n"+
		";dan@example.com;Dan;;;;;MANDATORY;customerID\n"+
		"6;fay@example.com;Fay;FALSE;;yes;;INVALID_VALUE;subscriptions#Newsletter\n"+
		"7;ann@example.com;Gus;FALSE;;N;;DUPLICATE;emailAddress\n", rejects)
	_, results := unzipped(t, c.download(path+"/result-file").text)
	assert.True(t, strings.HasSuffix(results, "7;gus@example.com;Gus;FALSE;;N;;CREATED\n"), results)

	got := c.ann()
	assert.Equal(t, "Ann;\r\nM.", got.Attributes["firstName"], "cells keep what is in them")
	assert.Equal(t, "true", got.Attributes["vip"])
	assert.Equal(t, map[string]bool{"Newsletter": true}, got.Subscriptions)
	assert.Len(t, c.server.Events(), 1, "imports raise no events")

	list := c.server.Imports()
	require.Len(t, list, 1)
	assert.Equal(t, actitotest.WayOneShot, list[0].Way)
	assert.Equal(t, []string{"Customers"}, list[0].Tables)
	assert.Equal(t, 7, list[0].Rows)
	assert.Equal(t, "WITH_ERROR", list[0].Status)
	assert.Equal(t, "whatever.zip", list[0].Files[0].Name)
	assert.EqualValues(t, len(list[0].Files[0].Content), list[0].Files[0].Size)
}

func TestFilesThatCannotBeLoadedFailTheExecution(t *testing.T) {
	t.Parallel()
	type extra = map[string]any
	for name, test := range map[string]struct {
		extra extra
		file  part
	}{
		"a byte-order mark":              {nil, csvPart("c.csv", "\ufeffcustomerID;size\n1;S\n")},
		"a sep line":                     {nil, csvPart("c.csv", "sep=;\ncustomerID;size\n1;S\n")},
		"a column twice":                 {nil, csvPart("c.csv", "customerID;customerID\n1;1\n")},
		"a column that is not mapped":    {nil, csvPart("c.csv", "customerID;size;shoe\n1;S;40\n")},
		"a column that is missing":       {nil, csvPart("c.csv", "customerID\n1\n")},
		"a short row":                    {nil, csvPart("c.csv", "customerID;size\n1;S\n2\n")},
		"an empty line":                  {nil, csvPart("c.csv", "customerID;size\n1;S\n\n2;M\n")},
		"a quote that does not end":      {nil, csvPart("c.csv", "customerID;size\n1;\"S\n")},
		"a stray quote":                  {nil, csvPart("c.csv", "customerID;size\n1;S\"M\n")},
		"text after a quoted cell":       {nil, csvPart("c.csv", "customerID;size\n\"1\"2;S\n")},
		"nothing at all":                 {nil, csvPart("c.csv", "")},
		"another separator":              {nil, csvPart("c.csv", "customerID,size\n1,S\n")},
		"ISO-8859-1 declared as UTF-8":   {nil, csvPart("c.csv", "customerID;size\n\xe9;S\n")},
		"a mark declared as ISO-8859-1":  {extra{"encoding": "ISO-8859-1"}, csvPart("c.csv", "\ufeffcustomerID;size\n1;S\n")},
		"a ZIP that was not declared":    {nil, part{"inputFile", "c.csv", "application/zip", zipped(t, "c.csv", "customerID;size\n1;S\n")}},
		"a plain file declared as ZIP":   {extra{"compression": "ZIP"}, csvPart("c.csv", "customerID;size\n1;S\n")},
		"a broken ZIP":                   {extra{"compression": "ZIP"}, part{"inputFile", "c.csv", "application/zip", "PK\x03\x04broken"}},
		"a broken GZIP":                  {extra{"compression": "GZIP"}, part{"inputFile", "c.csv", "application/gzip", "\x1f\x8bbroken"}},
		"a name that fits no pattern":    {nil, csvPart("d.csv", "customerID;size\n1;S\n")},
		"a ZIP with two that fit":        {extra{"compression": "ZIP"}, part{"inputFile", "c.zip", "application/zip", zipped(t, "a/c.csv", "customerID;size\n1;S\n", "b/c.csv", "customerID;size\n1;S\n")}},
		"a ZIP with one that fits none":  {extra{"compression": "ZIP"}, part{"inputFile", "c.zip", "application/zip", zipped(t, "c.csv", "customerID;size\n1;S\n", "d.csv", "")}},
		"an optional file of wrong name": {extra{"optional": true}, csvPart("d.csv", "customerID;size\n1;S\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t)
			execution := c.runOnce(definition(t, customersFile("c.csv", test.extra, "customerID", "size")), test.file)
			assert.Equal(t, "FAILED", execution["status"])
			messages, err := json.Marshal(execution["files"])
			require.NoError(t, err)
			assert.Contains(t, string(messages), `"message":"`)
			assert.Empty(t, c.server.Profiles("Customers"))
		})
	}
}

func TestFilesAreReadAsTheyAreDeclared(t *testing.T) {
	t.Parallel()
	type extra = map[string]any
	for name, test := range map[string]struct {
		pattern string
		extra   extra
		file    part
	}{
		"ISO-8859-1":               {"c.csv", extra{"encoding": "ISO-8859-1"}, csvPart("c.csv", "firstName;customerID\n\xe9;1")},
		"other line ends":          {"c.csv", nil, csvPart("c.csv", "customerID;firstName\r\n1;é\r\n")},
		"another separator":        {"c.csv", extra{"format": extra{"separator": "|"}}, csvPart("c.csv", "customerID|firstName\n1|é\n")},
		"the default separator":    {"c.csv", extra{"format": nil}, csvPart("c.csv", "customerID,firstName\n1,é\n")},
		"GZIP":                     {"c.csv", extra{"compression": "GZIP"}, part{"inputFile", "c.csv.gz", "application/gzip", gzipped(t, "customerID;firstName\n1;é\n")}},
		"a name with a date":       {"c_$yyyy-MM-dd_x.csv", nil, csvPart("c_2026-11-23_x.csv", "customerID;firstName\n1;é\n")},
		"a name with a time":       {"c$yyMMddHHmmss.csv", nil, csvPart("c261123235959.csv", "customerID;firstName\n1;é\n")},
		"no pattern":               {"", nil, csvPart("any.csv", "customerID;firstName\n1;é\n")},
		"an optional file of none": {"c.csv", extra{"optional": true}, csvPart("c.csv", "customerID;firstName\n1;é\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t, actitotest.WithImportTimes(0, 0))
			c.server.Clock().Set(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
			execution := c.runOnce(definition(t, customersFile(test.pattern, test.extra, "customerID", "firstName")), test.file)
			assert.Equal(t, "SUCCESS", execution["status"], execution)
			assert.Equal(t, "é", c.ann().Attributes["firstName"])
		})
	}
}

func TestModesDecideWhatHappensToRows(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]struct {
		counts, rejects string
	}{
		"CREATE_ONLY":   {"1 0 1", "1;7;DUPLICATE;customerID\n"},
		"UPDATE_ONLY":   {"0 1 1", "2;8;UNKNOWN_KEY;customerID\n"},
		"CREATE_UPDATE": {"1 1 0", ""},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			c := withAnn(t)
			c.server.Assume(actitotest.ResultFilesExist)
			execution := c.runOnce(definition(t, customersFile("c.csv", map[string]any{"mode": mode}, "customerID", "points")),
				csvPart("c.csv", "customerID;points\n1;7\n2;8\n"))
			file := firstFile(execution)
			counts, _ := json.Marshal([]any{file["rowsCreated"], file["rowsUpdated"], file["rowsInError"]})
			assert.Equal(t, want.counts, strings.Trim(strings.ReplaceAll(string(counts), ",", " "), "[]"))
			_, rejects := unzipped(t, c.download(imports+"/etl-executions/"+execution["id"].(string)+"/error-file").text)
			assert.Equal(t, "customerID;points;errorCode;errorColumn\n"+want.rejects, rejects)
		})
	}
}

func TestEmptyCellsKeepOrClearByAssumption(t *testing.T) {
	t.Parallel()
	for assumption, want := range map[actitotest.Assumption]struct {
		points     string
		subscribed map[string]bool
	}{
		actitotest.EmptyCellsKeep:  {"7", map[string]bool{"Newsletter": true}},
		actitotest.EmptyCellsClear: {"", map[string]bool{}},
	} {
		c := withAnn(t)
		r := c.call("PUT", profiles+"/customerID=1", `{"attributes":[{"name":"points","value":7}],"subscriptions":[{"name":"Newsletter","subscribe":true}]}`)
		require.Equal(t, http.StatusOK, r.StatusCode, r.text)
		c.server.Assume(assumption)
		execution := c.runOnce(definition(t, customersFile("c.csv", nil, "customerID", "points", "subscriptions#Newsletter")),
			csvPart("c.csv", "customerID;points;subscriptions#Newsletter\n1;;\n"))
		assert.Equal(t, "SUCCESS", execution["status"])
		assert.Equal(t, want.points, c.ann().Attributes["points"])
		assert.Equal(t, want.subscribed, c.ann().Subscriptions)
	}
}

func TestFilesOfOneImportAreLoadedInTheOrderOfTheDefinition(t *testing.T) {
	t.Parallel()
	customers := csvPart("customers.csv", "customerID\n1\n")
	orders := csvPart("orders.csv", "orderId;amount;customerID\nA-1;5;1\nA-2;6;9\n")
	broken := csvPart("customers.csv", "customerID\n\"1\n")
	both := func(tb testing.TB, optional bool) string {
		tb.Helper()
		return definition(tb,
			customersFile("customers.csv", map[string]any{"optional": optional}, "customerID"),
			customersFile("orders.csv", toOrders, "orderId", "amount", "customerID"))
	}
	t.Run("references to rows of the file before are known", func(t *testing.T) {
		t.Parallel()
		c := inMemory(t)
		execution := c.runOnce(both(t, false), orders, customers)
		assert.Equal(t, "WITH_ERROR", execution["status"])
		assert.Len(t, c.server.Records("Orders"), 1)
		assert.Equal(t, []string{"Customers", "Orders"}, c.server.Imports()[0].Tables)
	})
	t.Run("a required file that is missing fails it all", func(t *testing.T) {
		t.Parallel()
		c := withAnn(t)
		execution := c.runOnce(both(t, false), orders)
		assert.Equal(t, "FAILED", execution["status"])
		assert.Empty(t, c.server.Records("Orders"))
	})
	t.Run("an optional file may be missing", func(t *testing.T) {
		t.Parallel()
		c := withAnn(t)
		execution := c.runOnce(both(t, true), orders)
		assert.Equal(t, "WITH_ERROR", execution["status"])
		assert.Len(t, c.server.Records("Orders"), 1)
		assert.Equal(t, []string{"Orders"}, c.server.Imports()[0].Tables)
	})
	t.Run("a file that fails stops those after it", func(t *testing.T) {
		t.Parallel()
		c := withAnn(t)
		c.server.Assume(actitotest.FailedFileStops)
		execution := c.runOnce(both(t, false), broken, orders)
		assert.Equal(t, "FAILED", execution["status"])
		assert.Empty(t, c.server.Records("Orders"))
	})
	t.Run("or lets them pass, by assumption", func(t *testing.T) {
		t.Parallel()
		c := withAnn(t)
		c.server.Assume(actitotest.FailedFilePasses)
		execution := c.runOnce(both(t, false), broken, orders)
		assert.Equal(t, "FAILED", execution["status"])
		assert.Len(t, c.server.Records("Orders"), 1)
	})
}

func TestUploadsThatAreNotWhatTheServiceReadsAreRefused(t *testing.T) {
	t.Parallel()
	good := definition(t, customersFile("c.csv", nil, "customerID"))
	data := csvPart("c.csv", "customerID\n1\n")
	file := func(extra map[string]any, columns ...string) part {
		return parameters(definition(t, customersFile("c.csv", extra, columns...)))
	}
	type extra = map[string]any
	for name, parts := range map[string][]part{
		"no definition":                {data},
		"no file":                      {parameters(good)},
		"a definition without a name":  {data, {"parameters", "", "application/json", good}},
		"a definition without a type":  {data, {"parameters", "p.json", "", good}},
		"a file without a name":        {{"inputFile", "", "text/csv", "customerID\n1\n"}, parameters(good)},
		"a part that is not expected":  {data, parameters(good), {"file", "c.csv", "text/csv", ""}},
		"two definitions":              {data, parameters(good), parameters(good)},
		"a definition that is no JSON": {data, parameters("{")},
		"a definition of nothing":      {data, parameters("{}")},
		"no such table":                {data, file(extra{"destination": extra{"tableType": "PROFILE_TABLE", "tableId": "17"}}, "customerID")},
		"a table of the other type":    {data, file(extra{"destination": extra{"tableType": "CUSTOM_TABLE", "tableId": "16"}}, "customerID")},
		"no mode":                      {data, file(extra{"mode": nil}, "customerID")},
		"another encoding":             {data, file(extra{"encoding": "windows-1252"}, "customerID")},
		"another compression":          {data, file(extra{"compression": "ZSTD"}, "customerID")},
		"a separator of two":           {data, file(extra{"format": extra{"separator": ";;"}}, "customerID")},
		"a quote as separator":         {data, file(extra{"format": extra{"separator": `"`}}, "customerID")},
		"another quote":                {data, file(extra{"format": extra{"enclosing": "'"}}, "customerID")},
		"no mapping":                   {data, file(nil)},
		"a column mapped twice":        {data, file(nil, "customerID", "customerID")},
		"an attribute mapped twice": {data, file(extra{"attributesMapping": []any{
			extra{"headerColumn": "a", "attributeName": "customerID"}, extra{"headerColumn": "b", "attributeName": "customerID"}}})},
		"a column mapped to two": {data, file(extra{"attributesMapping": []any{
			extra{"headerColumn": "a", "attributeName": "customerID"}, extra{"headerColumn": "a", "attributeName": "size"}}})},
		"an unknown attribute":       {data, file(nil, "customerID", "shoeSize")},
		"an unknown subscription":    {data, file(nil, "customerID", "subscriptions#Spam")},
		"several files, one unnamed": {data, parameters(definition(t, customersFile("c.csv", nil, "customerID"), customersFile("", nil, "customerID")))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t)
			r := c.post(imports+"/etl-executions", parts...)
			assert.Equal(t, http.StatusBadRequest, r.StatusCode, r.text)
			assert.Empty(t, c.server.Imports())
		})
	}
	t.Run("JSON instead of multipart", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, http.StatusBadRequest, inMemory(t).call("POST", imports+"/etl-executions", good).StatusCode)
	})
	t.Run("a definition with a trigger", func(t *testing.T) {
		t.Parallel()
		c := inMemory(t)
		etl := c.call("POST", imports+"/etls", good).Header.Get("Location")
		assert.Equal(t, http.StatusBadRequest, c.post(etl+"/trigger-execution", data, parameters(good)).StatusCode)
	})
	t.Run("a body without its last boundary", func(t *testing.T) {
		t.Parallel()
		c := inMemory(t)
		c.login()
		contentType, body := form(t, parameters(good), data)
		r, err := c.send(c.request("POST", imports+"/etl-executions", contentType, bytes.NewReader(body[:len(body)-8])))
		require.NoError(t, err)
		assert.Equal(t, http.StatusBadRequest, r.StatusCode, r.text)
		assert.Empty(t, c.server.Imports())
	})
}
