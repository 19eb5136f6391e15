package actito_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// fetched loads annCSV as it lies at a location.
func (b *bulk) fetched(pattern string) actito.InputFile {
	f := b.customers.InputFile(pattern, named)
	f.Compression = actito.Uncompressed
	return f
}

func TestAScheduledETLRunsByItself(t *testing.T) {
	inBubble(t, func(t *testing.T) { // it begins at 01:00 in Brussels
		b := newBulk(t, inMemory(t))
		b.Assume(actitotest.ExecutionListExists)
		location := b.AddLocation("MyEntity", "sftp")
		d := once(b.fetched("customers_$yyyyMMdd.csv"))
		d.Location, d.Schedule = &actito.LocationRef{ID: location}, &actito.Schedule{TimeOfDay: "06:00"}
		id, err := b.client.ETLs.Create(t.Context(), d)
		require.NoError(t, err)
		require.Empty(t, d.Schedule.TimeZone, "the caller's definition is left alone")
		name, err := b.client.ETLs.FileName("customers_$yyyyMMdd.csv", time.Now())
		require.NoError(t, err)
		b.PutFile(location, name, []byte(annCSV))
		require.Empty(t, b.Imports(), "its arrival starts nothing")

		time.Sleep(5*time.Hour + time.Minute)
		list, err := b.client.Executions.List(t.Context(), actito.ExecutionFilter{ETLID: id})
		require.NoError(t, err)
		require.Len(t, list, 1)
		e := b.loads(t, list[0], nil)
		require.Equal(t, actito.FileResult{Read: 1, Created: 1}, e.Totals())
		require.Equal(t, actitotest.WayScheduled, b.Imports()[0].Way)

		b.counted(t, "Customers", 0, 0)
		report, err := b.client.Quota.Sync(t.Context())
		require.NoError(t, err)
		require.Equal(t, actito.SyncReport{Executions: 1, Counted: 1}, report)
		b.counted(t, "Customers", 1, 0)

		read, err := b.client.ETLs.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, &actito.Schedule{Frequency: actito.Daily, TimeOfDay: "06:00", TimeZone: "Europe/Brussels"}, read.Schedule)
		require.Equal(t, &actito.LocationRef{ID: location}, read.Location)
		read.Schedule.TimeOfDay = "07:30"
		require.NoError(t, b.client.ETLs.Replace(t.Context(), id, *read))
		time.Sleep(26 * time.Hour)
		require.Len(t, b.Imports(), 3, "the first day's second time, and the second day's only one")
		_, err = b.client.Executions.Wait(t.Context(), &actito.Execution{ID: b.Imports()[2].ExecutionID})
		require.ErrorIs(t, err, actito.ErrImportFailed, "no file of the day came")
		require.NoError(t, b.client.ETLs.Delete(t.Context(), id))
		time.Sleep(48 * time.Hour)
		require.Len(t, b.Imports(), 3)
	})
}

func TestAScheduledETLIsTriggeredByHandIfTheServerLets(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	d := once(b.customers.InputFile("customers.csv", named))
	d.Location, d.Schedule = &actito.LocationRef{ID: b.AddLocation("MyEntity", "sftp")}, &actito.Schedule{TimeOfDay: "06:00"}
	id, err := b.client.ETLs.Create(t.Context(), d)
	require.NoError(t, err)
	e, err := b.client.ETLs.Trigger(t.Context(), id, actito.DataBytes("customers.csv", []byte(annCSV)))
	b.loads(t, e, err)
	b.counted(t, "Customers", 1, 0)
}

func TestAFileThatArrivesStartsTheETLOfItsLocation(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ExecutionListExists)
	d := once(b.fetched("customers.csv"))
	d.Location = &actito.LocationRef{ID: b.AddLocation("MyEntity", "sftp")}
	_, err := b.client.ETLs.Create(t.Context(), d)
	require.NoError(t, err)
	b.PutFile("sftp", "orders.csv", []byte(annCSV))
	require.Empty(t, b.Imports())
	b.PutFile("sftp", "customers.csv", []byte(annCSV))
	imports := b.Imports()
	require.Len(t, imports, 1)
	require.Equal(t, actitotest.WayFile, imports[0].Way)
	b.loads(t, &actito.Execution{ID: imports[0].ExecutionID}, nil)
	report, err := b.client.Quota.Sync(t.Context())
	require.NoError(t, err)
	require.Equal(t, actito.SyncReport{Executions: 1, Counted: 1}, report)
	b.counted(t, "Customers", 1, 0)
}

