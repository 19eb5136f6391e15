package actito_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestEverySourceOfDataIsImported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "customers.csv")
	require.NoError(t, os.WriteFile(path, []byte(annCSV), 0o600))
	for name, data := range map[string]func(t *testing.T, b *bulk) actito.ImportOption{
		"a path": func(*testing.T, *bulk) actito.ImportOption { return actito.DataFile(path) },
		"bytes":  func(*testing.T, *bulk) actito.ImportOption { return actito.DataBytes("customers.csv", []byte(annCSV)) },
		"a reader": func(*testing.T, *bulk) actito.ImportOption {
			return actito.DataReader("customers.csv", strings.NewReader(annCSV))
		},
		"typed rows": func(_ *testing.T, b *bulk) actito.ImportOption {
			return b.customers.Rows("customers.csv", all(annRow), named)
		},
		"rows of no table": func(*testing.T, *bulk) actito.ImportOption {
			return actito.DataRows("customers.csv", all(annRow), named)
		},
		"maps": func(*testing.T, *bulk) actito.ImportOption {
			return actito.DataRows("customers.csv", all(map[string]any{"customerID": "C1", "emailAddress": "ann@example.com", "firstName": "Ann"}), named)
		},
		"what was staged before": func(t *testing.T, _ *bulk) actito.ImportOption {
			staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(annCSV)))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, staged.Close()) })
			return staged
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, start start) {
				b := newBulk(t, inMemory(t))
				e, err := start(t.Context(), t, b, data(t, b))
				e = b.loads(t, e, err)
				require.Equal(t, actito.FileResult{Read: 1, Created: 1}, e.Totals())
				require.Equal(t, map[string]string{"customers.csv": annCSV}, sent(t, b.starts()[0]).files)
				ann, found := b.Profile("Customers", "customerID", "C1")
				require.True(t, found)
				require.Equal(t, "Ann", ann.Attributes["firstName"])
				b.counted(t, "Customers", 1, 0)
			})
		})
	}
}

func TestOneStagingServesSeveralImports(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	staged, err := actito.Stage(t.Context(), b.customers.Rows("customers.csv", all(annRow), named))
	require.NoError(t, err)
	d := once(b.customers.InputFile("customers.csv", named))
	for range 2 {
		e, err := b.client.ETLs.RunOnce(t.Context(), d, staged)
		b.loads(t, e, err)
	}
	require.NoError(t, staged.Close())
	_, err = b.client.ETLs.RunOnce(t.Context(), d, staged)
	require.ErrorIs(t, err, os.ErrClosed)
	require.Len(t, b.starts(), 2)
	b.counted(t, "Customers", 2, 0)
}

func TestFilesAreLoadedInTheOrderOfTheDefinition(t *testing.T) {
	t.Parallel()
	for name, reversed := range map[string]bool{"given in that order": false, "given in another order": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			data := []actito.ImportOption{
				b.customers.Rows("c.csv", all(annRow), named),
				b.orders.Rows("o.csv", all(order{"O1", "C1", 5})), // loads only after its customer
			}
			if reversed {
				data[0], data[1] = data[1], data[0]
			}
			files := []actito.InputFile{b.customers.InputFile("c.csv", named), b.orders.InputFile("o.csv")}
			e, err := b.client.ETLs.RunOnce(t.Context(), once(files...), data...)
			b.loads(t, e, err)
			staged, err := actito.Stage(t.Context(), actito.DataBytes("o.csv", []byte("orderId,customerID,amount\nO2,C1,1\n")))
			require.NoError(t, err)
			defer staged.Close()
			e, err = b.client.ETLs.Trigger(t.Context(), b.stored(t, files...), staged, b.customers.Rows("c.csv", all(annRow), named))
			b.loads(t, e, err)
			require.Len(t, b.Records("Orders"), 2)
			b.counted(t, "Customers", 2, 0)
			b.counted(t, "Orders", 2, 0)
		})
	}
}

