package transform

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// changeOf is what a kind of times or words does to texts on their way into a file.
func changeOf(tb testing.TB, k Kind) func(text string) (string, error) {
	tb.Helper()
	do := funcOf(tb, k)
	return func(text string) (string, error) {
		out, what, err := do(nil, []byte(text))
		if what == same {
			return text, err
		}
		return string(out), err
	}
}

func funcOf(tb testing.TB, k Kind) valueFunc {
	tb.Helper()
	d, known := builtIn(k.Name())
	require.True(tb, known)
	a, err := d.read(k.Params(), CSV)
	require.NoError(tb, err)
	return a.value
}

func TestConstructorsMakeTheParametersOfTheTables(t *testing.T) {
	t.Parallel()
	for want, k := range map[string]Kind{
		`DATE {"from":["dd/MM/yyyy","yyyy-MM-dd"]}`:                                                   Date("dd/MM/yyyy", "yyyy-MM-dd"),
		`DATE {"firstYear":1950,"from":["d MMM yy"],"language":"fr","to":"yyyyMMdd","truncate":true}`: Date("d MMM yy").FirstYear(1950).Language("fr").To("yyyyMMdd").Truncate(),
		`DATE_TIME {"from":["yyyyMMdd"],"fromZone":"UTC","toZone":"Europe/Brussels"}`:                 DateTime("yyyyMMdd").FromZone("UTC").ToZone("Europe/Brussels"),
		`NUMBER {"decimal":",","thousands":["."," "]}`:                                                Number(",", ".", " "),
		`NUMBER {"decimal":"."}`: Number("."),
		`BOOLEAN`:                Boolean(),
		`BOOLEAN {"false":["uit"],"true":["aan"]}`: BooleanWords([]string{"aan"}, []string{"uit"}),
		`SEX`:                       Sex(),
		`SEX {"F":["m"],"M":["h"]}`: SexWords([]string{"h"}, []string{"m"}),
		`TITLE`:                     Title(),
	} {
		assert.Equal(t, want, k.String())
		_, err := New(k.On("column"))
		assert.NoError(t, err, want)
	}
}

func TestOnlyDatesMayGoToTheService(t *testing.T) {
	t.Parallel()
	for kind, may := range map[Kind]bool{
		Date("yyyyMMdd"): true, DateTime("yyyyMMdd"): true, Number(","): false, Boolean(): false, Sex(): false, Title(): false,
	} {
		s, err := New(kind.On("column"))
		require.NoError(t, err)
		_, err = s.ForService()
		assert.Equal(t, may, err == nil, kind)
	}
}

// layouts are patterns, and the layouts of package time that write what they read.
var layouts = []struct{ pattern, layout string }{
	{"yyyy-MM-dd HH:mm:ss", time.DateTime},
	{"dd/MM/yyyy HH:mm:ss", "02/01/2006 15:04:05"},
	{"yyyyMMddHHmmss", "20060102150405"},
	{"d MMM yyyy H:mm:ss", "2 Jan 2006 15:04:05"},
	{"MMMM d, yyyy HH'h'mm ss", "January 2, 2006 15h04 05"},
	{"ss.mm.HH d.M.yyyy", "05.04.15 2.1.2006"},
}

func moments() *rapid.Generator[time.Time] {
	first, last := time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC).Unix()
	recent, soon := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	seconds := rapid.OneOf(rapid.Int64Range(first, last), rapid.Int64Range(recent, soon))
	return rapid.Custom(func(t *rapid.T) time.Time { return time.Unix(seconds.Draw(t, "seconds"), 0).UTC() })
}

func TestWhatPackageTimeWritesIsRead(t *testing.T) {
	t.Parallel()
	for _, l := range layouts {
		read, day := changeOf(t, DateTime(l.pattern)), changeOf(t, Date(l.pattern).Truncate())
		rapid.Check(t, func(t *rapid.T) {
			at := moments().Draw(t, "at")
			got, err := read(at.Format(l.layout))
			require.NoError(t, err)
			require.Equal(t, at.Format(time.DateTime), got)
			got, err = day(at.Format(l.layout))
			require.NoError(t, err)
			require.Equal(t, at.Format(time.DateOnly), got)
		})
	}
}

