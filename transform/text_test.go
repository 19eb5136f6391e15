package transform

import (
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"pgregory.net/rapid"
)

// textKindsOf are all text kinds, with languages and parameters that take them another way.
func textKindsOf() []Kind {
	list := []Kind{
		Trim(), Collapse(), NullWords("NULL", "é"), Replace("a", "bb"), Replace("é", ""), ReplaceRegex("[a-c]+|é", "<$0>"),
		Normalize("NFC"), Normalize("NFD"), Normalize("NFKC"), Normalize("NFKD"), Normalize("ASCII"),
		MapValues(map[string]string{"a": "b"}), MapValues(map[string]string{"a": "b"}).Default("é"),
		MapValues(map[string]string{"a": "b"}).DefaultUnset(), MapValues(map[string]string{"a": "b"}).Strict(),
	}
	for _, k := range []Kind{Uppercase(), Lowercase(), Capitalize(), TitleCase()} {
		list = append(list, k)
		for _, language := range []string{"nl", "fr", "de", "es", "tr", "az", "lt", "el", "af"} {
			list = append(list, k.Language(language))
		}
	}
	return list
}

// uglyText is text out of what kinds look for.
func uglyText() *rapid.Generator[string] {
	pieces := rapid.OneOf(rapid.SampledFrom(strings.Split("i I ı İ ß ẞ Σ σ ς é É e\u0301 \u0307 \u0323 ǆ ŉ ΐ ᾳ Ά ij IJ ĳ ' ’ - . _ 1 van de l' D' 's 't "+
		"\u00a0 \u200b \ufeff \u3000 \t 😀 𝐀 𐐨 ש \u200f ﬁ Ⱥ Ì NULL a b c \xff \xe2\x82 \x80", " ")), rapid.Just(" "), rapid.String())
	return rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(pieces, 1, 12).Draw(t, "pieces"), "") })
}

func valueOf(tb require.TestingT, k Kind) valueFunc {
	s, err := New()
	require.NoError(tb, err)
	a, err := s.action(Transformation{"c", k}, JSON)
	require.NoError(tb, err, k)
	return a.value
}

func TestAKindAppendsBehindOtherTextAndSaysWhetherItChanged(t *testing.T) {
	t.Parallel()
	for _, k := range textKindsOf() {
		t.Run(k.String(), func(t *testing.T) {
			t.Parallel()
			do := valueOf(t, k)
			rapid.Check(t, func(t *rapid.T) {
				text := uglyText().Filter(func(s string) bool { return s != "" }).Draw(t, "text")
				before := rapid.SampledFrom([]string{"", "e", "Σ", "a'"}).Draw(t, "before")
				spare := rapid.IntRange(0, 40).Draw(t, "spare")
				dst := append(make([]byte, 0, len(before)+spare), before...)
				got, what, err := do(dst, []byte(text))
				if err != nil {
					var own *Error
					require.ErrorAs(t, err, &own)
					return
				}
				alone, whatAlone, _ := do(nil, []byte(text))
				require.Equal(t, whatAlone, what, "what is in dst makes no difference")
				require.Equal(t, before, string(dst), "what is in dst stays")
				if what != changed {
					require.Equal(t, before, string(got), "dst stays")
					return
				}
				require.Equal(t, before+string(alone), string(got))
				require.NotEqual(t, text, string(alone), "a value that is what it was is not changed")
				require.NotEmpty(t, alone, "a value without text is unset")
				if utf8.ValidString(text) {
					require.True(t, utf8.Valid(alone), "%q", alone)
				}
			})
		})
	}
}

func TestASecondTimeChangesNothing(t *testing.T) {
	t.Parallel()
	for _, k := range []Kind{ // not TitleCase, which makes of ß, one letter before an apostrophe, the two of Ss
		Trim(), Collapse(), Uppercase(), Lowercase(), Capitalize(), Capitalize().Language("nl"),
		Normalize("NFC"), Normalize("NFKD"), Normalize("ASCII"), Replace("é", ""),
	} {
		t.Run(k.String(), func(t *testing.T) {
			t.Parallel()
			do := valueOf(t, k)
			rapid.Check(t, func(t *rapid.T) {
				text := uglyText().Filter(func(s string) bool { return s != "" && utf8.ValidString(s) }).Draw(t, "text")
				once, what, err := do(nil, []byte(text))
				if err != nil || what != changed {
					return
				}
				_, what, err = do(nil, once)
				require.NoError(t, err)
				require.Equal(t, same, what, "%q", once)
			})
		})
	}
}

