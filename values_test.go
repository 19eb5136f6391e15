package actito_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// eachVersion runs a test of profiles with both versions of the API.
func eachVersion(t *testing.T, test func(t *testing.T, server *actitotest.Server, customers *actito.ProfileTable[shopper])) {
	t.Helper()
	t.Parallel()
	for name, opts := range map[string][]actito.Option{"version 4": nil, "version 5": {actito.WithProfilesV5()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newStore(t)
			test(t, server, profiles[shopper](t, newClient(t, server, opts...)))
		})
	}
}

func stored(t testing.TB, server *actitotest.Server, id string) actitotest.Profile {
	t.Helper()
	p, found := server.Profile("Customers", "customerID", id)
	require.True(t, found)
	return p
}

func TestUnsetStaysAndNullClears(t *testing.T) {
	eachVersion(t, func(t *testing.T, server *actitotest.Server, customers *actito.ProfileTable[shopper]) {
		full := ann
		full.FirstName, full.Phone, full.Points, full.OptedIn = "Ann", actito.Set("+32470000000"), 7, true
		id, err := customers.Upsert(t.Context(), full)
		require.NoError(t, err)

		again, err := customers.Upsert(t.Context(), shopper{ID: "C1", Phone: actito.Null[string]()})
		require.NoError(t, err)
		require.Equal(t, id, again)
		p := stored(t, server, "C1")
		require.Equal(t, "Ann", p.Attributes["firstName"], "an empty string is not sent")
		require.Equal(t, "1980-02-29", p.Attributes["birthDate"], "an unset Opt is not sent")
		require.Equal(t, "2026-11-23 10:15:00", p.Attributes["lastSeen"])
		require.Equal(t, "shoes,hats, caps", p.Attributes["interests"], "a nil slice is not sent")
		require.NotContains(t, p.Attributes, "gsmNumber", "null clears")
		require.Equal(t, "0", p.Attributes["points"], "a plain number is always sent")
		require.Equal(t, "false", p.Attributes["optedIn"], "a plain bool is always sent")
		require.Equal(t, map[string]bool{"Newsletter": true, "Retargeting": false}, p.Subscriptions)
		require.Equal(t, map[string]string{"VIP": ""}, p.Segmentations)

		require.NoError(t, customers.Update(t.Context(), actito.ByID(id), shopper{ID: "C1", Birth: actito.Null[actito.Date](), Points: 3}))
		p = stored(t, server, "C1")
		require.NotContains(t, p.Attributes, "birthDate")
		require.Equal(t, "Ann", p.Attributes["firstName"])
		require.Equal(t, "3", p.Attributes["points"])
	})
}

func TestWhatWasReadCanBeWritten(t *testing.T) {
	eachVersion(t, func(t *testing.T, server *actitotest.Server, customers *actito.ProfileTable[shopper]) {
		id, err := customers.Upsert(t.Context(), ann)
		require.NoError(t, err)
		read, err := customers.Get(t.Context(), actito.ByID(id))
		require.NoError(t, err)
		require.False(t, read.Created.IsZero())
		require.True(t, read.Phone.IsNull(), "no value reads as null")
		require.Equal(t, ann.LastSeen, read.LastSeen)
		require.Equal(t, ann.Interests, read.Interests)

		read.FirstName = "Ann"
		_, err = customers.Upsert(t.Context(), read) // the fake refuses what is the service's own
		require.NoError(t, err)
		require.NoError(t, customers.Update(t.Context(), actito.ByID(id), read))
		require.Equal(t, "Ann", stored(t, server, "C1").Attributes["firstName"])
	})
}

func TestAMissingSubscriptionReadsUnset(t *testing.T) {
	eachVersion(t, func(t *testing.T, _ *actitotest.Server, customers *actito.ProfileTable[shopper]) {
		_, err := customers.Upsert(t.Context(), shopper{ID: "C1", Newsletter: actito.Set(true)})
		require.NoError(t, err)
		read, err := customers.Get(t.Context(), actito.By("customerID", "C1"))
		require.NoError(t, err)
		require.Equal(t, actito.Set(true), read.Newsletter)
		require.Equal(t, actito.Opt[bool]{}, read.Retarget)
		require.Equal(t, actito.Opt[bool]{}, read.VIP)
	})
}

