package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
)

type kept struct {
	ID         int                     `actito:"customerID,key"`
	Email      string                  `actito:"emailAddress"`
	Birth      actito.Opt[actito.Date] `actito:"birthDate"`
	Phone      actito.Opt[string]      `actito:"gsmNumber"`
	Points     int                     `actito:"points"`
	Score      float64                 `actito:"score,omitzero"`
	Member     bool                    `actito:"member"`
	Seen       actito.DateTime         `actito:"seen"`
	Tags       []string                `actito:"tags"`
	Newsletter actito.Opt[bool]        `actito:"subscriptions#Newsletter"`
	Active     actito.Opt[bool]        `actito:"segmentations#Active"`
	Created    actito.DateTime         `actito:"creationMoment,readonly"`
}

// echo answers every write, and keeps the last body.
func echo(t *testing.T) (*actito.ProfileTable[kept], func() map[string]any) {
	transport := httpmock.NewMockTransport()
	transport.RegisterResponder(http.MethodGet, "=~/auth/token", httpmock.NewStringResponder(200, `{"accessToken":"a","expiresIn":"900s"}`))
	var last []byte
	transport.RegisterNoResponder(func(req *http.Request) (*http.Response, error) {
		var err error
		last, err = readBody(req)
		return httpmock.NewStringResponse(200, `{"profileId":7}`), err
	})
	client, err := actito.New("key", "Shop", actito.WithBaseURL("https://api.example.com"), actito.WithLimiter(actito.NoRateLimit{}),
		actito.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return profiles[kept](t, client), func() (sent map[string]any) {
		require.NoError(t, json.Unmarshal(last, &sent))
		last = nil
		return sent
	}
}

// A row that is kept as JSON and sent later is the row that would have been sent at once.
func TestAMapSendsWhatItsRowSends(t *testing.T) {
	t.Parallel()
	table, sent := echo(t)
	rapid.Check(t, func(rt *rapid.T) {
		opt := func(name string) actito.Opt[string] {
			switch rapid.IntRange(0, 2).Draw(rt, name) {
			case 0:
				return actito.Opt[string]{}
			case 1:
				return actito.Null[string]()
			}
			return actito.Set(rapid.SampledFrom([]string{"", "0", "\"\\", "é\n,;"}).Draw(rt, name+" text"))
		}
		flag := func(name string) actito.Opt[bool] {
			return rapid.SampledFrom([]actito.Opt[bool]{{}, actito.Set(true), actito.Set(false)}).Draw(rt, name)
		}
		row := kept{
			ID:         rapid.IntRange(1, 1<<60).Draw(rt, "id"),
			Email:      rapid.SampledFrom([]string{"", "ann@example.com"}).Draw(rt, "email"),
			Phone:      opt("phone"),
			Points:     rapid.Int().Draw(rt, "points"),
			Score:      rapid.SampledFrom([]float64{0, 1.5, -1e21}).Draw(rt, "score"),
			Member:     rapid.Bool().Draw(rt, "member"),
			Tags:       rapid.SliceOf(rapid.SampledFrom([]string{"a", "b c"})).Draw(rt, "tags"),
			Newsletter: flag("newsletter"),
			Active:     flag("active"),
		}
		if rapid.Bool().Draw(rt, "born") {
			row.Birth = actito.Set(actito.NewDate(1990, 2, 3))
		}
		values, err := table.Map(row)
		require.NoError(rt, err)
		object, err := json.Marshal(values)
		require.NoError(rt, err)
		again, err := actito.ParseMap(object)
		require.NoError(rt, err)
		require.Equal(rt, values, again)

		_, err = table.Upsert(t.Context(), row)
		require.NoError(rt, err)
		direct := sent()
		_, err = table.Untyped().Upsert(t.Context(), again)
		require.NoError(rt, err)
		later := sent()
		for _, part := range []string{"attributes", "subscriptions", "segmentations"} {
			assert.ElementsMatch(rt, direct[part], later[part], part)
		}
	})
}

func TestWhatCannotBeSentMakesNoMap(t *testing.T) {
	t.Parallel()
	table, _ := echo(t)
	assert.Equal(t, "Shop/Customers", table.String())
	assert.Equal(t, "customerID", table.KeyAttribute())
	assert.NotContains(t, table.Attributes(), "creationMoment")
	assert.Contains(t, table.Attributes(), "subscriptions#Newsletter")
	assert.Nil(t, table.Untyped().Attributes())
	_, err := table.Map(kept{ID: 1, Newsletter: actito.Null[bool]()})
	require.ErrorIs(t, err, actito.ErrInvalid)
	for _, text := range []string{"[]", `{"customerID":"C1"}{"gsmNumber":null}`, `{} x`} {
		_, err = actito.ParseMap([]byte(text))
		require.ErrorIs(t, err, actito.ErrInvalid, text)
	}
	_, err = actito.ParseMap([]byte(" {}\n"))
	require.NoError(t, err)
}

func TestBeforeSendEndsACallUnsent(t *testing.T) {
	t.Parallel()
	table, _ := echo(t)
	lost := errors.New("the lease is lost")
	_, err := table.Upsert(t.Context(), kept{ID: 1}, actito.BeforeSend(func(context.Context) error { return lost }))
	require.ErrorIs(t, err, lost)
	asked := 0
	_, err = table.Upsert(t.Context(), kept{ID: 1}, actito.BeforeSend(func(context.Context) error { asked++; return nil }))
	require.NoError(t, err)
	assert.Equal(t, 2, asked, "before it is sent, and as its body is read")
}
