package actito_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestLocationsAreMadeListedAndTested(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		l := actito.Location{ID: "7", Name: "Shop", Protocol: actito.SFTP, Host: "sftp.shop.example", Port: 2222, User: "actito", Password: "hunter2",
			Folder: "/out", Extra: map[string]json.RawMessage{"passive": json.RawMessage(`true`)}}
		id, err := b.client.Locations.Create(t.Context(), l)
		require.NoError(t, err)
		list, err := b.client.Locations.List(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.NotEqual(t, "7", id)
		require.NotContains(t, string(b.Requests(actitotest.OpLocationCreate)[0].Body), `"id"`)
		require.NotNil(t, list[0].Extra["createdBy"], "a field that the library does not know")
		delete(list[0].Extra, "createdBy")
		l.ID, l.Password = id, ""
		require.Equal(t, l, list[0])
		require.NoError(t, b.client.Locations.Test(t.Context(), id))
		require.ErrorIs(t, b.client.Locations.Test(t.Context(), "1"), actito.ErrNotFound)
	}, actitotest.IDOnlyInLocation)
}

func TestALocationIsReadWhateverItsFieldsAre(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Fail(actitotest.OpLocationList, jsonAnswer(`[{"id":42,"name":"a","port":"22","protocol":"CARRIER_PIGEON","password":null}]`))
	list, err := b.client.Locations.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []actito.Location{{ID: "42", Name: "a", Protocol: "CARRIER_PIGEON",
		Extra: map[string]json.RawMessage{"port": json.RawMessage(`"22"`)}}}, list)
	b.Fail(actitotest.OpLocationList, jsonAnswer(`{"folders":[]}`))
	_, err = b.client.Locations.List(t.Context())
	require.ErrorContains(t, err, "locations")
	b.Fail(actitotest.OpLocationCreate, jsonAnswer(`{}`))
	_, err = b.client.Locations.Create(t.Context(), actito.Location{Name: "a"})
	require.ErrorContains(t, err, "id")
}

func TestALocationThatTheServerDoesNotReachIsAnError(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Fail(actitotest.OpLocationTest, jsonAnswer(`{"success":false,"message":"no route to ann@shop.example"}`), actitotest.Status(204), jsonAnswer(`{"reached":"yes"}`))
	id := b.AddLocation("MyEntity", "sftp")
	err := b.client.Locations.Test(t.Context(), id)
	require.ErrorContains(t, err, "does not reach")
	require.ErrorContains(t, err, "no route")
	require.NotContains(t, err.Error(), "ann@")
	require.NoError(t, b.client.Locations.Test(t.Context(), id))
	require.NoError(t, b.client.Locations.Test(t.Context(), id))
}

func TestALocationThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		location actito.Location
		column   string
	}{
		"without a name":           {actito.Location{Host: "h"}, "name"},
		"a URL":                    {actito.Location{Name: "a", Host: "sftp://ann:hunter2@h"}, "host"},
		"a user with its password": {actito.Location{Name: "a", Host: "ann:hunter2@h:22"}, "host"},
		"a host with its port":     {actito.Location{Name: "a", Host: "hunter2:22"}, "host"},
		"a port below all":         {actito.Location{Name: "a", Port: -1}, "port"},
		"a port above all":         {actito.Location{Name: "a", Port: 65536}, "port"},
		"broken JSON":              {actito.Location{Name: "a", Extra: map[string]json.RawMessage{"x": json.RawMessage(`{hunter2`)}}, "Extra"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			_, err := b.client.Locations.Create(t.Context(), tt.location)
			var invalid *actito.ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, tt.column, invalid.Column)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2")
			require.Empty(t, b.Requests())
		})
	}
	b := newBulk(t, inMemory(t))
	_, err := b.client.Locations.Create(t.Context(), actito.Location{Name: "a", Protocol: actito.FTP, Host: "2001:db8::1"})
	require.NoError(t, err)
}

func TestThePasswordOfALocationIsNeverShown(t *testing.T) {
	t.Parallel()
	const password, privateKey = "hunter2", "MIIEvQ"
	var log strings.Builder
	server := inMemory(t)
	l := actito.Location{Name: "Shop", Protocol: actito.SFTP, Host: "sftp.shop.example", Password: password,
		Extra: map[string]json.RawMessage{"privateKey": json.RawMessage(`"` + privateKey + `"`)}}
	for name, fault := range map[string]actitotest.Fault{
		"refused":  actitotest.Status(400).WithBody("application/json", `{"status":400,"message":"login failed with hunter2, key MIIEvQ"}`),
		"answered": actitotest.Status(200).WithBody("application/json", `{"password":"hunter2"}`),
		"lost":     actitotest.LoseAnswer(),
	} {
		b := newBulk(t, server, actito.WithLogger(newLogger(&log)))
		server.Fail(actitotest.OpLocationCreate, fault)
		_, err := b.client.Locations.Create(t.Context(), l)
		require.Error(t, err, name)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			text := fmt.Sprintf(verb, err) + fmt.Sprintf(verb, l) + fmt.Sprintf(verb, &l) + fmt.Sprintf(verb, []any{l, &l})
			require.NotContains(t, text, password, "%s by %s", name, verb)
			require.NotContains(t, text, privateKey, "%s by %s", name, verb)
		}
		require.Contains(t, fmt.Sprintf("%+v", l), "sftp.shop.example")
	}
	dry := newBulk(t, server, actito.WithLogger(newLogger(&log)), actito.WithDryRun())
	_, err := dry.client.Locations.Create(t.Context(), l)
	require.NoError(t, err)
	require.NotContains(t, log.String(), password)
	require.NotContains(t, log.String(), privateKey)
}
