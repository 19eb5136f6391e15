package actito_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// workingForm is the form of actito-api.md, as far as the library writes it.
const workingForm = `{
  "name": "stores-daily",
  "inputFiles": [
    {"fileNamePattern": "customers_$yyyyMMdd.csv", "compression": "ZIP", "optional": false,
     "encoding": "UTF-8", "format": {"separator": ";", "endOfLine": "\n", "enclosing": "\"", "escaping": "\""},
     "destination": {"tableType": "PROFILE_TABLE", "tableId": "16"}, "mode": "CREATE_UPDATE",
     "attributesMapping": [{"headerColumn": "customerID", "attributeName": "customerID"},
                           {"headerColumn": "emailAddress", "attributeName": "emailAddress"},
                           {"headerColumn": "subscriptions#Newsletter", "attributeName": "subscriptions#Newsletter"}]},
    {"fileNamePattern": "orders_$yyyyMMdd.csv", "compression": "ZIP", "optional": true,
     "encoding": "UTF-8", "format": {"separator": ",", "endOfLine": "\n", "enclosing": "\"", "escaping": "\""},
     "destination": {"tableType": "CUSTOM_TABLE", "tableId": "ORDERS"}, "mode": "CREATE_ONLY",
     "attributesMapping": [{"headerColumn": "orderId", "attributeName": "orderId"},
                           {"headerColumn": "customerID", "attributeName": "customerID"},
                           {"headerColumn": "amount", "attributeName": "amount"}]}],
  "generateResultFile": true, "generateErrorFile": true,
  "reportRecipients": ["data@shop.example"]
}`

func TestADefinitionIsSentInTheWorkingForm(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	day := b.Clock().Now().In(brussels(t)).Format("20060102")
	columns := []actito.ColumnOption{actito.Columns("customerID", "emailAddress", "subscriptions#Newsletter"), actito.WithSubscriptions()}
	customers, orders := b.customers.InputFile("customers_$yyyyMMdd.csv", columns...), b.orders.InputFile("orders_$yyyyMMdd.csv")
	customers.Format.Separator = ";"
	orders.Optional, orders.Mode = true, actito.CreateOnly
	d := actito.Definition{Name: "stores-daily", Files: []actito.InputFile{customers, orders}, ReportRecipients: []string{"data@shop.example"}}
	ann := annRow
	ann.Newsletter = actito.Set(true)
	e, err := b.client.ETLs.RunOnce(t.Context(), d, b.customers.Rows("customers_"+day+".csv", all(ann), columns[0], columns[1]),
		b.orders.Rows("orders_"+day+".csv", all(order{"O1", "C1", 5})))
	e = b.loads(t, e, err)
	want := string(bytes.ReplaceAll([]byte(workingForm), []byte("ORDERS"), []byte(e.Files[1].TableID)))
	marked := string(sent(t, b.starts()[0]).definition)
	require.JSONEq(t, strings.Replace(want, "stores-daily", "stores-daily [run-MARK]", 1), aMark.ReplaceAllString(marked, "${1}MARK"))
	require.Equal(t, "Customers", d.Files[0].Destination.TableID, "the caller's definition is left alone")
	require.Empty(t, d.Files[1].Format)

	_, err = b.client.ETLs.Create(t.Context(), d)
	require.NoError(t, err)
	require.JSONEq(t, want, string(b.Requests(actitotest.OpETLCreate)[0].Body))
}

func TestDefaultsAreFilledInAndNothingElseIs(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	no := false
	f := b.customers.InputFile("customers.csv", named)
	f.Mode = ""
	id, err := b.client.ETLs.Create(t.Context(), actito.Definition{ID: "5", Files: []actito.InputFile{f}, GenerateResultFile: &no})
	require.NoError(t, err)
	d, err := b.client.ETLs.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, id, d.ID)
	require.False(t, *d.GenerateResultFile)
	require.True(t, *d.GenerateErrorFile)
	require.Equal(t, actito.CreateUpdate, d.Files[0].Mode)
	require.Equal(t, actito.ZIP, d.Files[0].Compression)
	require.Equal(t, actito.Format{Separator: ",", EndOfLine: "\n", Enclosing: `"`, Escaping: `"`}, d.Files[0].Format)
	require.NotContains(t, string(b.Requests(actitotest.OpETLCreate)[0].Body), `"id"`)
}