func TestAnOrderHandlerLeavesConsentAlone(t *testing.T) {
	eachVersion(t, func(t *testing.T, server *actitotest.Server, customers *actito.ProfileTable[shopper]) {
		ctx, key := t.Context(), actito.By("customerID", "C1")
		_, err := customers.Upsert(ctx, shopper{ID: "C1", Newsletter: actito.Set(true)})
		require.NoError(t, err)
		require.NoError(t, customers.Unsubscribe(ctx, key, "Newsletter"))

		_, err = customers.Upsert(ctx, shopper{ID: "C1", FirstName: "Ann", Points: 5})
		require.NoError(t, err)
		require.Equal(t, map[string]bool{"Newsletter": false}, stored(t, server, "C1").Subscriptions)

		read, err := customers.Get(ctx, key)
		require.NoError(t, err)
		read.Points++
		_, err = customers.Upsert(ctx, read)
		require.NoError(t, err)
		require.False(t, stored(t, server, "C1").Subscriptions["Newsletter"])
		writes := server.Requests(actitotest.OpProfileUpsert)
		require.NotContains(t, string(writes[1].Body), "Newsletter")

		list, err := customers.Subscriptions(ctx, key)
		require.NoError(t, err)
		require.Equal(t, []actito.Subscription{{Name: "Newsletter"}}, list)
		require.NoError(t, customers.Subscribe(ctx, key, "Newsletter"))
		require.True(t, stored(t, server, "C1").Subscriptions["Newsletter"])
		require.ErrorIs(t, customers.Subscribe(ctx, key, "Unknown"), actito.ErrNotFound)
	})
}

func TestSegmentationsOfAProfile(t *testing.T) {
	eachVersion(t, func(t *testing.T, server *actitotest.Server, customers *actito.ProfileTable[shopper]) {
		ctx, key := t.Context(), actito.By("customerID", "C1")
		_, err := customers.Upsert(ctx, shopper{ID: "C1"})
		require.NoError(t, err)
		require.NoError(t, customers.Segment(ctx, key, actito.Segmentation{Name: "Activity", Category: "Active"}))
		require.NoError(t, customers.Segment(ctx, key, actito.Segmentation{Name: "VIP"}))
		list, err := customers.Segmentations(ctx, key)
		require.NoError(t, err)
		require.Equal(t, []actito.Segmentation{{Name: "Activity", Category: "Active"}, {Name: "VIP"}}, list)
		read, err := customers.Get(ctx, key)
		require.NoError(t, err)
		require.Equal(t, actito.Set(true), read.VIP)
		require.Error(t, customers.Segment(ctx, key, actito.Segmentation{Name: "Activity"}), "it has categories")

		_, err = customers.Upsert(ctx, shopper{ID: "C1", VIP: actito.Set(false)})
		require.NoError(t, err)
		require.NoError(t, customers.Unsegment(ctx, key, "Activity"))
		require.Empty(t, stored(t, server, "C1").Segmentations)
	})
}

func TestCreateRefusesWhatExists(t *testing.T) {
	eachVersion(t, func(t *testing.T, server *actitotest.Server, customers *actito.ProfileTable[shopper]) {
		id, err := customers.Create(t.Context(), shopper{ID: "C1", FirstName: "Ann"})
		require.NoError(t, err)
		require.NotEmpty(t, id)
		for world, want := range map[actitotest.Assumption]error{
			actitotest.ExistingConflict: actito.ErrConflict, actitotest.ExistingInvalid: actito.ErrInvalid,
		} {
			server.Assume(world)
			_, err = customers.Create(t.Context(), shopper{ID: "C1", FirstName: "Anna"})
			require.ErrorIs(t, err, want)
			require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
		}
		require.Equal(t, "Ann", stored(t, server, "C1").Attributes["firstName"])
		require.Len(t, server.Requests(actitotest.OpProfileCreate), 3, "a refusal is not repeated")
	})
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	eachVersion(t, func(t *testing.T, server *actitotest.Server, customers *actito.ProfileTable[shopper]) {
		ctx, key := t.Context(), actito.By("customerID", "secret-key")
		_, err := customers.Get(ctx, key)
		require.ErrorIs(t, err, actito.ErrNotFound)
		require.NotContains(t, err.Error(), "secret-key")
		require.ErrorIs(t, customers.Update(ctx, key, shopper{ID: "C1"}), actito.ErrNotFound)
		require.ErrorIs(t, customers.Delete(ctx, key), actito.ErrNotFound)

		orders := records[purchase](t, newClient(t, server))
		_, err = orders.Get(ctx, "secret-key")
		require.ErrorIs(t, err, actito.ErrNotFound)
		require.NotContains(t, err.Error(), "secret-key")
		require.ErrorIs(t, orders.Update(ctx, "secret-key", purchase{ID: "K"}), actito.ErrNotFound)
		require.ErrorIs(t, orders.Delete(ctx, "secret-key"), actito.ErrNotFound)

		_, err = customers.Upsert(ctx, shopper{ID: "C1"})
		require.NoError(t, err)
		require.NoError(t, customers.Delete(ctx, actito.By("customerID", "C1")))
		require.Empty(t, server.Profiles("Customers"))
	})
}

