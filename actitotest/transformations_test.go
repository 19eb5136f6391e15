package actitotest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/vectors"
	"github.com/actito-go/actito/transform"
)

// serviceKinds are those that definitions may hold.
var serviceKinds = []string{
	"TRIM", "UPPERCASE", "LOWERCASE", "CAPITALIZE", "VALUE_MAPPING", "DATE", "DATE_TIME", "LANGUAGE", "COUNTRY",
}

func TestVectorsHoldForWhatTheServiceRuns(t *testing.T) {
	t.Parallel()
	for _, table := range vectors.Read(t, "../testdata/transform") {
		known := slices.Contains(serviceKinds, table.Kind)
		t.Run(table.Kind, func(t *testing.T) {
			t.Parallel()
			for _, v := range table.Vectors {
				t.Run(v.Name, func(t *testing.T) {
					t.Parallel()
					if v.Local {
						t.Skip("the service is not taken to do the same")
					}
					v.Repeat = min(v.Repeat, 10_000) // that 10 MB are read fast is no matter of a fake
					c, columns := withTexts(t, v.Values())
					r, rejects := c.importRow(textsFile(columns, v.Transformation(table.Kind)), columns, v.Values())
					_, wrong := transform.Parse([]byte("[" + v.Transformation(table.Kind) + "]"))
					stored, accepted := c.server.Record("Texts", "1")
					switch {
					case !known:
						assert.Equal(t, http.StatusBadRequest, r.StatusCode)
						assert.Contains(t, r.text, "inputFiles[0]: transformations[0]: there is no type")
					case v.Error == "":
						require.True(t, accepted, r.text+rejects)
						delete(stored, "rowKey")
						require.True(t, assert.ObjectsAreEqual(v.Want(false), stored), "%.200v in place of %.200v", stored, v.Want(false))
					case wrong == nil:
						require.False(t, accepted, "%v", stored)
						assert.True(t, strings.HasSuffix(rejects, ";TRANSFORMATION_FAILED;"+transformed(v)+"\n"), rejects)
					default:
						assert.Equal(t, http.StatusBadRequest, r.StatusCode)
						assert.Contains(t, r.text, "inputFiles[0]: transformations[0]: ")
					}
				})
			}
		})
	}
}

// transformed is the column of a vector.
func transformed(v vectors.Vector) string {
	if v.Column != "" {
		return v.Column
	}
	return "value"
}

// withTexts is a client of a server with a custom table of long texts, for the columns
// of a row.
func withTexts(tb testing.TB, row map[string]string) (*client, []string) {
	tb.Helper()
	c := inMemory(tb)
	columns := slices.Sorted(maps.Keys(row))
	c.addTexts(columns...)
	return c, columns
}

func (c *client) addTexts(columns ...string) {
	table := actitotest.Table{Name: "Texts", PrimaryKey: "rowKey", Attributes: []actitotest.Attribute{{Name: "rowKey", Type: "STRING"}}}
	for _, column := range columns {
		table.Attributes = append(table.Attributes, actitotest.Attribute{Name: column, Type: "STRING", MaxLength: 100_000_000})
	}
	c.server.AddCustomTable("MyEntity", table)
}

// textsFile defines a file for that table.
func textsFile(columns []string, transformations ...string) map[string]any {
	list := []json.RawMessage{}
	for _, text := range transformations {
		list = append(list, json.RawMessage(text))
	}
	return customersFile("texts.csv", map[string]any{
		"transformations": list, "destination": map[string]any{"tableType": "CUSTOM_TABLE", "tableId": "Texts"},
	}, append([]string{"rowKey"}, columns...)...)
}

// importRow imports a row of the key 1, and gives the answer and the rejects. A table
// lets them be compared before the last line end.
func (c *client) importRow(file map[string]any, columns []string, row map[string]string) (r response, rejects string) {
	c.t.Helper()
	header, line := "rowKey", "1"
	for _, column := range columns {
		header += ";" + quoted(column)
		line += ";" + quoted(row[column])
	}
	r = c.post(imports+"/etl-executions", csvPart("texts.csv", header+"\n"+line+"\n"), parameters(definition(c.t, file)))
	if r.StatusCode != http.StatusCreated {
		return r, ""
	}
	c.server.Assume(actitotest.ResultFilesExist)
	_, rejects = unzipped(c.t, c.download(r.Header.Get("Location")+"/error-file").text)
	return r, rejects
}

