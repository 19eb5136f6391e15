package actito

import (
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type color string

// wide has a field of every kind that the codec knows.
type wide struct {
	ID      string          `actito:"id,key"`
	Color   color           `actito:"color"`
	Flag    bool            `actito:"flag"`
	Int     int             `actito:"int"`
	Int8    int8            `actito:"int8,omitzero"`
	Int64   int64           `actito:"int64"`
	Uint16  uint16          `actito:"uint16"`
	Uint64  uint64          `actito:"uint64"`
	Float32 float32         `actito:"float32"`
	Float64 float64         `actito:"float64"`
	Number  json.Number     `actito:"number"`
	Day     Date            `actito:"day"`
	At      DateTime        `actito:"at"`
	IP      netip.Addr      `actito:"ip"`
	Wait    time.Duration   `actito:"wait"`
	Texts   []string        `actito:"texts"`
	Longs   []int64         `actito:"longs"`
	Days    []Date          `actito:"days"`
	PText   *string         `actito:"ptext"`
	PInt    *int            `actito:"pint"`
	PIP     *netip.Addr     `actito:"pip"`
	OText   Opt[string]     `actito:"otext"`
	OFlag   Opt[bool]       `actito:"oflag"`
	OInt    Opt[int64]      `actito:"oint"`
	OFloat  Opt[float64]    `actito:"ofloat"`
	ODay    Opt[Date]       `actito:"oday"`
	OAt     Opt[DateTime]   `actito:"oat"`
	OIP     Opt[netip.Addr] `actito:"oip"`
	OFlags  Opt[[]bool]     `actito:"oflags"`
	address
	News   Opt[bool] `actito:"subscriptions#News é"`
	Active Opt[bool] `actito:"segmentations#Active"`
	Home   string
}

// drawText draws what a text may hold. Files cannot keep CR LF: readers of CSV take it for LF.
func drawText(t *rapid.T) string {
	s := rapid.OneOf(rapid.String(), rapid.StringN(0, 5, -1), rapid.SampledFrom([]string{" ", `"`, ";", ",", "\n", "\\", "</script>", "\u2028", "é"})).Draw(t, "text")
	return strings.NewReplacer("\x00", "", "\r", "").Replace(strings.ToValidUTF8(s, "?"))
}

func drawElement(t *rapid.T) string {
	return strings.ReplaceAll(drawText(t), ",", "") + "x"
}

func drawDate(t *rapid.T) Date {
	return NewDate(rapid.IntRange(1, 9999).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "day"))
}

// drawDateTime draws an instant outside the hour that is repeated when summer time ends: its text form is ambiguous.
func drawDateTime(t *rapid.T) DateTime {
	at := time.Unix(rapid.Int64Range(-60000000000, 250000000000).Draw(t, "seconds"), 0).In(brusselsTime(t))
	if at.Month() == time.October || at.Year() < 1980 {
		at = time.Date(2026, 11, 23, 10, 15, 0, 0, at.Location())
	}
	return DateTimeOf(at)
}