func TestMapsTravelLikeStructs(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]actito.Option{"version 4": nil, "version 5": {actito.WithProfilesV5()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newStore(t)
			customers, err := profiles[map[string]any](t, newClient(t, server, opts...)).KeyedBy("customerID")
			require.NoError(t, err)
			_, err = customers.Upsert(t.Context(), map[string]any{
				"customerID": "C1", "firstName": "Ann", "gsmNumber": "+3247", "points": json.Number("7"), "visits": int64(9007199254740993),
				"spent": 12.50, "optedIn": true, "birthDate": actito.NewDate(1980, 2, 29), "interests": []any{"shoes", "hats"},
				"subscriptions#Newsletter": true, "segmentations#VIP": actito.Set(true), "profileId": 99, "creationMoment": "x",
			})
			require.NoError(t, err)
			_, err = customers.Upsert(t.Context(), map[string]any{"customerID": "C1", "firstName": "", "gsmNumber": nil, "spent": actito.Null[float64]()})
			require.NoError(t, err)
			p := stored(t, server, "C1")
			require.NotContains(t, p.Attributes, "gsmNumber")
			require.NotContains(t, p.Attributes, "spent")
			require.Equal(t, "Ann", p.Attributes["firstName"])
			require.Equal(t, "9007199254740993", p.Attributes["visits"])

			read, err := customers.Get(t.Context(), actito.By("customerID", "C1"))
			require.NoError(t, err)
			require.Equal(t, json.Number("9007199254740993"), read["visits"], "no digit is lost")
			require.Equal(t, []any{"shoes", "hats"}, read["interests"])
			require.Equal(t, true, read["subscriptions#Newsletter"])
			require.NotContains(t, read, "subscriptions#Retargeting")
			require.Contains(t, read, "profileId")
			_, err = customers.Upsert(t.Context(), read)
			require.NoError(t, err)
		})
	}
}

func TestRowsWithoutTheirKeyAreRefusedHere(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	client := newClient(t, server, actito.WithProfilesV5())
	maps, err := profiles[map[string]any](t, client).KeyedBy("customerID")
	require.NoError(t, err)
	byID, err := profiles[map[string]any](t, client).KeyedBy("profileId")
	require.NoError(t, err)
	type read struct {
		ID    int    `actito:"profileId,key,readonly"`
		Email string `actito:"emailAddress"`
	}
	type generated struct {
		ID string `actito:"orderId,key,readonly"`
	}
	upsert := func(table *actito.ProfileTable[map[string]any], row map[string]any) error {
		_, err := table.Upsert(t.Context(), row)
		return err
	}
	for name, c := range map[string]struct {
		err    error
		column string
		rule   string
	}{
		"a map that lacks it":      {upsert(maps, map[string]any{"firstName": "Ann"}), "customerID", "empty-key"},
		"a map in which it is nil": {upsert(maps, map[string]any{"customerID": nil}), "customerID", "empty-key"},
		"an empty struct":          {func() error { _, err := profiles[shopper](t, client).Upsert(t.Context(), shopper{}); return err }(), "customerID", "empty-key"},
		"a map without KeyedBy":    {upsert(profiles[map[string]any](t, client), map[string]any{"customerID": "C1"}), "", "no-key"},
		"a map by profile id":      {upsert(byID, map[string]any{"profileId": 7}), "profileId", "readonly-key"},
		"a struct by profile id":   {func() error { _, err := profiles[read](t, client).Upsert(t.Context(), read{7, "x"}); return err }(), "profileId", "readonly-key"},
		"a record by a read key":   {func() error { _, err := records[generated](t, client).Upsert(t.Context(), generated{"7"}); return err }(), "orderId", "readonly-key"},
	} {
		var refused *actito.ValidationError
		require.ErrorAs(t, c.err, &refused, name)
		require.Equal(t, []string{c.column, c.rule}, []string{refused.Column, refused.Rule}, name)
	}
	require.Empty(t, server.Requests())
	_, err = profiles[shopper](t, client).KeyedBy("emailAddress")
	require.ErrorContains(t, err, "customerID")
	_, err = records[map[string]any](t, client).KeyedBy("subscriptions#x")
	require.Error(t, err)
}

