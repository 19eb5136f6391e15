package actito_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestAnErrorNamesTheLibraryOnce(t *testing.T) {
	t.Parallel()
	inner := errors.New("actito: of a source that is the library's, too")
	rows := func(yield func(Customer, error) bool) { yield(Customer{}, inner) }
	file := func(p *actito.ProfileTable[Customer]) actito.Definition {
		return actito.Definition{Files: []actito.InputFile{p.InputFile("customers.csv", actito.Columns("customerID"))}}
	}
	data := actito.DataBytes("customers.csv", []byte("customerID\nC1\n"))
	for name, fails := range map[string]func(*actitotest.Server, *actito.Client, *actito.ProfileTable[Customer]) error{
		"a row of an import": func(_ *actitotest.Server, c *actito.Client, p *actito.ProfileTable[Customer]) error {
			_, err := c.ETLs.RunOnce(t.Context(), file(p), p.Rows("customers.csv", rows, actito.Columns("customerID")))
			return err
		},
		"a row that is written": func(*actitotest.Server, *actito.Client, *actito.ProfileTable[Customer]) error {
			return actito.WriteCSV(io.Discard, rows, actito.Columns("customerID"))
		},
		"a reader": func(_ *actitotest.Server, c *actito.Client, p *actito.ProfileTable[Customer]) error {
			_, err := c.ETLs.RunOnce(t.Context(), file(p), actito.DataReader("customers.csv", iotest.ErrReader(inner)))
			return err
		},
		"a callback": func(_ *actitotest.Server, c *actito.Client, p *actito.ProfileTable[Customer]) error {
			_, err := c.ETLs.RunOnce(t.Context(), file(p), data, actito.OnPrepared(func(actito.Handle) error { return inner }))
			return err
		},
		"a table that is not there": func(_ *actitotest.Server, c *actito.Client, p *actito.ProfileTable[Customer]) error {
			d := file(p)
			d.Files[0].Destination.TableID = "Customer"
			_, err := c.ETLs.RunOnce(t.Context(), d, data)
			return err
		},
		"an outcome that nobody knows": func(s *actitotest.Server, c *actito.Client, p *actito.ProfileTable[Customer]) error {
			s.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
			_, err := c.ETLs.RunOnce(t.Context(), file(p), data)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := newActito(t)
			customers, err := actito.Profiles[Customer](client, "Customers")
			require.NoError(t, err)
			err = fails(server, client, customers)
			require.Error(t, err)
			require.True(t, strings.HasPrefix(err.Error(), "actito: "), err)
			require.Equal(t, 1, strings.Count(err.Error(), "actito: "), err)
		})
	}
}
