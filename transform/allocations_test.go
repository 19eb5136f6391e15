//go:build !race

package transform

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The race detector lets a sync.Pool drop what it holds.

func TestValuesAllocateNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts all goroutines
	list, columns, values := ten()
	unchanged := []string{"Maria", "Ana de la Cruz", "ÉÉN 1", "één", "Élodie", "Gent", "Jan van den Berg", "é", "é", "é"}
	for _, values := range [][]string{values, unchanged} {
		p, row := rowOf(t, list, columns)
		allocs := testing.AllocsPerRun(1000, func() {
			for i, v := range values {
				row.Values[i].SetString(v)
			}
			_ = p.Run(row)
		})
		assert.Zero(t, allocs)
	}
}

func TestCellsThatDoNotChangeAllocateNothingWhateverTheKind(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts all goroutines
	same := map[string]struct { // rows of the columns a, b and c
		kind Kind
		row  [3]string
	}{
		kindTrim:         {Collapse(), [3]string{"Ana de la Cruz"}},
		kindUppercase:    {Uppercase(), [3]string{"ÇA 12"}},
		kindLowercase:    {Lowercase(), [3]string{"ça και"}},
		kindCapitalize:   {Capitalize().Language("nl"), [3]string{"IJs"}},
		kindTitleCase:    {TitleCase().Language("nl"), [3]string{"Jan van der Meer-O'Brien"}},
		kindUnicode:      {Normalize("NFC"), [3]string{"Zoë Ångström"}},
		kindReplace:      {Replace(",", "."), [3]string{"1.25"}},
		kindReplaceRegex: {ReplaceRegex(`[/ ]+`, "-"), [3]string{"010-45"}},
		kindMapValues:    {MapValues(map[string]string{"BE": "BE"}), [3]string{"BE"}},
		kindNullWords:    {NullWords("NULL", "N/A"), [3]string{"a note"}},
		kindDate:         {Date("dd/MM/yyyy", "yyyy-MM-dd"), [3]string{"1990-03-14"}},
		kindDateTime:     {DateTime("yyyy-MM-dd HH:mm:ss"), [3]string{"1990-03-14 08:30:00"}},
		kindNumber:       {Number(".", " "), [3]string{"1234.50"}},
		kindBoolean:      {Boolean(), [3]string{"true"}},
		kindSex:          {Sex(), [3]string{"F"}},
		kindTitle:        {Title(), [3]string{"Mrs"}},
		kindCountry:      {Country(), [3]string{"BE"}},
		kindLanguage:     {Language(), [3]string{"FR"}},
		kindEmail:        {Email(), [3]string{"ann@example.be"}},
		kindConcatenate:  {Concatenate("-", "b", "c"), [3]string{"10248-11", "10248", "11"}},
		kindSplit:        {Split(" ", "b", "c"), [3]string{"Ann van Dam", "Ann", "van Dam"}},
		kindConstant:     {Fallback("FR"), [3]string{"BE"}},
		kindDrop:         {Drop(), [3]string{"x"}},
	}
	require.Equal(t, slices.Sorted(maps.Keys(kinds())), slices.Sorted(maps.Keys(same)), "of each kind")
	for name, test := range same {
		p, row := rowOf(t, test.kind.On("a"), []string{"a", "b", "c"})
		run := func() {
			for i, text := range test.row {
				row.Values[i].SetString(text)
			}
			if err := p.Run(row); err != nil {
				t.Error(name, err)
			}
		}
		run()
		for i, text := range test.row {
			assert.Equal(t, text, string(row.Values[i].Text), name)
		}
		assert.Zero(t, testing.AllocsPerRun(1000, run), name)
	}
}
