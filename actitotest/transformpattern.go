package actitotest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// pattern is the form of a date, such as dd/MM/yyyy.
type pattern struct {
	form    *regexp.Regexp  // with a group for each part that is no literal
	order   []string        // the letters of those parts
	letters map[byte]string // by the first of them
	parts   []part
}

// part is letters that stand for something, or else a literal.
type part struct{ letters, literal string }

// readable are the letters and what they stand for; months with names are those of
// a language.
var readable = map[string]string{
	"yyyy": "[0-9]{4}", "yy": "[0-9]{2}", "MM": "[0-9]{2}", "M": "[0-9]{1,2}", "dd": "[0-9]{2}", "d": "[0-9]{1,2}",
	"HH": "[0-9]{2}", "H": "[0-9]{1,2}", "mm": "[0-9]{2}", "ss": "[0-9]{2}", "XXX": "Z|[+-][0-9]{2}:[0-9]{2}",
}

// needs are the parts that there must be for others.
var needs = []struct {
	letter, before byte // 0 is always
	name           string
}{
	{'y', 0, "year"}, {'M', 0, "month"}, {'d', 0, "day"},
	{'H', 'm', "hour"}, {'H', 's', "hour"}, {'H', 'S', "hour"}, {'m', 's', "minute"}, {'m', 'S', "minute"}, {'s', 'S', "second"},
}

func readPattern(text string, names monthNames) (*pattern, error) {
	p := &pattern{letters: map[byte]string{}}
	if err := p.split(text); err != nil {
		return nil, err
	}
	form := "^"
	for i, part := range p.parts {
		if part.letters == "" {
			form += regexp.QuoteMeta(part.literal)
			continue
		}
		expr, known := readable[part.letters]
		first := part.letters[0]
		switch {
		case part.letters == "MMM":
			expr, known = "(?i:"+strings.Join(names.short, "|")+")", true
			if i+1 == len(p.parts) || !strings.HasPrefix(p.parts[i+1].literal, ".") {
				expr += `\.?`
			}
		case part.letters == "MMMM":
			expr, known = "(?i:"+strings.Join(names.long, "|")+")", true
		case first == 'S' && len(part.letters) < 10:
			expr, known = "[0-9]{1,9}", true
		}
		switch {
		case !known:
			return nil, fmt.Errorf("unknown letters %q", part.letters)
		case p.has(first):
			return nil, fmt.Errorf("%q is there twice", first)
		case strings.Contains(expr, "{1,") && i+1 < len(p.parts) && p.parts[i+1].digital():
			return nil, fmt.Errorf("%s is directly followed by digits", part.letters)
		}
		p.letters[first] = part.letters
		p.order = append(p.order, part.letters)
		form += "(" + expr + ")"
	}
	for _, need := range needs {
		if !p.has(need.letter) && (need.before == 0 || p.has(need.before)) {
			return nil, fmt.Errorf("the %s is missing", need.name)
		}
	}
	var err error
	p.form, err = regexp.Compile(form + "$")
	return p, err
}

// split cuts a pattern into its parts. Letters between quotes are literals, in which
// two quotes are one; two with nothing between are one, too.
func (p *pattern) split(text string) error {
	literal := func(s string) {
		if n := len(p.parts); n > 0 && p.parts[n-1].letters == "" {
			p.parts[n-1].literal += s
			return
		}
		p.parts = append(p.parts, part{literal: s})
	}
	for text != "" {
		c, n := utf8.DecodeRuneInString(text)
		switch {
		case c == '\'':
			n = len(inQuotes.FindString(text))
			if n == 0 {
				return errors.New("a quote is not closed")
			}
			literal(strings.ReplaceAll(text[1:max(n-1, 2)], "''", "'"))
		case !unicode.IsLetter(c):
			literal(text[:n])
		default:
			n = len(text) - len(strings.TrimLeft(text, text[:n]))
			p.parts = append(p.parts, part{letters: text[:n]})
		}
		text = text[n:]
	}
	return nil
}

var inQuotes = regexp.MustCompile("^'(?:[^']|'')*'")

// digital says whether a part starts with a digit.
func (p part) digital() bool {
	switch p.letters {
	case "MMM", "MMMM", "XXX":
		return false
	case "":
	default:
		return true
	}
	return '0' <= p.literal[0] && p.literal[0] <= '9'
}

// has says whether a pattern has a part by its letter.
func (p *pattern) has(letter byte) bool { return p != nil && p.letters[letter] != "" }

// rest is what of a time a pattern does not write.
func (p *pattern) rest(t time.Time) time.Duration {
	unit := 24 * time.Hour
	switch {
	case p.has('S'):
		unit = time.Second
		for range p.letters['S'] {
			unit /= 10
		}
	case p.has('s'):
		unit = time.Second
	case p.has('m'):
		unit = time.Minute
	case p.has('H'):
		unit = time.Hour
	}
	return t.Sub(t.Truncate(unit))
}

// write writes a time; what of it there is no part for is left out.
func (p *pattern) write(t time.Time) string {
	var out strings.Builder
	for _, part := range p.parts {
		switch part.letters {
		case "":
			out.WriteString(part.literal)
		case "yyyy":
			fmt.Fprintf(&out, "%04d", t.Year())
		case "H":
			fmt.Fprint(&out, t.Hour())
		case "M", "MM", "d", "dd", "HH", "mm", "ss":
			out.WriteString(t.Format(written[part.letters]))
		default:
			out.WriteString(fmt.Sprintf("%09d", t.Nanosecond())[:len(part.letters)])
		}
	}
	return out.String()
}

// written are the layouts of package time for the letters that it has.
var written = map[string]string{"M": "1", "MM": "01", "d": "2", "dd": "02", "HH": "15", "mm": "04", "ss": "05"}

// monthNames are those of a language. Several of one month are joined by bars.
type monthNames struct{ long, short []string }

func (m monthNames) number(name string) int {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	for _, list := range [][]string{m.long, m.short} {
		for i, names := range list {
			for known := range strings.SplitSeq(names, "|") {
				if known == name {
					return i + 1
				}
			}
		}
	}
	return 0
}

var months = map[string]monthNames{
	"en": {
		strings.Fields("january february march april may june july august september october november december"),
		strings.Fields("jan feb mar apr may jun jul aug sept|sep oct nov dec"),
	},
	"fr": {
		strings.Fields("janvier février|fevrier mars avril mai juin juillet août|aout septembre octobre novembre décembre|decembre"), //nolint:misspell // French
		strings.Fields("janv|jan févr|fév|fevr|fev mars|mar avr mai juin|jun juil|jul août|aoû|aout|aou sept|sep oct nov déc|dec"),
	},
	"nl": {
		strings.Fields("januari februari maart april mei juni juli augustus september oktober november december"),
		strings.Fields("jan feb mrt apr mei jun jul aug sept|sep okt nov dec"),
	},
	"de": {
		strings.Fields("januar|jänner februar märz|maerz april mai juni juli august september oktober november dezember"),
		strings.Fields("jan|jän feb mär|mrz|märz apr mai juni|jun juli|jul aug sept|sep okt nov dez"),
	},
	"es": {
		strings.Fields("enero febrero marzo abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre"),
		strings.Fields("ene feb mar abr may jun jul ago sept|sep oct nov dic"),
	},
}