func TestAnOptionalFileMayBeMissingAndThenCountsNothing(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	optional := b.orders.InputFile("o.csv")
	optional.Optional = true
	files := []actito.InputFile{b.customers.InputFile("c.csv", named), optional}
	e, err := b.client.ETLs.RunOnce(t.Context(), once(files...), b.customers.Rows("c.csv", all(annRow), named))
	b.loads(t, e, err)
	e, err = b.client.ETLs.Trigger(t.Context(), b.stored(t, files...), b.customers.Rows("c.csv", all(annRow), named))
	b.loads(t, e, err)
	b.counted(t, "Customers", 2, 0)
	b.counted(t, "Orders", 0, 0)
}

func TestADatedPatternTakesTheFileOfTheDay(t *testing.T) {
	t.Parallel()
	for pattern, layout := range map[string]string{
		"customers_$yyyyMMdd.csv":   "customers_20060102.csv",
		"customers_$yyyy-MM-dd.csv": "customers_2006-01-02.csv",
		"$yy$MM.customers":          "0601.customers",
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			now := b.Clock().Now()
			b.Clock().Set(now)
			d := once(b.customers.InputFile(pattern, named))
			_, err := b.client.ETLs.RunOnce(t.Context(), d, actito.DataBytes("customers_2026.csv", []byte(annCSV)))
			var invalid *actito.ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, "file-name", invalid.Rule)
			b.untouched(t)
			_, err = b.client.ETLs.RunOnce(t.Context(), d, actito.DataBytes(now.In(brussels(t)).Format(layout), []byte(annCSV)))
			require.NoError(t, err)
			require.Len(t, b.Imports(), 1)
			require.Equal(t, []string{"Customers"}, b.Imports()[0].Tables)
		})
	}
}

func TestCellsAreSeparatedAsTheDefinitionSays(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	semi := b.customers.InputFile("customers.csv", named)
	semi.Format.Separator = ";"
	etl := b.stored(t, semi)
	for _, data := range []actito.ImportOption{
		actito.DataBytes("customers.csv", []byte(annSemi)),
		b.customers.Rows("customers.csv", all(annRow), named),
	} {
		e, err := b.client.ETLs.Trigger(t.Context(), etl, data)
		b.loads(t, e, err)
		e, err = b.client.ETLs.RunOnce(t.Context(), once(semi), b.customers.Rows("customers.csv", all(annRow), named))
		b.loads(t, e, err)
	}
	for _, r := range b.starts() {
		require.Equal(t, annSemi, sent(t, r).files["customers.csv"])
	}
}

func TestAOneShotTakesItsFormatFromTheFile(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	text := strings.ReplaceAll(annSemi, "\n", "\r\n")
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)),
		actito.DataBytes("customers.csv", []byte(text), actito.SeparatedBy(';')))
	b.loads(t, e, err)
	require.Contains(t, string(sent(t, b.starts()[0]).definition), `"format":{"separator":";","endOfLine":"\r\n"`)
}

func TestTablesAreNamedOrNumbered(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	for _, table := range []string{"Customers", "16"} {
		f := b.customers.InputFile("customers.csv", named)
		f.Destination.TableID = table
		e, err := b.client.ETLs.RunOnce(t.Context(), once(f), actito.DataBytes("customers.csv", []byte(annCSV)))
		e = b.loads(t, e, err)
		require.Equal(t, "16", e.Files[0].TableID)
	}
	b.counted(t, "Customers", 2, 0)
	b.counted(t, "16", 2, 0)

	f := b.customers.InputFile("customers.csv", named)
	f.Destination.TableID = "Clients"
	_, err := b.client.ETLs.RunOnce(t.Context(), once(f), actito.DataBytes("customers.csv", []byte(annCSV)))
	require.ErrorIs(t, err, actito.ErrNotFound)
	require.ErrorContains(t, err, "Clients")
	b.counted(t, "Customers", 2, 0)
}

