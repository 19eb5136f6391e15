package transform_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/internal/vectors"
	"github.com/actito-go/actito/transform"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, table := range vectors.Read(t, "../testdata/transform") {
		t.Run(table.Kind, func(t *testing.T) {
			t.Parallel()
			for _, v := range table.Vectors {
				if race.Enabled && v.Repeat > 1 {
					continue // 10 MB take a while
				}
				t.Run(v.Name, func(t *testing.T) {
					t.Parallel()
					forms := []transform.Form{transform.JSON, transform.CSV}
					if v.Repeat > 1 {
						forms = forms[:1] // 10 MB take a while, and have no booleans
					}
					for _, form := range forms {
						got, err := run(v, table.Kind, form)
						if v.Error != "" {
							require.ErrorContains(t, err, v.Error)
							continue
						}
						require.NoError(t, err)
						// ObjectsAreEqual in place of Equal: it does not print a cell of 10 MB.
						want := v.Want(form == transform.JSON)
						if v.Repeat > 1 {
							require.True(t, assert.ObjectsAreEqual(want, got), "a repeated value differs")
							continue
						}
						require.Equal(t, want, got)
					}
				})
			}
		})
	}
}

// run executes a vector's transformation.
func run(v vectors.Vector, kind string, form transform.Form) (map[string]string, error) {
	spec, err := transform.Parse([]byte("[" + v.Transformation(kind) + "]"))
	if err != nil {
		return nil, err
	}
	values := v.Values()
	var columns []string
	for c := range values {
		columns = append(columns, c)
	}
	p, err := spec.Bind(columns, form)
	if err != nil {
		return nil, err
	}
	row := p.NewRow()
	for i, c := range columns {
		if values[c] != "" {
			row.Values[i].SetString(values[c])
		}
	}
	if err := p.Run(row); err != nil {
		return nil, err
	}
	got := map[string]string{}
	for i, c := range p.Columns() {
		if row.Values[i].State == transform.Set && !p.Dropped(i) {
			got[c] = string(row.Values[i].Text)
		}
	}
	return got, nil
}