// run gives a text to a kind, and returns what it is then.
func run(tb require.TestingT, k Kind, text string) string {
	got, what, err := valueOf(tb, k)(nil, []byte(text))
	require.NoError(tb, err)
	if what == same {
		return text
	}
	return string(got)
}

func TestTheFastWayForASCIIIsThatOfThePackageCases(t *testing.T) {
	t.Parallel()
	anyASCII := rapid.StringOfN(rapid.OneOf(rapid.RuneFrom([]rune("ijIJ'dlstAZaz09 -@[`{")), rapid.RuneFrom(nil, &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0, Hi: utf8.RuneSelf - 1, Stride: 1}},
	})), 1, 20, -1)
	word := rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9]{0,8}`).Filter(func(s string) bool { return len(s) > longestParticle })
	letter := rapid.StringMatching(`[ 0-9'(-]{0,3}[a-zA-Z]`)
	for _, name := range []string{"und", "nl", "nl-BE", "fr", "de", "en", "el", "tr", "tr-CY", "az", "lt", "af"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag := language.MustParse(name)
			upper, lower, title := Uppercase().Language(name), Lowercase().Language(name), TitleCase().Language(name)
			rapid.Check(t, func(t *rapid.T) {
				text := anyASCII.Draw(t, "text")
				require.Equal(t, cases.Upper(tag).String(text), run(t, upper, text))
				require.Equal(t, cases.Lower(tag).String(text), run(t, lower, text))
				w := word.Draw(t, "word")
				require.Equal(t, cases.Title(tag).String(w), run(t, title, w))
				w, rest := letter.Draw(t, "letter"), rapid.StringMatching("[a-zA-Z é]{0,5}").Draw(t, "rest")
				if rest == "" || rest[0]|0x20 != 'j' {
					first := cases.Title(tag, cases.NoLower).String(w[len(w)-1:])
					require.Equal(t, w[:len(w)-1]+first+rest, run(t, Capitalize().Language(name), w+rest))
				}
			})
		})
	}
}

func TestAValueThatIsNotUTF8KeepsItsBytes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind     Kind
		in, want string
	}{
		{Trim(), " \xffa\xe2\x82 ", "\xffa\xe2\x82"},
		{Collapse(), "\xff  \x80", "\xff \x80"},
		{Uppercase(), "a\xffé", "a\xffé"},
		{Uppercase(), "a\x80", "a\x80"},
		{Uppercase().Language("lt"), "i\u0307\xcc", "i\u0307\xcc"},
		{Lowercase(), "A\xffÉ", "A\xffÉ"},
		{Capitalize(), "\xffa\xff", "\xffA\xff"},
		{Capitalize(), "\xffé\xff", "\xffÉ\xff"},
		{TitleCase(), "A\xffBC", "A\xffBc"},
		{Normalize("NFC"), "e\u0301\xff", "é\xff"},
		{Replace("\u00e9", "e"), "\xffé", "\xffe"},
		{NullWords("a"), "\xff", "\xff"},
		{MapValues(map[string]string{"a": "b"}), "\xff", "\xff"},
	} {
		assert.Equal(t, test.want, run(t, test.kind, test.in), test.kind)
	}
	_, _, err := valueOf(t, Normalize("ASCII"))(nil, []byte("a\xff"))
	assert.ErrorContains(t, err, "without a form in ASCII")
}

// ten are kinds that rows go through in the benchmark, on a value each.
func ten() (List, []string, []string) {
	kinds := []Kind{
		Trim(), Collapse(), Uppercase(), Lowercase(), Capitalize(), Capitalize().Language("nl"), TitleCase().Language("nl"),
		NullWords("NULL", "N/A"), MapValues(map[string]string{"Belgique": "BE", "France": "FR"}), Replace(",", "."),
	}
	values := []string{
		"  Maria Anders ", "Ana  de la  Cruz", "be0123456789", "Maria.Anders@Example.COM", "maria", "gent", "JAN VAN DEN BERG",
		"Alfreds", "Belgique", "1,25",
	}
	var list List
	columns := make([]string, len(kinds))
	for i, k := range kinds {
		columns[i] = string(rune('a' + i))
		list = append(list, k.On(columns[i])...)
	}
	return list, columns, values
}

