package transform_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito/transform"
)

// stepByStep runs each transformation of a specification in a program and a row of its own, on copies of the values.
func stepByStep(tb require.TestingT, list transform.List, columns []string, values []transform.Value) ([]transform.Value, error) {
	for _, one := range list {
		s, err := transform.New(transform.List{one})
		require.NoError(tb, err)
		p, err := s.Bind(columns, transform.JSON)
		require.NoError(tb, err)
		row := p.NewRow()
		copy(row.Values, values)
		if err := p.Run(row); err != nil {
			return nil, err
		}
		values = nil
		for _, v := range row.Values {
			v.Text = []byte(string(v.Text))
			values = append(values, v)
		}
	}
	return values, nil
}

func TestARowIsWhatItsStepsMakeOfIt(t *testing.T) {
	t.Parallel()
	columns := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(t *rapid.T) {
		column := rapid.SampledFrom(columns)
		var list transform.List
		for range rapid.IntRange(1, 8).Draw(t, "transformations") {
			one, two := column.Draw(t, "one"), column.Draw(t, "two")
			kind := rapid.SampledFrom([]transform.Kind{
				transform.Trim(), transform.Collapse(), transform.Uppercase(), transform.Lowercase().Language("tr"), transform.TitleCase(),
				transform.Concatenate("-", one, two).SkipEmpty(), transform.Concatenate("", one, one), transform.Replace("a", "bcd"),
				transform.Replace("b", ""), transform.ReplaceRegex("[a-c]+", "$0$0"), transform.Normalize("NFD"), transform.Normalize("NFC"),
				transform.Constant("k é"), transform.Fallback("f"), transform.NullWords("a"), transform.MapValues(map[string]string{"a": "ab"}),
			})
			if one != two {
				kind = rapid.OneOf(kind, rapid.Just(transform.Split("b", one, two)))
			}
			list = append(list, kind.Draw(t, "kind").On(column.Draw(t, "column"))...)
		}
		s, err := transform.New(list)
		require.NoError(t, err)
		p, err := s.Bind(columns, transform.JSON)
		require.NoError(t, err)
		row := p.NewRow()
		for range 3 {
			values := make([]transform.Value, len(columns))
			for i := range values {
				switch text := rapid.StringMatching("[abcé B]{0,6}").Draw(t, "value"); {
				case text != "":
					values[i].SetText([]byte(text))
				case rapid.Bool().Draw(t, "null"):
					values[i].Clear()
				}
			}
			want, refused := stepByStep(t, list, columns, values)
			copy(row.Values, values)
			err := p.Run(row)
			require.Equal(t, refused == nil, err == nil, "%v, %v", refused, err)
			for i := range want {
				require.Equal(t, want[i].State, row.Values[i].State)
				require.Equal(t, string(want[i].Text), string(row.Values[i].Text))
			}
		}
	})
}

func TestAProgramServesManyGoroutines(t *testing.T) {
	t.Parallel()
	s, err := transform.New(
		transform.NullWords("NULL").On("name", "country"), transform.Collapse().On("name"), transform.TitleCase().Language("nl").On("name"),
		transform.Split(" ", "first", "last").On("name"), transform.Uppercase().Language("tr").On("last"), transform.Normalize("ASCII").On("first"),
		transform.Country().On("country"), transform.Language().On("language"), transform.Email().On("mail"), transform.Sex().On("sex"),
		transform.Title().On("title"), transform.Boolean().On("yes"), transform.Number(",", ".").On("sum"), transform.ReplaceRegex(`(\d)\D`, "$1").On("phone"),
		transform.DateTime("d MMM yy H:mm").FirstYear(1950).Language("fr").FromZone("America/New_York").ToZone("Europe/Brussels").On("at"),
		transform.MapValues(map[string]string{"x": "y"}).Strict().On("code"), transform.Concatenate("-", "code", "sum").On("key"), transform.Constant("é").On("source"),
	)
	require.NoError(t, err)
	sample := map[string]string{
		"name": " ÉLISE  VAN DEN BERG ", "country": "Pays-Bas", "language": "Nederlands", "mail": "Ann <ann@Example.BE>", "sex": "vrouw", "title": "Mevr.",
		"yes": "oui", "sum": "1.234,50", "phone": "010 45-85", "at": "4 juil. 96 14:30", "code": "x",
	}
	want, err := s.Explain(sample, transform.CSV)
	require.NoError(t, err)
	columns := []string{"name", "country", "language", "mail", "sex", "title", "yes", "sum", "phone", "at", "code"}
	p, err := s.Bind(columns, transform.CSV)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			row := p.NewRow()
			for range 20 {
				for i, c := range p.Columns() {
					if row.Values[i].Leave(); sample[c] != "" {
						row.Values[i].SetString(sample[c])
					}
				}
				changes, err := p.Explain(row)
				if assert.NoError(t, err) {
					assert.Equal(t, want, changes)
				}
			}
		})
	}
	all.Wait()
	assert.Equal(t, "Élise van den Berg", strings.TrimSpace(want[1].After))
}

func TestTouchedAndWrittenAreColumnsOfTransformations(t *testing.T) {
	t.Parallel()
	s, err := transform.New(transform.Split("-", "d", "b").On("c"), transform.Concatenate("-", "b", "d").On("e"), transform.Trim().On("d"), transform.Drop().On("f"))
	require.NoError(t, err)
	p, err := s.Bind([]string{"a", "b", "c", "d", "e", "f"}, transform.CSV)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3, 4}, p.Touched())
	assert.Equal(t, []int{1, 3, 4}, p.Written(), "what is split stays")
}

func TestWhatIsAppendedToATextIsNotInAnother(t *testing.T) {
	t.Parallel()
	s, err := transform.New(transform.Uppercase().On("a", "b"), transform.Concatenate("", "a", "b").On("c"), transform.Lowercase().On("b"))
	require.NoError(t, err)
	p, err := s.Bind([]string{"a", "b"}, transform.CSV)
	require.NoError(t, err)
	row := p.NewRow()
	row.Values[0].SetString("a")
	row.Values[1].SetString("b")
	require.NoError(t, p.Run(row))
	for _, v := range row.Values {
		_ = append(v.Text, "xyz"...)
	}
	assert.Equal(t, "A b AB", string(row.Values[0].Text)+" "+string(row.Values[1].Text)+" "+string(row.Values[2].Text))
}
