package transform

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// monthNames are the names of months by language, long and short; a "/" is between those of one month.
var monthNames = map[string][2]string{
	"de": {
		"januar/jänner februar märz/maerz april mai juni juli august september oktober november dezember",
		"jan/jän feb mär/mrz/märz apr mai jun/juni jul/juli aug sep/sept okt nov dez",
	},
	"en": {
		"january february march april may june july august september october november december",
		"jan feb mar apr may jun jul aug sep/sept oct nov dec",
	},
	"es": {
		"enero febrero marzo abril mayo junio julio agosto septiembre/setiembre octubre noviembre diciembre",
		"ene feb mar abr may jun jul ago sep/sept oct nov dic",
	},
	"fr": {
		"janvier février/fevrier mars avril mai juin juillet août/aout septembre octobre novembre décembre/decembre", //nolint:misspell // French without accents
		"janv/jan févr/fév/fevr/fev mars/mar avr mai juin/jun juil/jul août/aoû/aout/aou sept/sep oct nov déc/dec",
	},
	"nl": {
		"januari februari maart april mei juni juli augustus september oktober november december",
		"jan feb mrt apr mei jun jul aug sep/sept okt nov dec",
	},
}

// monthName is a name in small letters, of which the first is ASCII.
type monthName struct {
	text  []byte
	month int
}

// namesOf lists the names of a language, the longest first, so that what begins like another is found.
func namesOf(language string, short bool) []monthName {
	names := monthNames[language][0]
	if short {
		names = monthNames[language][1]
	}
	var list []monthName
	for i, month := range strings.Fields(names) {
		for name := range strings.SplitSeq(month, "/") {
			list = append(list, monthName{[]byte(name), i + 1})
		}
	}
	slices.SortStableFunc(list, func(a, b monthName) int { return cmp.Compare(len(b.text), len(a.text)) })
	return list
}

// readMonth finds the name that text begins with, and returns its length. Capitals are as long as small letters.
func readMonth(text []byte, names []monthName) (n, month int) {
	for i := range names {
		name := names[i].text
		if len(text) >= len(name) && text[0]|0x20 == name[0] && bytes.EqualFold(text[:len(name)], name) {
			return len(name), names[i].month
		}
	}
	return 0, 0
}