func TestTablesThatMakeTheirKeys(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Visits", PrimaryKey: "id", GeneratedKey: true,
		Attributes: []actitotest.Attribute{{Name: "page", Type: "STRING"}}})
	type visit struct {
		ID   int64  `actito:"id,readonly"`
		Page string `actito:"page"`
	}
	visits, err := actito.Records[visit](newClient(t, server), "Visits")
	require.NoError(t, err)
	first, err := visits.Upsert(t.Context(), visit{Page: "/"})
	require.NoError(t, err)
	second, err := visits.Upsert(t.Context(), visit{Page: "/"})
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.NoError(t, visits.Update(t.Context(), first, visit{Page: "/shop"}))
	read, err := visits.Get(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, "/shop", read.Page)
	require.NotZero(t, read.ID)

	server.Fail(actitotest.OpRecordUpsert, actitotest.LoseAnswer())
	_, err = visits.Upsert(t.Context(), visit{Page: "/cart"})
	require.ErrorIs(t, err, actito.ErrOutcomeUnknown, "a repeat might double it")
	require.Len(t, server.Records("Visits"), 3)
}

type (
	customInt    int32
	customString string
	customBool   bool
	customFloat  float32
	upper        struct{ text string }
)

func (u upper) MarshalText() ([]byte, error)  { return []byte(strings.ToUpper(u.text)), nil }
func (u *upper) UnmarshalText(b []byte) error { u.text = strings.ToLower(string(b)); return nil }

// everyKind has a field of each Go type that can travel.
type everyKind struct {
	ID      string                   `actito:"id,key"`
	I       int                      `actito:"i"`
	I8      int8                     `actito:"i8"`
	I16     int16                    `actito:"i16"`
	I32     int32                    `actito:"i32"`
	I64     int64                    `actito:"i64"`
	U       uint                     `actito:"u"`
	U8      uint8                    `actito:"u8"`
	U16     uint16                   `actito:"u16"`
	U32     uint32                   `actito:"u32"`
	U64     uint64                   `actito:"u64"`
	F32     float32                  `actito:"f32"`
	F64     float64                  `actito:"f64"`
	N       json.Number              `actito:"n"`
	B       bool                     `actito:"b"`
	S       string                   `actito:"s"`
	CI      customInt                `actito:"ci"`
	CS      customString             `actito:"cs"`
	CB      customBool               `actito:"cb"`
	CF      customFloat              `actito:"cf"`
	Text    upper                    `actito:"text"`
	Date    actito.Date              `actito:"date"`
	Time    actito.DateTime          `actito:"time"`
	Pointer *int64                   `actito:"pointer"`
	Opt     actito.Opt[uint16]       `actito:"opt"`
	List    []string                 `actito:"list"`
	Numbers actito.Opt[[]int]        `actito:"numbers"`
	OptText actito.Opt[customString] `actito:"optText"`
}

