package transform

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/internal/isonames"
)

// northwind is where the tests look for the files of the Northwind shop.
func northwind() string {
	if dir := os.Getenv("NORTHWIND"); dir != "" {
		return dir
	}
	return "../../shared/data/northwind"
}

func value(t testing.TB, name string) valueFunc {
	t.Helper()
	d, known := builtIn(name)
	require.True(t, known)
	a, err := d.read(json.RawMessage("{}"), JSON)
	require.NoError(t, err)
	return a.value
}

func TestEachNameBelongsToOne(t *testing.T) {
	t.Parallel()
	for kind, records := range map[string][]isonames.Record{kindCountry: isonames.Countries(), kindLanguage: isonames.Languages()} {
		table := map[string]*codeTable{kindCountry: countryTable(), kindLanguage: languageTable()}[kind]
		find := value(t, kind)
		owner := map[string]string{}
		for _, r := range records {
			for _, name := range r.Names {
				var b [maxName]byte
				key, word := plain(&b, []byte(name))
				require.NotEmpty(t, key, "%s %s", kind, name)
				for _, k := range []string{string(key), string(table.withoutArticle(key, word))} {
					assert.Contains(t, []string{"", r.Code}, owner[k], "%s %q", kind, k)
					if k != "" {
						owner[k] = r.Code
					}
					if code, is := table.codes[k]; is {
						assert.Equal(t, r.Code, string(code[:]), "%s: %q is another's code", kind, k)
					}
				}
			}
			for _, text := range slices.Concat(r.Names, r.Codes, []string{r.Code}) {
				for _, in := range []string{text, strings.ToUpper(text), strings.ToLower(text), " " + text + "\u00a0"} {
					out, what, err := find(nil, []byte(in))
					require.NoError(t, err, in)
					if what == same {
						out = []byte(in)
					}
					assert.Equal(t, r.Code, string(out), in)
				}
			}
		}
	}
}

func TestCountriesOfNorthwindAreKnown(t *testing.T) {
	t.Parallel()
	find := value(t, kindCountry)
	for file, column := range map[string]string{"customers.csv": "country", "orders.csv": "shipCountry"} {
		text, err := os.ReadFile(filepath.Join(northwind(), file))
		if err != nil {
			t.Skipf("the files of Northwind are not there: %v; the variable NORTHWIND can say where they are", err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		require.NoError(t, err)
		i := slices.Index(rows[0], column)
		require.GreaterOrEqual(t, i, 0)
		require.Greater(t, len(rows), 90)
		for _, row := range rows[1:] {
			out, what, err := find(nil, []byte(row[i]))
			require.NoError(t, err, row[i])
			assert.Equal(t, changed, what)
			assert.Len(t, out, 2)
		}
	}
}

func TestCodesAreFoundWithoutAllocating(t *testing.T) {
	for kind, texts := range map[string][]string{
		kindCountry:  {"BE", "be", "BEL", "056", "Belgium", "the Netherlands", "United Kingdom", "België"},
		kindLanguage: {"FR", "fr", "fra", "French", "français", "fr-BE"},
		kindEmail:    {"ann@example.be", "Ann Lee <ann@Example.be>"},
	} {
		find := value(t, kind)
		dst := make([]byte, 0, 64)
		for _, text := range texts {
			b := []byte(text)
			assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _, _ = find(dst, b) }), text)
		}
	}
}

func BenchmarkCodes(b *testing.B) {
	for _, bench := range []struct{ kind, text string }{
		{kindCountry, "BE"}, {kindCountry, "bel"}, {kindCountry, "Germany"}, {kindCountry, "the Netherlands"},
		{kindCountry, "United States of America"}, {kindCountry, "België"},
		{kindLanguage, "FR"}, {kindLanguage, "French"}, {kindLanguage, "fr_BE"}, {kindLanguage, "nl_BE.UTF-8"},
		{kindEmail, "maria.anders@example.com"}, {kindEmail, "Maria Anders <maria.anders@Example.com>"},
	} {
		b.Run(bench.kind+" "+bench.text, func(b *testing.B) {
			find, text, dst := value(b, bench.kind), []byte(bench.text), make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := find(dst, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCodeTables(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newCodeTable(isonames.Countries(), isonames.Articles[:]...)
		newCodeTable(isonames.Languages())
	}
}

// fuzz holds a kind to what all of them promise.
func fuzz(f *testing.F, kind string, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	find := value(f, kind)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 {
			return
		}
		before := string(text)
		out, what, err := find([]byte("row "), text)
		require.Equal(t, before, string(text), "the text was written to")
		switch {
		case err != nil || what == same:
			require.Equal(t, "row ", string(out))
			return
		}
		require.Equal(t, changed, what)
		_, what, err = find(nil, out[len("row "):])
		require.NoError(t, err, "what came out is refused")
		require.Equal(t, same, what)
	})
}

func FuzzCountry(f *testing.F) {
	fuzz(f, kindCountry, "BE", "056", "l'Italie", "Côte d’Ivoire", "U.S.A.", "Belgie\u0308", "\u00a0be", "\xff", "the", "İ")
}

func FuzzLanguage(f *testing.F) {
	fuzz(f, kindLanguage, "FR", "fre", "fr_BE.UTF-8@euro", "zh-Hant-TW", "Ελληνικά", "norsk bokmål", "ca-ES-valencia")
}

func FuzzEmail(f *testing.F) {
	fuzz(f, kindEmail, "ann@example.be", " Ann Lee <mailto:ann@Example.BE>\u200b", "a@b@c.be", "<>", "\"a@b.be\" <a@b.be>", "@.", "\xff@b.be")
}