func rowOf(tb require.TestingT, list List, columns []string) (*Program, *Row) {
	s, err := New(list)
	require.NoError(tb, err)
	p, err := s.Bind(columns, JSON)
	require.NoError(tb, err)
	return p, p.NewRow()
}

func BenchmarkTenKinds(b *testing.B) {
	list, columns, values := ten()
	p, row := rowOf(b, list, columns)
	b.ReportAllocs()
	for b.Loop() {
		for i, v := range values {
			row.Values[i].SetString(v)
		}
		if err := p.Run(row); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkKinds(b *testing.B) {
	for _, k := range []Kind{ // not TitleCase, which makes of ß, one letter before an apostrophe, the two of Ss
		Trim(), Collapse(), Uppercase(), Lowercase(), Capitalize(), Capitalize().Language("nl"),
		Normalize("NFC"), Normalize("ASCII"), Replace("a", "b"), ReplaceRegex("a", "b"), NullWords("NULL"),
	} {
		for _, text := range []string{" Maria Anders", "maria anders", "mélanie  brûlé", "Maria", strings.Repeat("Maria Anders é ", 700_000)} {
			name := text[:min(len(text), 16)]
			b.Run(k.String()+"/"+name, func(b *testing.B) {
				do, in := valueOf(b, k), []byte(text)
				var dst []byte
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					dst, _, _ = do(dst[:0], in)
				}
			})
		}
	}
}

func TestKindsServeManyGoroutines(t *testing.T) {
	t.Parallel()
	text := "straße i I ΟΔΥΣΣΕΥΣ jan van ijssel, o'brien e\u0301 "
	for _, k := range textKindsOf() {
		if k.Name() == kindMapValues || k == Normalize("ASCII") {
			continue // these refuse it
		}
		do := valueOf(t, k)
		want := run(t, k, text)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 50 {
					got, what, err := do(nil, []byte(text))
					if what == same {
						got = []byte(text)
					}
					if assert.NoError(t, err) {
						assert.Equal(t, want, string(got), k)
					}
				}
			})
		}
		all.Wait()
	}
}

func TestALetterThatIsFarFromItsWordIsStillPartOfIt(t *testing.T) {
	t.Parallel()
	do := valueOf(t, Lowercase())
	for spare := range 40 { // a caser that is interrupted by a short dst forgets that it is in a word
		got, _, err := do(make([]byte, 0, spare), []byte("ΟΔΥΣΣΕΥΣ"))
		require.NoError(t, err)
		require.Equal(t, "οδυσσευς", string(got))
	}
}

func FuzzKinds(f *testing.F) {
	for _, seed := range []string{"Maria", " a\u00a0 b ", "İstanbul", "'s-Hertogenbosch", "e\u0301", "ΑΣ", "\xff", "l'\xe2\x82", "i\u0307\xcc", "i\u0307\u0301"} {
		f.Add(seed)
	}
	kinds := textKindsOf()
	do := make([]valueFunc, len(kinds))
	for i, k := range kinds {
		do[i] = valueOf(f, k)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return
		}
		in := []byte(text)
		for i, k := range kinds {
			got, what, err := do[i]([]byte("x"), in)
			assert.Equal(t, text, string(in), "%s wrote into the value", k)
			if err == nil && what == changed {
				assert.Equal(t, byte('x'), got[0], k)
				assert.NotEqual(t, text, string(got[1:]), k)
			}
		}
	})
}

func TestABufferDoesNotGrowFromRowToRow(t *testing.T) {
	t.Parallel()
	list, columns, values := ten()
	p, row := rowOf(t, list, columns)
	for range 100 {
		for i, v := range values {
			row.Values[i].SetString(v)
		}
		require.NoError(t, p.Run(row))
	}
	one := cap(row.buffer)
	for range 100 {
		for i, v := range values {
			row.Values[i].SetString(v)
		}
		_, err := p.Explain(row)
		require.NoError(t, err)
	}
	assert.Less(t, one, 1000)
	assert.Equal(t, one, cap(row.buffer))
}
