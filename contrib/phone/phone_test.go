package phone_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito/contrib/phone"
	"github.com/actito-go/actito/transform"
)

// program makes rows of one column, which holds numbers of the region.
func program(t require.TestingT, region string) *transform.Program {
	spec, err := transform.New(transform.WithKinds(phone.Kind()), phone.Number(region).On("gsmNumber"))
	require.NoError(t, err)
	p, err := spec.Bind([]string{"gsmNumber"}, transform.CSV)
	require.NoError(t, err)
	return p
}

func run(p *transform.Program, text string) (string, error) {
	row := p.NewRow()
	row.Values[0].SetString(text)
	err := p.Run(row)
	return string(row.Values[0].Text), err
}

const (
	noNumber  = "this is no phone number"
	noPlan    = "no phone number of its country is like this"
	extension = "has an extension, which would be lost"
	letters   = "there are letters"
)

func TestNumbersBecomeInternational(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ region, in, out, refused string }{
		"as it should be":                             {"BE", "+3210458514", "+3210458514", ""},
		"of another country":                          {"FR", "+3210458514", "+3210458514", ""},
		"spaces":                                      {"BE", "+32 10 45 85 14", "+3210458514", ""},
		"non-breaking spaces":                         {"BE", "\u00a0010\u00a045\u00a085\u00a014", "+3210458514", ""},
		"as dialled at home":                          {"BE", "010/45.85.14", "+3210458514", ""},
		"a mobile phone":                              {"BE", "0475 12-34-56", "+32475123456", ""},
		"a prefix for calls abroad":                   {"BE", "0032 10 45 85 14", "+3210458514", ""},
		"a prefix for calls abroad from America":      {"US", "011 32 10 45 85 14", "+3210458514", ""},
		"a zero in brackets":                          {"BE", "+32 (0)10 45 85 14", "+3210458514", ""},
		"a zero in brackets, from abroad":             {"FR", "+32(0)10458514", "+3210458514", ""},
		"the country's code without a plus sign":      {"BE", "3210458514", "+3210458514", ""},
		"an Italian zero stays":                       {"IT", "06 1234567", "+39061234567", ""},
		"an Italian zero stays, from abroad":          {"BE", "+39 06 1234567", "+39061234567", ""},
		"a plus sign of full width":                   {"BE", "＋３２１０４５８５１４", "+3210458514", ""},
		"Arabic digits":                               {"BE", "٠١٠٤٥٨٥١٤", "+3210458514", ""},
		"a number of no country":                      {"BE", "+800 1234 5678", "+80012345678", ""},
		"an extension in words":                       {"BE", "+3210458514 ext. 5", "", extension},
		"an extension behind an x":                    {"BE", "010458514 x12", "", extension},
		"an extension behind a hash":                  {"BE", "010458514 #12", "", extension},
		"an extension behind a semicolon":             {"BE", "010458514;12", "", extension},
		"letters in place of digits":                  {"US", "1-800-FLOWERS", "", letters},
		"a text beside the number":                    {"BE", "010458514 (work)", "", letters},
		"a scheme":                                    {"BE", "tel:+3210458514", "", letters},
		"what hides who calls":                        {"BE", "*31#010458514", "", noNumber},
		"a question mark":                             {"BE", "?010458514", "", letters},
		"bytes that are not UTF-8":                    {"BE", "\xff010458514", "", letters},
		"dashes, brackets and a mark of direction":    {"BE", "\u202a(010) 45–85—14", "+3210458514", ""},
		"two numbers and a word":                      {"BE", "010458514 or 010458515", "", letters},
		"two numbers":                                 {"BE", "010458514 / 010458515", "", noPlan},
		"two numbers with plus signs":                 {"BE", "+3210458514 +3210458515", "", noNumber},
		"two lines":                                   {"BE", "010458514\n010458515", "", noNumber},
		"a digit is missing":                          {"BE", "01045851", "", noPlan},
		"a digit too many":                            {"BE", "0104585144", "", noPlan},
		"a short number of a service":                 {"DE", "+491640", "", noPlan},
		"an emergency number":                         {"BE", "112", "", noPlan},
		"a country's code that is none":               {"BE", "+999 10 45 85 14", "", noNumber},
		"only spaces":                                 {"BE", "   ", "", noNumber},
		"a spreadsheet's number":                      {"BE", "3.21E+10", "", noNumber},
		"a spreadsheet's error":                       {"BE", "#N/A", "", noNumber},
		"right-to-left text":                          {"BE", "טלפון", "", noNumber},
		"an emoji":                                    {"BE", "📞", "", noNumber},
		"10 MB of digits":                             {"BE", strings.Repeat("0104585140", 1<<20), "", noNumber},
		"Northwind: Germany":                          {"DE", "030-0074321", "+49300074321", ""},
		"Northwind: Sweden":                           {"SE", "0921-12 34 65", "+46921123465", ""},
		"Northwind: Spain":                            {"ES", "(91) 555 22 82", "+34915552282", ""},
		"Northwind: Canada":                           {"CA", "(604) 555-4729", "+16045554729", ""},
		"Northwind: United States":                    {"US", "(503) 555-7555", "+15035557555", ""},
		"Northwind: Belgium":                          {"BE", "(02) 201 24 67", "+3222012467", ""},
		"Northwind: Italy":                            {"IT", "011-4988260", "+390114988260", ""},
		"Northwind: Denmark":                          {"DK", "31 12 34 56", "+4531123456", ""},
		"Northwind: Belgium, with a digit too many":   {"BE", "(071) 23 67 22 20", "", noPlan},
		"Northwind: Mexico, before its plan of ten":   {"MX", "(5) 555-4729", "", noPlan},
		"Northwind: France, before its plan of ten":   {"FR", "88.60.15.31", "", noPlan},
		"Northwind: London, before its code was 20":   {"GB", "(171) 555-7788", "", noPlan},
		"Northwind: Brazil, before mobile nines":      {"BR", "(11) 555-7647", "", noPlan},
		"Northwind: Norway, before its plan of eight": {"NO", "07-98 92 35", "", noPlan},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := run(program(t, tt.region), tt.in)
			if tt.refused != "" {
				require.ErrorContains(t, err, tt.refused)
				assert.NotContains(t, err.Error(), tt.in, "the error shows the number")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.out, out)
		})
	}
}