func TestWhatTheLibraryDoesNotKnowSurvivesGetAndReplace(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	unknown := func(s string) map[string]json.RawMessage {
		return map[string]json.RawMessage{s: json.RawMessage(`{"deep":[1.50,null]}`)}
	}
	f := b.customers.InputFile("customers.csv", named)
	f.Extra, f.Format.Extra, f.Destination.Extra, f.Mapping[1].Extra = unknown("a"), unknown("b"), unknown("c"), unknown("e")
	f.Encoding, f.Compression, f.Format.Separator = "ISO-8859-1", "GZIP", "|" // for files that come otherwise
	id, err := b.client.ETLs.Create(t.Context(), actito.Definition{Files: []actito.InputFile{f}, Extra: unknown("d"),
		Schedule: &actito.Schedule{TimeOfDay: "06:00", Extra: unknown("f")},
		Location: &actito.LocationRef{ID: b.AddLocation("MyEntity", "sftp"), Extra: unknown("g")}})
	require.NoError(t, err)
	read := func() (raw map[string]any) {
		require.NoError(t, b.client.Do(t.Context(), actito.RawCall{Method: http.MethodGet,
			Path: "/mass-imports/v5/entities/{entity}/etls/{etl}", Params: map[string]string{"etl": id}}, &raw))
		return raw
	}
	before := read()
	d, err := b.client.ETLs.Get(t.Context(), id)
	require.NoError(t, err)
	d.Name = "changed"
	require.NoError(t, b.client.ETLs.Replace(t.Context(), id, *d))
	before["name"] = "changed"
	require.Equal(t, before, read())
	for _, name := range []string{`"d"`, `"a"`, `"b"`, `"c"`, `"e"`, `"f"`, `"g"`} {
		require.Contains(t, string(b.Requests(actitotest.OpETLReplace)[0].Body), name)
	}
}

func TestUnknownFieldsSurviveAtEachLevel(t *testing.T) {
	t.Parallel()
	anything := rapid.SampledFrom([]string{`null`, `true`, `-1.50e3`, `"ä<&>"`, `[]`, `[{"a":1}]`, `{"id":12345678901234567890}`})
	// Names that look like the library's are others; its own names are drawn too, and left out then.
	names := rapid.SampledFrom([]string{"schedule", "location", "transformations", "NAME", "Mode", "iD", "tableID", "", "-", "é\"\\"})
	rapid.Check(t, func(t *rapid.T) {
		level := func(known map[string]any) map[string]any {
			for name, value := range rapid.MapOfN(names, anything, 0, 4).Draw(t, "unknown") {
				known[name] = json.RawMessage(value)
			}
			return known
		}
		files := []any{}
		for range rapid.IntRange(0, 2).Draw(t, "files") {
			files = append(files, level(map[string]any{
				"fileNamePattern": "a.csv", "optional": true, "encoding": "X", "mode": "UPSERT_MAYBE",
				"format":            level(map[string]any{"separator": "§§"}),
				"destination":       level(map[string]any{"tableType": "SEGMENT_TABLE", "tableId": "1"}),
				"attributesMapping": []any{level(map[string]any{"headerColumn": "a", "attributeName": "b"})},
			}))
		}
		whole := level(map[string]any{"id": "5", "name": "n", "inputFiles": files, "generateErrorFile": false})
		switch rapid.IntRange(0, 2).Draw(t, "schedule") {
		case 0: // none, or in another form
		case 1:
			whole["location"] = level(map[string]any{"id": "42"})
		case 2:
			whole["schedule"] = level(map[string]any{"frequency": "HOURLY", "timeZone": "Mars/Olympus"})
		}
		for _, name := range []string{"schedule", "location"} {
			if raw, drawn := whole[name].(json.RawMessage); drawn && (string(raw) == "null" || bytes.HasPrefix(raw, []byte("{"))) {
				delete(whole, name) // null is the same as none, and an id that is a number becomes a text
			}
		}
		before, err := json.Marshal(whole)
		require.NoError(t, err)
		var d actito.Definition
		require.NoError(t, json.Unmarshal(before, &d))
		after, err := json.Marshal(d)
		require.NoError(t, err)
		require.Equal(t, exactly(t, before), exactly(t, after))
	})
}

// exactly decodes JSON without rounding its numbers.
func exactly(t require.TestingT, raw []byte) (value any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	require.NoError(t, d.Decode(&value))
	return value
}

func TestIDsAreTextsOrNumbers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ json, id, table string }{
		"texts":   {`{"id":"5","inputFiles":[{"destination":{"tableId":"16"}}]}`, "5", "16"},
		"numbers": {`{"id":12345678901234567890,"inputFiles":[{"destination":{"tableId":16}}]}`, "12345678901234567890", "16"},
		"nothing": {`{"id":null,"inputFiles":[{"destination":{"tableId":null}}]}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d actito.Definition
			require.NoError(t, json.Unmarshal([]byte(tt.json), &d))
			require.Equal(t, []string{tt.id, tt.table}, []string{d.ID, d.Files[0].Destination.TableID})
		})
	}
	for _, broken := range []string{`[]`, `{"id":{}}`, `{"inputFiles":[{"mode":true}]}`, `{"inputFiles":{}}`} {
		require.Error(t, json.Unmarshal([]byte(broken), new(actito.Definition)), broken)
	}
}

func TestExtraGoesBeforeTheLibrarysOwnField(t *testing.T) {
	t.Parallel()
	f := actito.InputFile{Mode: actito.CreateOnly, Extra: map[string]json.RawMessage{"mode": json.RawMessage(`"MERGE"`)}}
	out, err := json.Marshal(f)
	require.NoError(t, err)
	require.Contains(t, string(out), `"mode":"MERGE"`)
	require.NotContains(t, string(out), "CREATE_ONLY")
}
