package actitotest

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzParseCSV compares with encoding/csv where the two agree on what a file is.
func FuzzParseCSV(f *testing.F) {
	for _, text := range []string{"a;b\n1;2\n", "\"a;\"\"b\";\n", "a;b", ";", "\n", "\"a\r\nb\";c\r\n", "a\"b", "\"a\"b", "a;\n\nb;c\n", "a\r"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseCSV(text, ';')
		if err == nil {
			var out []byte
			for _, cells := range rows {
				out = appendCSV(out, cells, ';')
			}
			again, err := parseCSV(string(out), ';')
			require.NoError(t, err)
			assert.Equal(t, rows, again, "what is written is what was read")
		}
		if strings.Contains(text, "\r") { // encoding/csv changes line ends within cells
			return
		}
		r := csv.NewReader(strings.NewReader(text))
		r.Comma, r.FieldsPerRecord = ';', -1
		want, wantErr := r.ReadAll()
		require.Equal(t, wantErr == nil, err == nil, "%v and %v", wantErr, err)
		// encoding/csv skips empty lines
		empty := func(cells []string) bool { return len(cells) == 1 && cells[0] == "" }
		if err == nil {
			assert.ElementsMatch(t, slices.DeleteFunc(want, empty), slices.DeleteFunc(rows, empty))
		}
	})
}

// FuzzUpload feeds whole multipart bodies to an import.
func FuzzUpload(f *testing.F) {
	const definition = `{"inputFiles":[{"mode":"CREATE_UPDATE","destination":{"tableType":"PROFILE_TABLE","tableId":"16"},` +
		`"attributesMapping":[{"headerColumn":"id","attributeName":"id"}]}],"generateErrorFile":true}`
	head := func(field, file, contentType string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + field + "\"; filename=\"" + file + "\"\r\nContent-Type: " + contentType + "\r\n\r\n"
	}
	good := head("parameters", "p.json", "application/json") + definition + "\r\n" + head("inputFile", "c.csv", "text/csv") + "id\nA\n\r\n--x--\r\n"
	f.Add([]byte(good))
	f.Add([]byte(good[:len(good)-8]))
	f.Add([]byte(strings.Replace(good, "id\nA\n", "PK\x03\x04", 1)))
	f.Add([]byte(strings.Replace(good, "id\nA\n", "\x1f\x8b", 1)))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := NewServer(InMemory(), WithImportTimes(0, 0))
		defer s.Close()
		s.AddProfileTable("MyEntity", Table{ID: "16", Name: "T", Attributes: []Attribute{{Name: "id", Type: "STRING", Unique: true, Mandatory: true}}})
		s.tokens["token"] = token{expires: time.Now().Add(time.Hour)}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v5/entities/MyEntity/etl-executions", bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer token")
		req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		resp, err := s.Transport().RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		imports := s.Imports()
		assert.Equal(t, resp.StatusCode == http.StatusCreated, len(imports) == 1, "an import is accepted or refused, nothing between")
		if len(imports) == 1 && imports[0].Status == string(statusSuccess) {
			assert.LessOrEqual(t, len(s.Profiles("T")), imports[0].Rows)
		}
	})
}

// FuzzPath checks that a key survives its way through a path, however it looks.
func FuzzPath(f *testing.F) {
	for _, key := range []string{"a+b", "a/b", "a%b", "é;category=x", "..", "a=b?c#d", "%2F"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		path := strings.Replace(profileV4, "{entity}", "E", 1) + "/"
		u, err := url.Parse(strings.Replace(path, "{profileTable}", "T", 1) + escape(key))
		require.NoError(t, err)
		params, ok := match(profileV4+"/{key}", strings.Split(u.EscapedPath(), "/"))
		assert.Equal(t, key != "", ok)
		if ok {
			assert.Equal(t, map[string]string{"entity": "E", "profileTable": "T", "key": key}, params)
		}
	})
}

func FuzzFileNamePattern(f *testing.F) {
	f.Add("c_$yyyyMMdd.csv", uint32(0))
	f.Add("$yyyy-MM-dd_$HHmmss(1).csv", uint32(1_800_000_000))
	f.Add("$yyyyy[.$\n", uint32(1))
	f.Fuzz(func(t *testing.T, pattern string, unix uint32) {
		at := time.Unix(int64(unix), 0).UTC()
		if utf8.ValidString(pattern) { // as all JSON texts are
			name := resolve(pattern, at)
			assert.True(t, fits(pattern, name, at), "%q does not fit %q", name, pattern)
		}
	})
}