func TestWhatADefinitionCannotMeanIsRefused(t *testing.T) {
	t.Parallel()
	at := func(s actito.Schedule) func(*actito.Definition) {
		return func(d *actito.Definition) { d.Schedule = &s }
	}
	for name, tt := range map[string]struct {
		change func(*actito.Definition)
		column string
	}{
		"a schedule without location":     {func(d *actito.Definition) { d.Schedule, d.Location = &actito.Schedule{TimeOfDay: "06:00"}, nil }, "schedule"},
		"a location without id":           {func(d *actito.Definition) { d.Location = &actito.LocationRef{} }, "location"},
		"no time of day":                  {at(actito.Schedule{}), "schedule.timeOfDay"},
		"a time of day with seconds":      {at(actito.Schedule{TimeOfDay: "06:00:00"}), "schedule.timeOfDay"},
		"a time of day of one digit":      {at(actito.Schedule{TimeOfDay: "6:00"}), "schedule.timeOfDay"},
		"no such time":                    {at(actito.Schedule{TimeOfDay: "24:00"}), "schedule.timeOfDay"},
		"a strange time, not daily":       {at(actito.Schedule{Frequency: "HOURLY", TimeOfDay: "x"}), "schedule.timeOfDay"},
		"an unknown zone":                 {at(actito.Schedule{TimeOfDay: "06:00", TimeZone: "Europe/Bruxelles"}), "schedule.timeZone"},
		"a zone that differs by machine":  {at(actito.Schedule{TimeOfDay: "06:00", TimeZone: "Local"}), "schedule.timeZone"},
		"a recipient without a domain":    {func(d *actito.Definition) { d.ReportRecipients = []string{"data@shop.example", "secret@shop"} }, "reportRecipients[1]"},
		"a recipient with a name":         {func(d *actito.Definition) { d.ReportRecipients = []string{"Ann <secret@shop.example>"} }, "reportRecipients[0]"},
		"several recipients in one":       {func(d *actito.Definition) { d.ReportRecipients = []string{"secret@shop.example,b@shop.example"} }, "reportRecipients[0]"},
		"a recipient that is empty":       {func(d *actito.Definition) { d.ReportRecipients = []string{""} }, "reportRecipients[0]"},
		"a recipient with a short suffix": {func(d *actito.Definition) { d.ReportRecipients = []string{"secret@shop.e"} }, "reportRecipients[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			d := once(b.customers.InputFile("customers.csv", named))
			d.Location = &actito.LocationRef{ID: "42"}
			tt.change(&d)
			_, err := b.client.ETLs.Create(t.Context(), d)
			rule := map[bool]string{true: "schedule", false: "location"}[d.Schedule != nil]
			if d.ReportRecipients != nil {
				rule = "email"
			}
			requireRefused(t, refusal{column: tt.column, rule: rule}, err)
			require.NotContains(t, err.Error(), "secret")
			require.ErrorIs(t, b.client.ETLs.Replace(t.Context(), "1", d), actito.ErrInvalid)
			require.Empty(t, b.Requests())
		})
	}
}

func TestAScheduleOfAnotherFormIsPassedOn(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	location := b.AddLocation("MyEntity", "sftp")
	for name, tt := range map[string]struct {
		schedule actito.Schedule
		want     string
	}{
		"an unknown frequency":  {actito.Schedule{Frequency: "HOURLY"}, `{"frequency":"HOURLY","timeZone":"Europe/Brussels"}`},
		"another time, by hand": {actito.Schedule{Extra: map[string]json.RawMessage{"timeOfDay": json.RawMessage(`"6h"`)}}, `{"frequency":"DAILY","timeOfDay":"6h","timeZone":"Europe/Brussels"}`},
	} {
		d := once(b.customers.InputFile("customers.csv", named))
		d.Location, d.Schedule = &actito.LocationRef{ID: location}, &tt.schedule
		_, err := b.client.ETLs.Create(t.Context(), d)
		require.ErrorContains(t, err, "400", "the fake is strict")
		var sent struct{ Schedule json.RawMessage }
		all := b.Requests(actitotest.OpETLCreate)
		require.NoError(t, json.Unmarshal(all[len(all)-1].Body, &sent))
		require.JSONEq(t, tt.want, string(sent.Schedule), name)
	}
	for _, other := range []string{`"0 6 * * *"`, `{"frequency":{"every":1}}`} {
		stored := `{"schedule":` + other + `,"location":["x"],"inputFiles":[]}`
		b.Fail(actitotest.OpETLGet, jsonAnswer(stored))
		d, err := b.client.ETLs.Get(t.Context(), "1")
		require.NoError(t, err)
		require.Nil(t, d.Schedule)
		require.JSONEq(t, other, string(d.Extra["schedule"]))
		again, err := json.Marshal(d)
		require.NoError(t, err)
		require.Contains(t, string(again), other)
	}
}

func TestAOneShotHasNoSchedule(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	d := once(b.customers.InputFile("customers.csv", named))
	d.Location, d.Schedule = &actito.LocationRef{ID: "42"}, &actito.Schedule{TimeOfDay: "06:00"}
	_, err := b.client.ETLs.RunOnce(t.Context(), d, actito.DataBytes("customers.csv", []byte(annCSV)))
	requireRefused(t, refusal{column: "schedule", rule: "schedule"}, err)
	b.untouched(t)
}

func TestRecordsAreNotUpdatedWithoutTheirKey(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	withoutKey := b.orders.InputFile("orders.csv", actito.Columns("customerID", "amount"))
	_, err := b.client.ETLs.Create(t.Context(), once(withoutKey))
	requireRefused(t, refusal{file: "orders.csv", rule: "missing-key"}, err)
	withoutKey.Mode = actito.CreateOnly // where the server makes the keys
	_, err = b.client.ETLs.Create(t.Context(), once(withoutKey))
	require.NoError(t, err)
	byEmail := b.customers.InputFile("customers.csv", actito.Columns("emailAddress", "firstName"))
	_, err = b.client.ETLs.Create(t.Context(), once(byEmail))
	require.NoError(t, err, "a profile may be told by any unique attribute")
}

func TestPartNamesCanBeOverridden(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t), actito.WithPartNames("file", "definition"))
	_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), actito.DataBytes("customers.csv", []byte(annCSV)))
	require.ErrorContains(t, err, "400", "the fake knows the usual ones")
	body := string(b.starts()[0].Body)
	require.Contains(t, body, `name="file"; filename="customers.csv-zip-`)
	require.Contains(t, body, `name="definition"; filename="parameters.json"`)
	require.NotContains(t, body, `name="inputFile"`)

	for _, names := range [][2]string{{"", "b"}, {"a", ""}, {"a", "a"}, {"a b", "c"}, {"a", "é"}} {
		_, err := actito.New("key", "MyEntity", actito.WithEnvironment(actito.Env3), actito.WithPartNames(names[0], names[1]))
		require.ErrorContains(t, err, "WithPartNames", names)
	}
}
