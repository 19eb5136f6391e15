package actito

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzNewID reads what an answer to a write or to an import says is new, from its body or its Location.
func FuzzNewID(f *testing.F) {
	f.Add([]byte(`{"profileId":1e400}`), "/v5/entities/E/etl-executions/7")
	f.Add([]byte(`{"id":"7"}`), "")
	f.Add([]byte(``), "https://api3.actito.com/v5/entities/E/etl-executions/a%2Fb/?x=1#y")
	f.Add([]byte(`null`), "://%zz")
	f.Fuzz(func(t *testing.T, body []byte, location string) {
		id := newID(reply{body: body, header: http.Header{"Location": {location}}})
		var read struct {
			ID, ProfileID, BusinessKey text
		}
		if json.Unmarshal(body, &read) == nil && read != (struct{ ID, ProfileID, BusinessKey text }{}) {
			require.NotEmpty(t, id)
			return
		}
		if _, err := url.Parse(location); err != nil {
			require.Empty(t, id, "nobody can tell")
		}
		if id == "" {
			return
		}
		// It stands in paths as it was said.
		back, err := url.PathUnescape(escape(id))
		require.NoError(t, err)
		require.Equal(t, id, back)
		require.Equal(t, id, newID(reply{header: http.Header{"Location": {"/x/" + escape(id)}}}))
	})
}
