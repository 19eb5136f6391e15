package phone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/actito-go/actito/transform"
)

const name = "PHONE"

// Number writes phone numbers in the international form, E.164: a plus sign and 7 to 15 digits. The region, such as BE, is
// the country whose numbers are written without its code: a code of ISO 3166-1 in capitals, which [transform.New] checks.
// Numbers with the code of a country, behind a plus sign or the region's prefix for calls abroad, may be of any.
//
// Spaces, dots, slashes, hyphens and brackets do not matter. A number that is not assigned in its country's plan is
// refused, since calls and messages would fail; one with an extension too, which would be lost; and any with letters or other
// signs.
func Number(region string) transform.Kind {
	kind, _ := transform.NewKind(name, parameters{region}) // none if the region is not UTF-8: New refuses it
	return kind
}

type parameters struct {
	Region string `json:"region"`
}

// Kind makes the kind known to a specification, by [transform.WithKinds].
func Kind() transform.Custom {
	return transform.Custom{Name: name, New: func(object json.RawMessage) (func(string) (string, error), error) {
		var p parameters
		d := json.NewDecoder(bytes.NewReader(object))
		d.DisallowUnknownFields()
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("it takes region alone, a text: %w", err)
		}
		if p.Region == "" {
			return nil, errors.New("region is missing: the country whose numbers are written without its code, such as BE")
		}
		if !phonenumbers.GetSupportedRegions()[p.Region] {
			return nil, fmt.Errorf("there is no region %.10q with phone numbers: it is a code of ISO 3166-1 in capitals, such as BE", p.Region)
		}
		return func(text string) (string, error) { return international(text, p.Region) }, nil
	}}
}

// The lengths that the root package's check of files takes, with the plus sign. E.164 sets the longest; some plans have
// numbers beyond it, or short ones of services.
//
// assumed: the shortest.
const (
	shortest = 8
	longest  = 16
)

// foreign are runes that phone numbers are not written with. Package phonenumbers passes over those in front.
func foreign(r rune) bool {
	return !unicode.In(r, unicode.Nd, unicode.White_Space, unicode.Pd, unicode.Ps, unicode.Pe, unicode.Cf) && !strings.ContainsRune("+＋./−", r)
}

func international(text, region string) (string, error) {
	number, err := phonenumbers.Parse(text, region)
	if err != nil {
		return "", transform.Refuse("this is no phone number: expected digits with their country's code, such as +3210458514, or as they are dialled in " + region)
	}
	if number.GetExtension() != "" {
		return "", transform.Refuse("this phone number has an extension, which would be lost: take it away first")
	}
	if strings.ContainsFunc(text, foreign) {
		return "", transform.Refuse("there are letters or other signs in this phone number, or beside it: leave nothing but the number")
	}
	out := phonenumbers.Format(number, phonenumbers.E164)
	if !phonenumbers.IsValidNumber(number) || len(out) < shortest || len(out) > longest {
		return "", transform.Refuse("no phone number of its country is like this: it may lack digits, or be of another country than " + region)
	}
	return out, nil
}