func TestLoadsTellsTheTablesWhereTheDefinitionCannot(t *testing.T) {
	t.Parallel()
	unreadable := actitotest.Status(403)
	for name, tt := range map[string]struct {
		fault actitotest.Fault
		loads actito.ImportOption
		want  string // of the error
	}{
		"read":                             {fault: actitotest.Pass()},
		"not readable, named":              {unreadable, actito.Loads("Customers"), ""},
		"not readable, numbered":           {unreadable, actito.Loads("16"), ""},
		"not readable, named twice":        {unreadable, actito.Loads("Customers", "16"), ""},
		"not readable, not named":          {unreadable, nil, "Loads"},
		"read and names no table":          {jsonAnswer(`{"id":1,"name":"x"}`), nil, "Loads"},
		"read and names no table, named":   {jsonAnswer(`{"id":1,"name":"x"}`), actito.Loads("Customers"), ""},
		"read and its table has no id":     {jsonAnswer(`{"inputFiles":[{"fileNamePattern":"customers.csv"}]}`), nil, "Loads"},
		"read in another form":             {jsonAnswer(`{"inputFiles":"customers.csv"}`), nil, "Loads"},
		"a table that does not exist":      {unreadable, actito.Loads("Clients"), "Clients"},
		"read with the table id a number":  {jsonAnswer(`{"inputFiles":[{"destination":{"tableType":"PROFILE_TABLE","tableId":16}}]}`), nil, ""},
		"read with fields from the future": {jsonAnswer(`{"inputFiles":[{"destination":{"tableType":"PROFILE_TABLE","tableId":"16","x":1},"y":{}}],"z":[]}`), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			etl := b.stored(t, b.customers.InputFile("customers.csv", named))
			b.Fail(actitotest.OpETLGet, tt.fault)
			opts := []actito.ImportOption{actito.DataBytes("customers.csv", []byte(annCSV))}
			if tt.loads != nil {
				opts = append(opts, tt.loads)
			}
			e, err := b.client.ETLs.Trigger(t.Context(), etl, opts...)
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				b.untouched(t)
				return
			}
			b.loads(t, e, err)
			b.counted(t, "Customers", 1, 0)
		})
	}
}

func jsonAnswer(body string) actitotest.Fault {
	return actitotest.Status(200).WithBody("application/json", body)
}

func TestTheExecutionsIDIsFoundWhereverItIs(t *testing.T) {
	t.Parallel()
	const location = "/mass-imports/v5/entities/MyEntity/etl-executions/"
	for name, tt := range map[string]struct {
		answer actitotest.Fault
		want   string
	}{
		"a text in the body":         {jsonAnswer(`{"id":"7"}`), "7"},
		"a number in the body":       {jsonAnswer(`{"id":7,"new":{}}`), "7"},
		"in Location":                {actitotest.Status(201).WithHeader("Location", location+"7"), "7"},
		"in an absolute Location":    {actitotest.Status(201).WithHeader("Location", "https://api.actito.test"+location+"7/"), "7"},
		"the body goes first":        {jsonAnswer(`{"id":"7"}`).WithHeader("Location", location+"8"), "7"},
		"in Location with a body":    {jsonAnswer(`{}`).WithHeader("Location", location+"7"), "7"},
		"nowhere":                    {actitotest.Status(200), ""},
		"nowhere, with a body":       {jsonAnswer(`{"status":"OK"}`), ""},
		"a page instead of a answer": {actitotest.Status(200).WithBody("text/html", "<html>"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, start start) {
				b := newBulk(t, inMemory(t))
				b.Fail(actitotest.OpRunOnce, tt.answer)
				b.Fail(actitotest.OpETLTrigger, tt.answer)
				e, err := start(t.Context(), t, b, actito.DataBytes("customers.csv", []byte(annCSV)))
				require.Len(t, b.starts(), 1)
				if tt.want != "" {
					require.NoError(t, err)
					require.Equal(t, tt.want, e.ID)
					b.counted(t, "Customers", 1, 0)
					return
				}
				var unknown *actito.OutcomeUnknownError
				require.ErrorAs(t, err, &unknown)
				require.True(t, unknown.RowsMayBeImported && unknown.UnitMayBeUsed)
				b.counted(t, "Customers", 0, 1)
			})
		})
	}
}