func TestWhatIsWrittenIsWhatPackageTimeWrites(t *testing.T) {
	t.Parallel()
	write := changeOf(t, DateTime("yyyyMMddHHmmss").To("d/M/yyyy HH:mm'é'ss.SSS"))
	rapid.Check(t, func(t *rapid.T) {
		at := moments().Draw(t, "at")
		got, err := write(at.Format("20060102150405"))
		require.NoError(t, err)
		require.Equal(t, at.Format("2/1/2006 15:04é05.000"), got)
	})
}

func TestADayIsOneForPackageTimeOrForNobody(t *testing.T) {
	t.Parallel()
	read := changeOf(t, Date("yyyy-MM-dd"))
	rapid.Check(t, func(t *rapid.T) {
		text := fmt.Sprintf("%04d-%02d-%02d", rapid.IntRange(0, 9999).Draw(t, "year"), rapid.IntRange(0, 13).Draw(t, "month"), rapid.IntRange(0, 32).Draw(t, "day"))
		_, err := time.Parse(time.DateOnly, text)
		got, refused := read(text)
		if err != nil || strings.HasPrefix(text, "0000") {
			require.Error(t, refused)
			return
		}
		require.NoError(t, refused)
		require.Equal(t, text, got)
	})
}

// zones have summer times of each half of the year, of a half hour and at midnight, changes of other kinds, and none.
var zones = []string{
	"UTC", "Europe/Brussels", "Europe/Dublin", "Europe/Moscow", "America/New_York", "America/Sao_Paulo", "Australia/Sydney",
	"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Asia/Kathmandu", "Asia/Manila", "Africa/Casablanca", "Asia/Tehran", "America/Juneau",
}

func TestZonesAreThoseOfPackageTime(t *testing.T) {
	t.Parallel()
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		there := changeOf(t, DateTime("yyyy-MM-dd HH:mm:ss").FromZone(name).ToZone("UTC"))
		back := changeOf(t, DateTime("yyyy-MM-dd HH:mm:ss").FromZone("UTC").ToZone(name))
		rapid.Check(t, func(t *rapid.T) {
			at := moments().Draw(t, "at")
			if start, end := at.In(zone).ZoneBounds(); rapid.Bool().Draw(t, "near a change of the clocks") {
				if start.IsZero() || !end.IsZero() && rapid.Bool().Draw(t, "the next one") {
					start = end
				}
				if near := start.Add(time.Duration(rapid.IntRange(-7300, 7300).Draw(t, "by")) * time.Second); near.Year() > 1 && near.Year() < 9999 {
					at = near.UTC()
				}
			}
			got, err := back(at.Format(time.DateTime))
			require.NoError(t, err)
			require.Equal(t, at.In(zone).Format(time.DateTime), got)

			shown := at.Format(time.DateTime) // by the clocks of the zone, if they ever do
			one := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, zone)
			got, err = there(shown)
			if one.Format(time.DateTime) != shown {
				require.ErrorContains(t, err, "never showed this time")
				return
			}
			require.NoError(t, err)
			first := one
			if start, _ := one.ZoneBounds(); !start.IsZero() {
				_, now := one.Zone()
				_, before := start.Add(-time.Second).In(zone).Zone()
				if earlier := one.Add(time.Duration(now-before) * time.Second); earlier.Before(first) && earlier.In(zone).Format(time.DateTime) == shown {
					first = earlier
				}
			}
			require.Equal(t, first.UTC().Format(time.DateTime), got)
		})
	}
}

