package benchmarks

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

// member is a row as a file has it: all are texts.
type member struct {
	ID       string             `actito:"customerID,key"`
	Email    string             `actito:"emailAddress"`
	First    string             `actito:"firstName"`
	Last     string             `actito:"lastName"`
	Street   string             `actito:"street"`
	City     string             `actito:"city"`
	Postcode string             `actito:"postcode"`
	Country  string             `actito:"country"`
	Language string             `actito:"motherLanguage"`
	Birth    actito.Opt[string] `actito:"birthDate"`
	Since    actito.Opt[string] `actito:"memberSince"`
	Spent    string             `actito:"spent"`
	Active   string             `actito:"active"`
	Level    string             `actito:"level"`
	Note     actito.Opt[string] `actito:"note"`
}

// memberSpec has the ten most usual kinds.
func memberSpec(b testing.TB) *transform.Specification {
	spec, err := transform.New(
		transform.Trim().On("customerID", "emailAddress", "city"),
		transform.NullWords("NULL", "N/A").On("birthDate", "note"),
		transform.Collapse().On("street"),
		transform.Lowercase().On("emailAddress"),
		transform.TitleCase().On("firstName", "lastName"),
		transform.Date("dd/MM/yyyy").On("birthDate", "memberSince"),
		transform.Number(",", ".").On("spent"),
		transform.Boolean().On("active"),
		transform.MapValues(levels).Strict().On("level"),
		transform.Country().On("country"),
		transform.Language().On("motherLanguage"),
	)
	if err != nil {
		b.Fatal(err)
	}
	return spec
}

var (
	levels       = map[string]string{"1": "BRONZE", "2": "SILVER", "3": "GOLD"}
	yes          = map[string]bool{"yes": true, "oui": true, "ja": true, "1": true, "no": false, "non": false, "nee": false, "0": false}
	countryCodes = map[string]string{"belgium": "BE", "belgique": "BE", "belgië": "BE", "france": "FR", "frankrijk": "FR", "uk": "GB",
		"united kingdom": "GB", "germany": "DE", "allemagne": "DE", "netherlands": "NL", "pays-bas": "NL"}
	languages = map[string]string{"fr": "FR", "nl": "NL", "french": "FR", "néerlandais": "NL", "dutch": "NL"}
	titled    = cases.Title(language.Und)
)

// byHand is the program that somebody writes who knows the type, and who refuses what the kinds refuse.
func byHand(m member) (member, error) {
	m.ID, m.City = strings.TrimSpace(m.ID), strings.TrimSpace(m.City)
	m.Email = strings.ToLower(strings.TrimSpace(m.Email))
	for _, opt := range []*actito.Opt[string]{&m.Birth, &m.Note} {
		if text, set := opt.Get(); set && (text == "NULL" || text == "N/A") {
			*opt = actito.Opt[string]{}
		}
	}
	m.Street = strings.Join(strings.FieldsFunc(m.Street, unicode.IsSpace), " ")
	m.First, m.Last = titled.String(m.First), titled.String(m.Last)
	for _, opt := range []*actito.Opt[string]{&m.Birth, &m.Since} {
		text, set := opt.Get()
		if !set {
			continue
		}
		day, err := time.Parse("02/01/2006", text)
		if err != nil {
			return m, err
		}
		*opt = actito.Set(day.Format(time.DateOnly))
	}
	m.Spent = strings.ReplaceAll(strings.ReplaceAll(m.Spent, ".", ""), ",", ".")
	is, known := yes[strings.ToLower(m.Active)]
	if !known {
		return m, errors.New("active")
	}
	m.Active = map[bool]string{true: "true", false: "false"}[is]
	if m.Level, known = levels[m.Level]; !known {
		return m, errors.New("level")
	}
	if m.Country, known = countryCodes[strings.ToLower(m.Country)]; !known {
		return m, errors.New("country")
	}
	if m.Language, known = languages[strings.ToLower(m.Language)]; !known {
		return m, errors.New("language")
	}
	return m, nil
}

func members() []member {
	list := make([]member, encodedRows)
	for i := range list {
		pick := func(choices ...string) string { return choices[i%len(choices)] }
		list[i] = member{
			ID: fmt.Sprintf("C%06d", i), Email: fmt.Sprintf("Member.%d@Example.com", i), First: pick("ANN", "jean-pierre", "Maria"),
			Last: pick("Anders", "DUPONT", "Lee"), Street: pick("12 Main Street", "1  Rue Haute"), City: pick("Namur", "Gent ", "Liège"),
			Postcode: pick("1000", "9000"), Country: pick("Belgium", "France", "UK", "Pays-Bas"), Language: pick("FR", "Dutch"),
			Birth: actito.Set(pick("14/03/1990", "NULL", "29/02/1992")), Since: actito.Set("01/07/2019"), Spent: pick("1.234,50", "12,00", "0"),
			Active: pick("oui", "nee", "1"), Level: pick("1", "2", "3"), Note: actito.Set(pick("N/A", "prefers e-mail")),
		}
	}
	return list
}

// appliers transform one row.
func appliers(b testing.TB) map[string]func(member) (member, error) {
	t, err := actito.NewTransformer[member](memberSpec(b))
	if err != nil {
		b.Fatal(err)
	}
	return map[string]func(member) (member, error){"actito": t.Apply, "byhand": byHand}
}

// BenchmarkApply is rows of 15 columns through the ten most usual kinds, one after another on one core.
func BenchmarkApply(b *testing.B) {
	rows := members()
	all := appliers(b)
	for _, name := range []string{"actito", "byhand"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := all[name](rows[i%len(rows)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func TestAppliersMakeTheSameRows(t *testing.T) {
	t.Parallel()
	all := appliers(t)
	for i, m := range members() {
		got, err := all["actito"](m)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := all["byhand"](m); err != nil || got != want {
			t.Fatalf("row %d is %+v, not %+v (%v)", i+1, got, want, err)
		}
	}
}