func TestProgressReachesTheWhole(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	var staged, last actito.Progress
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)),
		b.customers.Rows("customers.csv", all(annRow, bobRow), named),
		actito.OnProgress(func(p actito.Progress) {
			if p.Phase == actito.Staging {
				require.Zero(t, last, "files are staged before they are sent")
				staged = p
				return
			}
			require.Equal(t, actito.Uploading, p.Phase)
			require.Equal(t, "uploading", p.Phase.String())
			require.GreaterOrEqual(t, p.Sent, last.Sent)
			last = p
		}))
	b.loads(t, e, err)
	require.Equal(t, 2, staged.Rows)
	require.Positive(t, staged.Sent)
	require.Equal(t, 2, last.Rows)
	require.Equal(t, last.Total, last.Sent)
	require.Equal(t, fmt.Sprint(last.Total), b.starts()[0].Header.Get("Content-Length"))
	require.Equal(t, "100-continue", b.starts()[0].Header.Get("Expect"), "an early refusal is read before the file is sent")
}

func TestDefinitionsAreKept(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		id := b.stored(t, b.customers.InputFile("customers.csv"))
		d, err := b.client.ETLs.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, id, d.ID)
		require.Equal(t, "16", d.Files[0].Destination.TableID)
		require.JSONEq(t, `true`, string(d.Extra["active"]), "a field that the library does not know")

		d.Name = "renamed"
		require.NoError(t, b.client.ETLs.Replace(t.Context(), id, *d))
		list, err := b.client.ETLs.List(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "renamed", list[0].Name)
		require.Equal(t, id, list[0].ID)

		require.NoError(t, b.client.ETLs.Delete(t.Context(), id))
		_, err = b.client.ETLs.Get(t.Context(), id)
		require.ErrorIs(t, err, actito.ErrNotFound)
	}, actitotest.IDOnlyInLocation)
}

func TestAnETLWithoutAnIDIsNoSuccess(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Fail(actitotest.OpETLCreate, jsonAnswer(`{}`))
	_, err := b.client.ETLs.Create(t.Context(), once(b.customers.InputFile("customers.csv")))
	require.ErrorContains(t, err, "id")
	_, err = b.client.ETLs.Trigger(t.Context(), "", actito.DataBytes("customers.csv", []byte(annCSV)))
	require.ErrorIs(t, err, actito.ErrInvalid)
	b.untouched(t)
}

func TestProgressEndsWithTheCall(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	var body io.ReadCloser
	client := newClient(t, server, actito.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Path, "/etl-executions") {
			return http.DefaultTransport.RoundTrip(r)
		}
		body = r.Body // answered before it is read, and read later
		return &http.Response{StatusCode: http.StatusCreated, Body: io.NopCloser(strings.NewReader(`{"id":"1"}`))}, nil
	})}))
	customers, err := actito.Profiles[customer](client, "Customers")
	require.NoError(t, err)
	staged, err := actito.Stage(t.Context(), customers.Rows("c.csv", all(customer{ID: "C1"}), actito.Keep))
	require.NoError(t, err)
	defer staged.Close()
	reports := 0
	_, err = client.ETLs.RunOnce(t.Context(), actito.Definition{Files: []actito.InputFile{customers.InputFile("c.csv", actito.Keep)}},
		staged, actito.OnProgress(func(actito.Progress) { reports++ }))
	require.NoError(t, err)
	_, err = body.Read(make([]byte, 64))
	require.NoError(t, err)
	require.Zero(t, reports)
}