func TestErrorsNeverHoldTheValue(t *testing.T) {
	t.Parallel()
	for _, k := range []Kind{
		Date("dd/MM/yyyy HH:mm", "yyyyMMdd"), DateTime("dd/MM/yyyy HH:mm").FromZone("Europe/Brussels").ToZone("UTC"), Number(",", "."), Boolean(), Sex(), Title(),
	} {
		change := changeOf(t, k)
		for _, text := range []string{"31/02/1987 11:58", "31/03/2024 02:35", "04/07/1987 11:58", "04/07/1987 24:58", "19870732", "198707041", "1987.07", "04/07/0000 00:00", "ann.lee"} {
			_, err := change(text)
			if err == nil {
				continue
			}
			for _, part := range append(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/ :", r) }), text) {
				if len(part) > 3 {
					assert.NotContains(t, err.Error(), part, k)
				}
			}
		}
	}
}

// typical are kinds, and values of many rows.
var typical = []struct {
	kind   Kind
	values []string
}{
	{Date("dd/MM/yyyy"), []string{"04/07/1996", "31/12/2024"}},
	{Date("yyyy-MM-dd"), []string{"1996-07-04", "2024-12-31"}},
	{Date("yyyy-MM-dd HH:mm:ss.SSS"), []string{"1996-07-04 00:00:00.000", "2024-12-31 24:00:00.0"}},
	{Date("d/M/yy", "d MMMM yyyy").FirstYear(1950).Language("fr"), []string{"4/7/96", "4 décembre 1996", "4 JUILLET 1996"}},
	{DateTime("dd/MM/yyyy HH:mm"), []string{"04/07/1996 14:30", "31/12/2024 00:00"}},
	{DateTime("dd/MM/yyyy HH:mm").FromZone("America/New_York").ToZone("Europe/Brussels"), []string{"04/07/1996 14:30", "31/12/2024 00:00"}},
	{DateTime("yyyy-MM-dd'T'HH:mm:ssXXX").ToZone("Europe/Brussels"), []string{"1996-07-04T14:30:00Z", "2024-12-31T00:00:00-05:00"}},
	{Number(",", ".", " "), []string{"1.234,50", "12", "-0,5", "1\u00a0234"}},
	{Number("."), []string{"1234.50", "-42"}},
	{Boolean(), []string{"Oui", "TRUE", "nee", "SÍ"}},
	{Sex(), []string{"Male", "F", "männlich"}},
	{Title(), []string{"Mme.", "Mr", "señorita"}},
}

func TestTypicalTimesAndWordsAllocateNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts all goroutines
	for _, c := range typical {
		do := funcOf(t, c.kind)
		room := make([]byte, 0, 64)
		for _, text := range c.values {
			in := []byte(text)
			_, _, err := do(room, in)
			require.NoError(t, err, text)
			assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _, _ = do(room, in) }), "%s: %s", c.kind, text)
			if out, what, _ := do(room, in); what == same {
				assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _, _ = do(nil, in) }), "%s: %s", c.kind, text)
				assert.Empty(t, out)
			}
		}
	}
}

func TestTimesAndWordsServeManyGoroutinesAndAppend(t *testing.T) {
	t.Parallel()
	for _, c := range typical {
		do := funcOf(t, c.kind)
		for _, text := range c.values {
			want, what, err := do(nil, []byte(text))
			require.NoError(t, err)
			for range 4 {
				t.Run(c.kind.Name(), func(t *testing.T) {
					t.Parallel()
					for range 50 {
						got, now, err := do([]byte("before "), []byte(text))
						require.NoError(t, err)
						require.Equal(t, what, now)
						require.Equal(t, "before "+string(want), string(got))
					}
				})
			}
		}
	}
}

func FuzzDate(f *testing.F) {
	for _, text := range []string{"04/07/1996", "29/02/1900", "4 juil. 1996", "1996-07-04 24:00:00.000", "٤", "19960704", "4/7/49 00:00"} {
		for _, pattern := range []string{"dd/MM/yyyy", "d MMM yyyy", "yyyy-MM-dd HH:mm:ss.SSS", "yyyyMMdd", "d/M/yy H:mm", "dd''MM'yyyy'yyyy"} {
			f.Add(text, pattern)
		}
	}
	again := changeOf(f, Date("yyyy-MM-dd"))
	f.Fuzz(func(t *testing.T, text, pattern string) {
		k := Date(pattern, "yyyy-MM-dd").FirstYear(1950).Language("fr").Truncate()
		if _, err := New(k.On("column")); err != nil || text == "" {
			return
		}
		got, err := changeOf(t, k)(text)
		if err != nil {
			return
		}
		day, err := time.Parse(time.DateOnly, got)
		require.NoError(t, err)
		require.Positive(t, day.Year())
		stays, err := again(got)
		require.NoError(t, err)
		require.Equal(t, got, stays)
	})
}