func TestEveryKindTravels(t *testing.T) {
	t.Parallel()
	server := actitotest.NewServer()
	t.Cleanup(server.Close)
	table := actitotest.Table{Name: "Kinds", PrimaryKey: "id"}
	for names, kind := range map[string]string{
		"id s cs text optText": "STRING", "i i64 pointer": "LONG", "i8 i16 i32 u8 u16 ci opt": "INTEGER", "u u32 u64 f32 f64 n cf": "NUMBER",
		"b cb": "BOOLEAN", "date": "DATE", "time": "TIMESTAMP",
	} {
		for _, name := range strings.Fields(names) {
			table.Attributes = append(table.Attributes, actitotest.Attribute{Name: name, Type: kind})
		}
	}
	table.Attributes = append(table.Attributes, actitotest.Attribute{Name: "list", Type: "STRING", MultiValued: true},
		actitotest.Attribute{Name: "numbers", Type: "INTEGER", MultiValued: true})
	server.AddCustomTable("MyEntity", table)
	kinds, err := actito.Records[everyKind](newClient(t, server), "Kinds")
	require.NoError(t, err)

	least := int64(math.MinInt64)
	for _, row := range []everyKind{
		{ID: "zero"},
		{ID: "most", I: math.MaxInt64, I8: math.MaxInt8, I16: math.MaxInt16, I32: math.MaxInt32, I64: math.MaxInt64, U: math.MaxUint64,
			U8: math.MaxUint8, U16: math.MaxUint16, U32: math.MaxUint32, U64: math.MaxUint64, F32: math.MaxFloat32, F64: 1e100, N: "1.10",
			B: true, S: "é\n\"日本\\", CI: math.MaxInt32, CS: "x", CB: true, CF: 0.1, Text: upper{"shout"}, Date: actito.NewDate(9999, 12, 31),
			Time: actito.DateTimeOf(time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)), Pointer: new(int64), Opt: actito.Set[uint16](0), List: []string{"a", "b"},
			Numbers: actito.Set([]int{1, -2}), OptText: actito.Set[customString]("y")},
		{ID: "least", I: math.MinInt64, I8: math.MinInt8, I16: math.MinInt16, I32: math.MinInt32, I64: math.MinInt64, F32: math.SmallestNonzeroFloat32,
			F64: -1.5e-10, N: "-0.001", CI: math.MinInt32, CF: -2.5, Pointer: &least},
	} {
		_, err := kinds.Upsert(t.Context(), row)
		require.NoError(t, err, row.ID)
		read, err := kinds.Get(t.Context(), row.ID)
		require.NoError(t, err, row.ID)
		for _, absent := range []struct{ isUnset, isNull bool }{
			{row.Opt.IsZero(), read.Opt.IsNull()}, {row.Numbers.IsZero(), read.Numbers.IsNull()}, {row.OptText.IsZero(), read.OptText.IsNull()},
		} {
			require.Equal(t, absent.isUnset, absent.isNull, "what has no value reads as null")
		}
		if row.Opt.IsZero() {
			read.Opt, read.Numbers, read.OptText = row.Opt, row.Numbers, row.OptText
		}
		require.Equal(t, row, read)
	}
}

func TestUnreadableValuesAreNamedNotShown(t *testing.T) {
	t.Parallel()
	client := answering(t, http.StatusOK, "", `{"properties":[{"name":"orderId","value":"K"},{"name":"visits","value":"secret-9"}]}`)
	_, err := records[purchase](t, client).Get(t.Context(), "K")
	require.ErrorContains(t, err, `the value of "visits" cannot be read`)
	require.NotContains(t, err.Error(), "secret")
}

func TestTheFakeMeasuresTextsInUTF16Units(t *testing.T) {
	t.Parallel()
	server := actitotest.NewServer()
	t.Cleanup(server.Close)
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Codes", PrimaryKey: "code", Attributes: []actitotest.Attribute{
		{Name: "code", Type: "STRING", Unique: true, Mandatory: true, MinLength: 3, MaxLength: 4}}})
	codes, err := actito.Records[map[string]any](newClient(t, server), "Codes")
	require.NoError(t, err)
	for code, fits := range map[string]bool{"ab": false, "abc": true, "abcd": true, "abcde": false, "a😀": true, "a😀bé": false, "😀": false} {
		_, err := codes.Upsert(t.Context(), map[string]any{"code": code})
		if fits {
			require.NoError(t, err, code)
		} else {
			require.ErrorIs(t, err, actito.ErrInvalid, code)
		}
	}
}