func drawNumber(t *rapid.T) json.Number {
	if rapid.Bool().Draw(t, "empty") {
		return ""
	}
	return json.Number(rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?`).Draw(t, "number"))
}

func drawIP(t *rapid.T) netip.Addr {
	return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip")))
}

func drawOpt[V any](t *rapid.T, draw func(*rapid.T) V) Opt[V] {
	switch rapid.IntRange(0, 2).Draw(t, "state") {
	case 0:
		return Opt[V]{}
	case 1:
		return Null[V]()
	}
	return Set(draw(t))
}

func drawPointer[V any](t *rapid.T, draw func(*rapid.T) V) *V {
	if rapid.Bool().Draw(t, "nil") {
		return nil
	}
	return new(draw(t))
}

// drawList draws a list, or nil: an empty one is unset, and so reads as nil.
func drawList[V any](t *rapid.T, draw func(*rapid.T) V) []V {
	return append([]V(nil), rapid.SliceOfN(rapid.Custom(draw), 0, 3).Draw(t, "list")...)
}

func drawConsent(t *rapid.T) Opt[bool] {
	return rapid.SampledFrom([]Opt[bool]{{}, Set(true), Set(false)}).Draw(t, "consent")
}

func draw[V any](g *rapid.Generator[V]) func(*rapid.T) V {
	return func(t *rapid.T) V { return g.Draw(t, "value") }
}

func drawWide(t *rapid.T) wide {
	w := wide{
		ID:      drawElement(t),
		Color:   color(drawText(t)),
		Flag:    rapid.Bool().Draw(t, "flag"),
		Int:     rapid.Int().Draw(t, "int"),
		Int8:    rapid.Int8().Draw(t, "int8"),
		Int64:   rapid.Int64().Draw(t, "int64"),
		Uint16:  rapid.Uint16().Draw(t, "uint16"),
		Uint64:  rapid.Uint64().Draw(t, "uint64"),
		Float32: rapid.Float32().Draw(t, "float32"),
		Float64: rapid.Float64().Draw(t, "float64"),
		Number:  drawNumber(t),
		Wait:    time.Duration(rapid.Int64().Draw(t, "wait")),
		Texts:   drawList(t, drawElement),
		Longs:   drawList(t, draw(rapid.Int64())),
		Days:    drawList(t, drawDate),
		PText:   drawPointer(t, drawElement),
		PInt:    drawPointer(t, draw(rapid.Int())),
		PIP:     drawPointer(t, drawIP),
		OText:   drawOpt(t, drawElement),
		OFlag:   drawOpt(t, draw(rapid.Bool())),
		OInt:    drawOpt(t, draw(rapid.Int64())),
		OFloat:  drawOpt(t, draw(rapid.Float64())),
		ODay:    drawOpt(t, drawDate),
		OAt:     drawOpt(t, drawDateTime),
		OIP:     drawOpt(t, drawIP),
		OFlags:  drawOpt(t, func(t *rapid.T) []bool { return rapid.SliceOfN(rapid.Bool(), 1, 3).Draw(t, "flags") }),
		address: address{Street: drawText(t), City: drawText(t)},
		News:    drawConsent(t),
		Active:  drawConsent(t),
	}
	if rapid.Bool().Draw(t, "dates") {
		w.Day, w.At, w.IP = drawDate(t), drawDateTime(t), drawIP(t)
	}
	return w
}

func TestFloatsAreWrittenAsStrconvWritesThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amount := float64(rapid.Int64Range(-2e15, 2e15).Draw(t, "digits")) / math.Pow10(rapid.IntRange(0, 5).Draw(t, "decimals"))
		near := rapid.SampledFrom([]float64{amount, math.Nextafter(amount, math.Inf(1)), math.Nextafter(amount, 0), math.Copysign(0, -1)}).Draw(t, "near")
		for _, x := range []float64{near, rapid.Float64().Draw(t, "any")} {
			for _, bits := range []int{64, 32} {
				text, err := appendFloat(nil, x, bits)
				require.NoError(t, err)
				require.Equal(t, strconv.FormatFloat(x, 'f', -1, bits), string(text))
			}
		}
	})
}

func TestDatesAreThoseOfTheCalendar(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := NewDate(rapid.OneOf(rapid.IntRange(-1, 10001), rapid.Int()).Draw(t, "year"), time.Month(rapid.IntRange(-1, 14).Draw(t, "month")),
			rapid.OneOf(rapid.IntRange(-1, 33), rapid.Int()).Draw(t, "day"))
		got, err := d.AppendText(nil)
		want := d.String()
		if _, impossible := time.Parse(time.DateOnly, want); impossible != nil || d.year == 0 {
			want = ""
		}
		require.Equal(t, want, string(got))
		require.Equal(t, want == "" && !d.IsZero(), err != nil)
	})
}

func TestDateTimesAreWrittenInTheirZone(t *testing.T) {
	t.Parallel()
	zone := brusselsTime(t)
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62135596000, 253402300000).Draw(t, "seconds"), 0).In(zone)
		got, err := DateTimeOf(at).appendIn(nil, zone)
		if at.Year() > 9999 {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, at.Format(time.DateTime), string(got))
	})
}