func TestTheRegionIsCheckedBeforeAnyNumber(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ params, want string }{
		"missing":                {`{}`, "region is missing"},
		"empty":                  {`{"region": ""}`, "region is missing"},
		"in small letters":       {`{"region": "be"}`, `no region "be"`},
		"of three letters":       {`{"region": "BEL"}`, `no region "BEL"`},
		"no country":             {`{"region": "XX"}`, `no region "XX"`},
		"the world":              {`{"region": "001"}`, `no region "001"`},
		"no text":                {`{"region": 32}`, "region alone"},
		"with another parameter": {`{"region": "BE", "format": "national"}`, `unknown field "format"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind, err := transform.NewKind("PHONE", jsonObject(tt.params))
			require.NoError(t, err)
			_, err = transform.New(transform.WithKinds(phone.Kind()), kind.On("gsmNumber"))
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, `column "gsmNumber": PHONE`)
		})
	}
}

// jsonObject is what encoding/json writes as it is.
type jsonObject string

func (o jsonObject) MarshalJSON() ([]byte, error) { return []byte(o), nil }

func TestSpecificationsCarryTheKind(t *testing.T) {
	t.Parallel()
	const text = `[{"headerColumn":"gsmNumber","region":"BE","type":"PHONE"}]`
	spec, err := transform.Parse([]byte(text), transform.WithKinds(phone.Kind()))
	require.NoError(t, err)
	assert.Equal(t, phone.Number("BE").On("gsmNumber"), spec.List())
	written, err := spec.MarshalJSON()
	require.NoError(t, err)
	assert.JSONEq(t, text, string(written))
	_, err = spec.ForService()
	require.ErrorContains(t, err, "the service is not known to have this kind")
	_, err = transform.Parse([]byte(text))
	require.ErrorContains(t, err, "there is no such kind")
}

// documented is what Actito takes: see the check of PHONE_NUMBER.
var documented = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func TestDigitsAreNeverLostBehind(t *testing.T) {
	t.Parallel()
	p := program(t, "BE")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`(0|\+32|0032|\+32 \(0\))[ ./-]?[1-9][0-9]{1,2}[ ./-]?[0-9]{2}[ ./-]?[0-9]{2}[ ./-]?[0-9]{2}([ ,;/-]{0,3}[0-9]{1,3})?`).Draw(t, "text")
		out, err := run(p, text)
		if err != nil {
			return
		}
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text)
		require.True(t, strings.HasSuffix(digits, strings.TrimPrefix(out, "+32")), "%q became %q", text, out)
	})
}

// requireStable holds what comes of a number, if anything does, to the documented form, in which it stays.
func requireStable(t require.TestingT, p *transform.Program, text string) {
	out, err := run(p, text)
	if err != nil {
		return
	}
	require.Regexp(t, documented, out)
	again, err := run(p, out)
	require.NoError(t, err)
	require.Equal(t, out, again)
}

func TestWhateverComesOutIsInTheDocumentedFormAndStays(t *testing.T) {
	t.Parallel()
	regions := map[string]*transform.Program{}
	for _, region := range []string{"BE", "DE", "MX", "IT", "US", "AR"} {
		regions[region] = program(t, region)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := regions[rapid.SampledFrom([]string{"BE", "DE", "MX", "IT", "US", "AR"}).Draw(t, "region")]
		text := rapid.StringMatching(`(\+|00|0|\+32|\+49|\(0\))[0-9 ./()-]{1,20}`).Draw(t, "text")
		requireStable(t, p, text)
	})
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"+3210458514", "(5) 555-4729", "030-0074321", "010458514 x12", "tel:+32;phone-context=a", "\xff+32", "٣", "+٣٢"} {
		f.Add(seed)
	}
	p := program(f, "BE")
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return
		}
		requireStable(t, p, text)
	})
}

func BenchmarkNumber(b *testing.B) {
	p := program(b, "BE")
	row := p.NewRow()
	for b.Loop() {
		row.Values[0].SetString("010/45.85.14")
		if err := p.Run(row); err != nil {
			b.Fatal(err)
		}
	}
}