func quoted(cell string) string { return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"` }

func transformation(tb testing.TB, column, kind string, params map[string]any) string {
	tb.Helper()
	all := map[string]any{"headerColumn": column, "type": kind}
	maps.Copy(all, params)
	text, err := json.Marshal(all)
	require.NoError(tb, err)
	return string(text)
}

func TestTransformationsAreCheckedWithTheirDefinition(t *testing.T) {
	t.Parallel()
	type params = map[string]any
	for name, test := range map[string]struct{ transformation, message string }{
		"no object":             {`"TRIM"`, "it is no object"},
		"null":                  {`null`, "it is no object"},
		"no column":             {`{"type":"TRIM"}`, `no attribute is mapped to column ""`},
		"no type":               {`{"headerColumn":"a"}`, `there is no type ""`},
		"an unknown type":       {transformation(t, "a", "CONSTANT", params{"value": "x"}), `there is no type "CONSTANT", only CAPITALIZE, `},
		"a type in small":       {transformation(t, "a", "trim", nil), `there is no type "trim"`},
		"an unknown column":     {transformation(t, "c", "TRIM", nil), `no attribute is mapped to column "c"`},
		"a column in capitals":  {transformation(t, "A", "TRIM", nil), `no attribute is mapped to column "A"`},
		"a column of no text":   {`{"headerColumn":1,"type":"TRIM"}`, "headerColumn is not of the right type"},
		"an unknown parameter":  {transformation(t, "a", "TRIM", params{"colapse": true}), `TRIM has no parameter "colapse"`},
		"another's parameter":   {transformation(t, "a", "UPPERCASE", params{"collapse": true}), `UPPERCASE has no parameter "collapse"`},
		"a parameter of a type": {transformation(t, "a", "TRIM", params{"collapse": "yes"}), "collapse is not of the right type"},
		"a missing parameter":   {transformation(t, "a", "VALUE_MAPPING", nil), "values is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, columns := withTexts(t, map[string]string{"a": "", "b": ""})
			file := textsFile(columns, transformation(t, "b", "TRIM", nil), test.transformation)
			whole := definition(t, textsFile(columns), file)
			whole = strings.Replace(whole, "texts.csv", "others.csv", 1)
			stored := c.call("POST", imports+"/etls", definition(t, textsFile(columns))).Header.Get("Location")
			for _, r := range []response{
				c.post(imports+"/etl-executions", csvPart("texts.csv", "rowKey;a;b\n1;;\n"), parameters(whole)),
				c.call("POST", imports+"/etls", whole),
				c.call("PUT", stored, whole),
			} {
				assert.Equal(t, http.StatusBadRequest, r.StatusCode, r.text)
				assert.Contains(t, r.json(t)["message"], "inputFiles[1]: transformations[1]: "+test.message)
			}
			assert.Empty(t, c.server.Imports())
		})
	}
}

func TestTransformationsRunInTheirOrderBeforeTheTableChecks(t *testing.T) {
	t.Parallel()
	c := withAnn(t)
	trim, small := transformation(t, "mail", "TRIM", nil), transformation(t, "mail", "LOWERCASE", nil)
	sizes := transformation(t, "size", "VALUE_MAPPING", map[string]any{"values": map[string]string{"small": "S", "none": "", "huge": "XXL"}})
	strict := transformation(t, "name", "VALUE_MAPPING", map[string]any{"values": map[string]string{"ANN": "Ann"}, "strict": true})
	file := customersFile("c.csv", map[string]any{
		"transformations": []json.RawMessage{
			json.RawMessage(trim), json.RawMessage(small), json.RawMessage(sizes), json.RawMessage(strict),
			json.RawMessage(transformation(t, "id", "TRIM", nil)), json.RawMessage(transformation(t, "points", "TRIM", nil)),
			json.RawMessage(transformation(t, "size", "LOWERCASE", nil)), json.RawMessage(transformation(t, "size", "UPPERCASE", nil)),
		},
		"attributesMapping": []any{
			map[string]any{"headerColumn": "id", "attributeName": "customerID"}, map[string]any{"headerColumn": "mail", "attributeName": "emailAddress"},
			map[string]any{"headerColumn": "size", "attributeName": "size"}, map[string]any{"headerColumn": "name", "attributeName": "firstName"},
			map[string]any{"headerColumn": "points", "attributeName": "points"},
		},
	})
	execution := c.runOnce(definition(t, file), csvPart("c.csv", "size;points;mail;name;id\n"+
		"small;;\" ANN@Example.com\t\";ANN; 1 \n"+
		"none; 7 ;dan@example.com;;2\n"+
		"huge;;eve@example.com;;3\n"+
		"s;;fay@example.com;Fay;4\n"+
		"s;;;;\"  \"\n"))
	assert.Equal(t, "WITH_ERROR", execution["status"])
	path := imports + "/etl-executions/" + execution["id"].(string)
	c.server.Assume(actitotest.ResultFilesExist)
	_, rejects := unzipped(t, c.download(path+"/error-file").text)
	assert.Equal(t, "size;points;mail;name;id;errorCode;errorColumn\n"+
		"huge;;eve@example.com;;3;INVALID_VALUE;size\n"+
		"s;;fay@example.com;Fay;4;TRANSFORMATION_FAILED;name\n"+
		"s;;;;  ;MANDATORY;id\n", rejects, "rejects repeat what was sent")
	_, results := unzipped(t, c.download(path+"/result-file").text)
	assert.Contains(t, results, "none; 7 ;dan@example.com;;2;CREATED\n")

	ann := c.ann().Attributes
	assert.Equal(t, []string{"ann@example.com", "S", "Ann"}, []string{ann["emailAddress"], ann["size"], ann["firstName"]}, "the key is found as it becomes")
	dan, ok := c.server.Profile("Customers", "customerID", "2")
	require.True(t, ok)
	assert.Equal(t, "7", dan.Attributes["points"])
	assert.NotContains(t, dan.Attributes, "size")
}

func TestAFileWithoutATransformedColumnFails(t *testing.T) {
	t.Parallel()
	c, columns := withTexts(t, map[string]string{"a": "", "b": ""})
	execution := c.runOnce(definition(t, textsFile(columns, transformation(t, "b", "TRIM", nil))), csvPart("texts.csv", "rowKey;a\n1;x\n"))
	assert.Equal(t, "FAILED", execution["status"])
	assert.Equal(t, `column "b" is missing`, firstFile(execution)["message"])
}
