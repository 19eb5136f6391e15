package actito_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

const dated = "customers_$yyyyMMdd.csv"

// remoteWays runs a test with both ways of the API; both load a dated file of customers, uncompressed, and maybe orders.csv.
func remoteWays(t *testing.T, test func(t *testing.T, start start)) {
	t.Helper()
	files := func(b *bulk) []actito.InputFile {
		orders := b.orders.InputFile("orders.csv")
		orders.Optional = true
		return []actito.InputFile{b.fetched(dated), orders}
	}
	t.Run("triggered", func(t *testing.T) {
		t.Parallel()
		ids := map[*bulk]string{}
		test(t, func(ctx context.Context, t testing.TB, b *bulk, opts ...actito.ImportOption) (*actito.Execution, error) {
			t.Helper()
			if ids[b] == "" {
				ids[b] = b.stored(t, files(b)...)
			}
			return b.client.ETLs.Trigger(ctx, ids[b], opts...)
		})
	})
	t.Run("one shot", func(t *testing.T) {
		t.Parallel()
		test(t, func(ctx context.Context, _ testing.TB, b *bulk, opts ...actito.ImportOption) (*actito.Execution, error) {
			return b.client.ETLs.RunOnce(ctx, once(files(b)...), opts...)
		})
	})
}

// today is the name of the dated file.
func (b *bulk) today(t testing.TB) string {
	t.Helper()
	name, err := b.client.ETLs.FileName(dated, time.Now())
	require.NoError(t, err)
	return name
}

func TestARemoteFileIsFetchedByTheServer(t *testing.T) {
	t.Parallel()
	remoteWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		location := b.AddLocation("MyEntity", "sftp")
		b.PutFile(location, b.today(t), []byte(annCSV))
		e, err := start(t.Context(), t, b, actito.Remote(location, dated))
		e = b.loads(t, e, err)
		require.Equal(t, actito.FileResult{Read: 1, Created: 1}, e.Totals())
		require.Empty(t, sent(t, b.starts()[0]).files)
		require.Contains(t, string(sent(t, b.starts()[0]).definition), `"location":{"id":"`+location+`"}`)
		b.counted(t, "Customers", 1, 0)
		b.counted(t, "Orders", 0, 0)
	})
}

func TestAPatternIsNarrowedToAnotherDaysFile(t *testing.T) {
	t.Parallel()
	remoteWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		b.PutFile(b.AddLocation("MyEntity", "sftp"), "customers_20200229.csv", []byte(annCSV))
		locations, err := b.client.Locations.List(t.Context())
		require.NoError(t, err)
		e, err := start(t.Context(), t, b, actito.Remote(locations[0].ID, "customers_20200229.csv"))
		e = b.loads(t, e, err)
		require.Equal(t, "customers_20200229.csv", e.Files[0].Name)
		require.Contains(t, string(sent(t, b.starts()[0]).definition), `"fileNamePattern":"customers_20200229.csv"`)
	})
}

func TestSomeFilesAreFetchedAndOthersSent(t *testing.T) {
	t.Parallel()
	remoteWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		location := b.AddLocation("MyEntity", "sftp")
		b.PutFile(location, b.today(t), []byte(annCSV))
		e, err := start(t.Context(), t, b, b.orders.Rows("orders.csv", all(order{"O1", "C1", 5})), actito.Remote(location, dated))
		e = b.loads(t, e, err)
		require.Equal(t, actito.FileResult{Read: 2, Created: 2}, e.Totals())
		require.Len(t, sent(t, b.starts()[0]).files, 1)
		b.counted(t, "Customers", 1, 0)
		b.counted(t, "Orders", 1, 0)
	})
}

func TestARemoteFileThatIsMissingFailsTheExecution(t *testing.T) {
	t.Parallel()
	remoteWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		e, err := start(t.Context(), t, b, actito.Remote(b.AddLocation("MyEntity", "sftp"), dated))
		_, err = b.ends(t, e, err)
		require.ErrorIs(t, err, actito.ErrImportFailed)
		_, err = start(t.Context(), t, b, actito.Remote("1", dated))
		require.ErrorIs(t, err, actito.ErrInvalid, "no such location")
		b.counted(t, "Customers", 1, 0)
	})
}

func TestOnceGoesByLocationAndPattern(t *testing.T) {
	t.Parallel()
	remoteWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		one, other := b.AddLocation("MyEntity", "one"), b.AddLocation("MyEntity", "other")
		first, err := start(t.Context(), t, b, actito.Once("key"), actito.Remote(one, dated))
		require.NoError(t, err)
		again, err := start(t.Context(), t, b, actito.Once("key"), actito.Remote(one, dated))
		require.NoError(t, err)
		require.True(t, again.AlreadyStarted)
		require.Equal(t, first.ID, again.ID)
		for _, different := range []actito.ImportOption{actito.Remote(other, dated), actito.Remote(one, "customers_20200229.csv")} {
			_, err = start(t.Context(), t, b, actito.Once("key"), different)
			var started *actito.AlreadyStartedError
			require.ErrorAs(t, err, &started)
			require.False(t, started.SameContent)
		}
		require.Len(t, b.starts(), 1)
	})
}

func TestRemoteThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	data := actito.DataBytes("customers_20261123.csv", []byte(annCSV))
	for name, tt := range map[string]struct {
		opts []actito.ImportOption
		want refusal
	}{
		"no location":                {[]actito.ImportOption{actito.Remote("", dated)}, refusal{file: dated, rule: "remote"}},
		"no pattern":                 {[]actito.ImportOption{actito.Remote("1", "")}, refusal{rule: "remote"}},
		"no such file":               {[]actito.ImportOption{actito.Remote("1", "c.csv")}, refusal{file: "c.csv", rule: "file-name"}},
		"two locations":              {[]actito.ImportOption{actito.Remote("1", dated), actito.Remote("2", "orders.csv")}, refusal{file: "orders.csv", rule: "remote"}},
		"one file twice":             {[]actito.ImportOption{actito.Remote("1", dated), actito.Remote("1", dated)}, refusal{file: dated, rule: "remote"}},
		"one file by two patterns":   {[]actito.ImportOption{actito.Remote("1", dated), actito.Remote("1", "customers_20261123.csv")}, refusal{file: "customers_20261123.csv", rule: "remote"}},
		"one file as data too":       {[]actito.ImportOption{data, actito.Remote("1", dated)}, refusal{file: dated, rule: "remote"}},
		"a required file is missing": {[]actito.ImportOption{actito.Remote("1", "orders.csv")}, refusal{file: dated, rule: "missing-file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			remoteWays(t, func(t *testing.T, start start) {
				b := newBulk(t, inMemory(t))
				_, err := start(t.Context(), t, b, tt.opts...)
				requireRefused(t, tt.want, err)
				b.untouched(t)
			})
		})
	}
}

func TestRemoteOfADefinitionWithALocationNamesThatOne(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	location := b.AddLocation("MyEntity", "sftp")
	b.PutFile(location, "customers.csv", []byte(annCSV))
	d := once(b.fetched("customers.csv"))
	d.Location = &actito.LocationRef{ID: location}
	_, err := b.client.ETLs.RunOnce(t.Context(), d, actito.Remote("1", "customers.csv"))
	requireRefused(t, refusal{file: "customers.csv", rule: "remote"}, err)
	_, err = b.client.ETLs.RunOnce(t.Context(), d)
	require.ErrorIs(t, err, actito.ErrNoRows)
	b.untouched(t)
	e, err := b.client.ETLs.RunOnce(t.Context(), d, actito.Remote(location, "customers.csv"))
	b.loads(t, e, err)
}

func TestARawDefinitionTellsItsLocationItself(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	location := b.AddLocation("MyEntity", "sftp")
	b.PutFile(location, "customers.csv", []byte(annCSV))
	raw := []byte(`{"location":{"id":"` + location + `"},` + rawCustomers[1:])
	for pattern, id := range map[string]string{"customers.csv": "1", "Customers.csv": location} {
		_, err := b.client.ETLs.RunOnce(t.Context(), actito.RawDefinition(raw), actito.Remote(id, pattern))
		require.ErrorIs(t, err, actito.ErrInvalid)
	}
	b.untouched(t)
	_, err := b.client.ETLs.RunOnce(t.Context(), actito.RawDefinition(raw), actito.Remote(location, "customers.csv"))
	require.NoError(t, err)
	require.Equal(t, string(raw), string(sent(t, b.starts()[0]).definition))
	b.counted(t, "Customers", 1, 0)
}

func TestRemoteOfAStoredETLThatCannotBeReadNeedsLoads(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	location := b.AddLocation("MyEntity", "sftp")
	b.PutFile(location, "customers.csv", []byte(annCSV))
	id := b.stored(t, b.fetched("customers.csv"))
	b.Fail(actitotest.OpETLGet, actitotest.Status(403), actitotest.Status(403), actitotest.Status(403))
	_, err := b.client.ETLs.Trigger(t.Context(), id, actito.Remote(location, "customers.csv"))
	require.ErrorContains(t, err, "Loads")
	_, err = b.client.ETLs.Trigger(t.Context(), id, actito.Loads("Customers"), actito.Remote(location, "customers.csv"), actito.Remote(location, "customers.csv"))
	requireRefused(t, refusal{file: "customers.csv", rule: "remote"}, err)
	b.untouched(t)
	e, err := b.client.ETLs.Trigger(t.Context(), id, actito.Loads("Customers"), actito.Remote(location, "customers.csv"))
	b.loads(t, e, err)
	b.counted(t, "Customers", 1, 0)
}