// byHand is what one writes without this package.
func byHand(from, to, text string) (string, error) {
	t, err := time.Parse(from, text)
	return t.Format(to), err
}

func BenchmarkTimesAndWords(b *testing.B) {
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(b, err)
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(b, err)
	yes := map[string]string{"true": "TRUE", "oui": "TRUE", "1": "TRUE", "non": "FALSE"}
	for _, c := range []struct {
		name   string
		kind   Kind
		text   string
		byHand func(string) (string, error)
	}{
		{"date", Date("dd/MM/yyyy"), "04/07/1996", func(s string) (string, error) { return byHand("02/01/2006", time.DateOnly, s) }},
		{"date as wanted", Date("yyyy-MM-dd"), "1996-07-04", func(s string) (string, error) { return byHand(time.DateOnly, time.DateOnly, s) }},
		{"date at midnight", Date("yyyy-MM-dd HH:mm:ss.SSS"), "1996-07-04 00:00:00.000", func(s string) (string, error) {
			return byHand("2006-01-02 15:04:05.000", time.DateOnly, s)
		}},
		{"date with a name", Date("d MMMM yyyy"), "4 December 1996", func(s string) (string, error) { return byHand("2 January 2006", time.DateOnly, s) }},
		{"third pattern", Date("yyyyMMdd", "dd.MM.yyyy", "dd/MM/yyyy"), "04/07/1996", func(s string) (string, error) {
			if out, err := byHand("20060102", time.DateOnly, s); err == nil {
				return out, nil
			}
			if out, err := byHand("02.01.2006", time.DateOnly, s); err == nil {
				return out, nil
			}
			return byHand("02/01/2006", time.DateOnly, s)
		}},
		{"date-time", DateTime("dd/MM/yyyy HH:mm"), "04/07/1996 14:30", func(s string) (string, error) { return byHand("02/01/2006 15:04", time.DateTime, s) }},
		{"date-time as wanted", DateTime("yyyy-MM-dd HH:mm:ss"), "1996-07-04 14:30:00", func(s string) (string, error) { return byHand(time.DateTime, time.DateTime, s) }},
		{"zones", DateTime("yyyy-MM-dd HH:mm:ss").FromZone("America/New_York").ToZone("Europe/Brussels"), "1996-07-04 14:30:00", func(s string) (string, error) {
			t, err := time.ParseInLocation(time.DateTime, s, newYork)
			return t.In(brussels).Format(time.DateTime), err
		}},
		{"offset", DateTime("yyyy-MM-dd'T'HH:mm:ssXXX").ToZone("Europe/Brussels"), "2024-07-04T14:30:00Z", func(s string) (string, error) {
			t, err := time.Parse(time.RFC3339, s)
			return t.In(brussels).Format(time.DateTime), err
		}},
		{"number", Number(",", "."), "1.234,50", func(s string) (string, error) { // whatever it is
			return strings.ReplaceAll(strings.ReplaceAll(s, ".", ""), ",", "."), nil
		}},
		{"number as wanted", Number("."), "1234.50", func(s string) (string, error) { return strings.ReplaceAll(s, ",", "."), nil }},
		{"boolean", Boolean(), "Oui", func(s string) (string, error) { return yes[strings.ToLower(s)], nil }},
		{"title", Title(), "Mme.", func(s string) (string, error) { return yes[strings.ToLower(strings.TrimRight(s, "."))], nil }},
	} {
		b.Run(c.name+"/here", func(b *testing.B) {
			do, in, room := funcOf(b, c.kind), []byte(c.text), make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := do(room, in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/by hand", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.byHand(c.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
