package actito_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// textCustomer is a row whose attributes are all text.
type textCustomer struct {
	ID        string             `actito:"customerID,key"`
	Email     string             `actito:"emailAddress"`
	FirstName string             `actito:"firstName"`
	Phone     actito.Opt[string] `actito:"gsmNumber"`
}

var textColumns = actito.Columns("customerID", "emailAddress", "firstName", "gsmNumber")

func drawCustomer(t *rapid.T) textCustomer {
	text := rapid.SampledFrom([]string{"", "ann", " Zoë  ", "NULL", "a b", "jean-luc", "7", "-", "\"x\",\ny", "O'NEIL", "\u00a0é"})
	c := textCustomer{
		ID:        rapid.SampledFrom([]string{"C1", " C1", "C2\t", "c2", "C3", "\u00a0C4"}).Draw(t, "id"),
		Email:     rapid.SampledFrom([]string{"", "a@x.be", " B@X.be ", "no address"}).Draw(t, "email"),
		FirstName: text.Draw(t, "first name"),
	}
	if phone := text.Draw(t, "phone"); phone != "" {
		c.Phone = actito.Set(phone)
	}
	return c
}

func (c textCustomer) asMap() map[string]any {
	row := map[string]any{}
	for name, text := range map[string]string{"customerID": c.ID, "emailAddress": c.Email, "firstName": c.FirstName} {
		if text != "" {
			row[name] = text
		}
	}
	if phone, set := c.Phone.Get(); set {
		row["gsmNumber"] = phone
	}
	return row
}

// drawSpec draws transformations that leave every row a key.
func drawSpec(t *rapid.T) *transform.Specification {
	columns := rapid.Permutation([]string{"emailAddress", "firstName", "gsmNumber"})
	step := rapid.Custom(func(t *rapid.T) transform.List {
		chosen := columns.Draw(t, "columns")
		c, other := chosen[0], chosen[1]
		return rapid.SampledFrom([]transform.List{
			transform.Trim().On("customerID"), transform.Uppercase().On("customerID"), transform.Trim().On(c), transform.Uppercase().On(c),
			transform.Lowercase().On(c), transform.Capitalize().On(c), transform.MapValues(map[string]string{"NULL": "null", "7": "seven"}).On(c),
			on("NONE", c), on("DIGITS", c), on("SHOUT", c), transform.Fallback("x").On(c), transform.Constant("y").On(c),
			transform.Concatenate("-", "customerID", c).SkipEmpty().On(other), transform.Concatenate("", c, "customerID").On(other),
			transform.Split(" ", c, other).On(c),
		}).Draw(t, "kind")
	})
	opts := []transform.Option{ownKinds()}
	for _, l := range rapid.SliceOfN(step, 0, 4).Draw(t, "spec") {
		opts = append(opts, l)
	}
	spec, err := transform.New(opts...)
	require.NoError(t, err)
	return spec
}

// Whatever way rows take, the tables have the same cells afterwards.
func TestParityOfRowsOnEveryRoad(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		spec := drawSpec(rt)
		var rows []textCustomer
		var untyped []map[string]any
		for range rapid.IntRange(1, 6).Draw(rt, "rows") {
			c := drawCustomer(rt)
			rows, untyped = append(rows, c), append(untyped, c.asMap())
		}
		// An import, told where the transformations run.
		load := func(data func(*actito.ProfileTable[textCustomer], *actito.ProfileTable[map[string]any], ...actito.RowsOption) actito.Data,
			where ...actito.ColumnOption) func(*bulk, *actito.ProfileTable[textCustomer], *actito.ProfileTable[map[string]any]) {
			return func(b *bulk, table *actito.ProfileTable[textCustomer], maps *actito.ProfileTable[map[string]any]) {
				opts := []actito.RowsOption{actito.SkipInvalid(), textColumns}
				for _, w := range where {
					opts = append(opts, w)
				}
				in := table.InputFile("customers.csv", append(where, actito.Keep)...)
				exec, err := b.client.ETLs.RunOnce(t.Context(), once(in), data(table, maps, opts...))
				if errors.Is(err, actito.ErrNoRows) {
					return
				}
				require.NoError(rt, err)
				if _, err = b.client.Executions.Wait(t.Context(), exec); err != nil {
					require.ErrorIs(rt, err, actito.ErrRowsRejected)
				}
			}
		}
		typed := func(table *actito.ProfileTable[textCustomer], _ *actito.ProfileTable[map[string]any], opts ...actito.RowsOption) actito.Data {
			return table.Rows("customers.csv", all(rows...), opts...)
		}
		roads := map[string]func(*bulk, *actito.ProfileTable[textCustomer], *actito.ProfileTable[map[string]any]){
			"one by one": func(_ *bulk, table *actito.ProfileTable[textCustomer], _ *actito.ProfileTable[map[string]any]) {
				for _, row := range rows {
					if _, err := table.Upsert(t.Context(), row); err != nil {
						require.True(rt, errors.Is(err, actito.ErrInvalid) || errors.Is(err, actito.ErrConflict), err)
					}
				}
			},
			"maps one by one": func(_ *bulk, _ *actito.ProfileTable[textCustomer], maps *actito.ProfileTable[map[string]any]) {
				for _, row := range untyped {
					if _, err := maps.Upsert(t.Context(), row); err != nil {
						require.True(rt, errors.Is(err, actito.ErrInvalid) || errors.Is(err, actito.ErrConflict), err)
					}
				}
			},
			"rows": load(typed),
			"maps": load(func(_ *actito.ProfileTable[textCustomer], maps *actito.ProfileTable[map[string]any], opts ...actito.RowsOption) actito.Data {
				return maps.Rows("customers.csv", all(untyped...), opts...)
			}),
			"a file": load(func(*actito.ProfileTable[textCustomer], *actito.ProfileTable[map[string]any], ...actito.RowsOption) actito.Data {
				var csv bytes.Buffer
				require.NoError(rt, actito.WriteCSV(&csv, all(rows...)))
				return actito.DataBytes("customers.csv", csv.Bytes(), actito.SkipInvalid())
			}),
		}
		if _, err := spec.ForService(); err == nil {
			roads["rows on the server"] = load(typed, actito.OnServer)
		}
		tables := map[string]string{}
		for name, road := range roads {
			b := newBulk(t, inMemory(t))
			b.Assume(actitotest.EmptyCellsKeep)
			table, err := actito.Profiles[textCustomer](b.client, "Customers")
			require.NoError(rt, err)
			table, err = table.Transformed(spec)
			require.NoError(rt, err)
			maps, err := actito.Profiles[map[string]any](b.client, "Customers")
			require.NoError(rt, err)
			maps, err = maps.KeyedBy("customerID")
			require.NoError(rt, err)
			maps, err = maps.Transformed(spec)
			require.NoError(rt, err)
			road(b, table, maps)
			tables[name] = cellsOf(b)
		}
		for name := range roads {
			require.Equal(rt, tables["one by one"], tables[name], name)
		}
	})
}

// cellsOf are the cells of the customers.
func cellsOf(b *bulk) string {
	rows := map[string]map[string]string{}
	for _, p := range b.Profiles("Customers") {
		cells := maps.Clone(p.Attributes)
		for _, own := range []string{"profileId", "creationMoment", "updateMoment"} {
			delete(cells, own)
		}
		rows[cells["customerID"]] = cells
	}
	return fmt.Sprintf("%q", rows)
}
