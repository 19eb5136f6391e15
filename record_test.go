package actito

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var brussels = func() *time.Location {
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		panic(err)
	}
	return loc
}()

func mustCodec[T any](t testing.TB, table TableType) *codec[T] {
	t.Helper()
	c, err := newCodec[T](table, brussels)
	require.NoError(t, err)
	return c
}

type customer struct {
	ID         string      `actito:"customerID,key"`
	Email      string      `actito:"emailAddress"`
	FirstName  string      `actito:"firstName"`
	Birth      Opt[Date]   `actito:"birthDate"`
	Phone      Opt[string] `actito:"gsmNumber"`
	Points     int         `actito:"points"`
	Newsletter Opt[bool]   `actito:"subscriptions#Newsletter"`
	Active     Opt[bool]   `actito:"segmentations#Active"`
	Created    DateTime    `actito:"creationMoment,readonly"`
	Private    string
}

func TestSmoke(t *testing.T) {
	c := mustCodec[customer](t, ProfileTableType)
	row := customer{ID: "A1", Email: "a\"é\n@example.com", Phone: Null[string](), Newsletter: Set(true), Active: Set(false), Birth: Set(NewDate(1980, 2, 3))}
	b, err := c.appendProfileV4(nil, &row, profileExtra{DataCollection: &DataCollectionInfo{Date: DateTimeOf(time.Now()), Way: "x"}})
	require.NoError(t, err)
	t.Log(string(b))
	back, err := c.decodeProfile(b)
	require.NoError(t, err)
	require.Equal(t, row, back)
	b, err = c.appendProfileV5(nil, &row, profileExtra{Key: true})
	require.NoError(t, err)
	t.Log(string(b))
	back, err = c.decodeProfile(b)
	require.NoError(t, err)
	require.Equal(t, row, back)
	cols, err := c.columns(nil, true)
	require.NoError(t, err)
	row2 := row
	b, bl, err := cols.appendRow(nil, ';', &row2)
	require.NoError(t, err)
	t.Log(string(b), bl, cols.header())
	t.Log(testing.AllocsPerRun(100, func() { b, _, _ = cols.appendRow(b[:0], ';', &row2) }))
}
