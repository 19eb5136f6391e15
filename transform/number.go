package transform

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const kindNumber = "NUMBER"

// Number brings decimal numbers into Actito's form, such as 3.14 and -42, from those with another decimal mark and with
// marks between thousands: Number(",", ".", " ") reads "1.234,50" and "1 234,50" as 1234.50. A space stands for no-break
// spaces, too. The digits behind the decimal mark stay as they are; a plus sign, zeros in front and the sign of a zero are
// left out. Any length will do.
//
// Marks between thousands need not be there, but where there are any, the groups have three digits and one kind of mark,
// and the first begins with another digit than 0: "1.23" and "0.123" are not taken for 123. Exponents, currencies and per
// cent are errors.
func Number(decimal string, thousands ...string) Kind {
	return newKind(kindNumber, numberParams{decimal, thousands})
}

type numberParams struct {
	Decimal   string   `json:"decimal"`
	Thousands []string `json:"thousands,omitempty"`
}

// number is what NUMBER does.
type number struct {
	decimal          rune
	thousands        []rune
	expected, groups error
}

func readNumber(object json.RawMessage, _ Form) (action, error) {
	p, err := params[numberParams](object)
	if err != nil {
		return action{}, err
	}
	if p.Decimal == "" {
		return action{}, Refuse("its parameter decimal is missing: it is the decimal mark that is read, such as a comma")
	}
	var marks []rune
	for _, text := range append([]string{p.Decimal}, p.Thousands...) {
		mark, size := utf8.DecodeRuneInString(text)
		switch {
		case size != len(text) || size == 0 || unicode.In(mark, unicode.L, unicode.N) || strings.ContainsRune("+-−\ufffd", mark): // the last stands for what is not UTF-8
			return action{}, Refuse("its parameters decimal and thousands are marks of one character, and no digits, letters or signs")
		case len(marks) > 0 && mark == marks[0]:
			return action{}, Refuse("its parameter thousands has the decimal mark")
		}
		marks = append(marks, mark)
	}
	n := &number{decimal: marks[0], thousands: marks[1:]}
	example := "-1234" + p.Decimal + "5"
	for _, mark := range p.Thousands {
		example += " or -1" + mark + "234" + p.Decimal + "5"
	}
	n.expected = Refuse("expected a number such as " + example)
	n.groups = Refuse("the thousands are not in groups of three digits with one kind of mark: expected a number such as " + example)
	return action{value: n.change}, nil
}

func (n *number) change(dst, text []byte) ([]byte, outcome, error) {
	whole, negative := bytes.CutPrefix(text, []byte("-"))
	plain := true // so far it is in the form that is wanted
	if !negative {
		if whole, negative = bytes.CutPrefix(text, []byte("−")); !negative {
			whole = bytes.TrimPrefix(text, []byte("+"))
		}
		plain = len(whole) == len(text)
	}
	size, grouped, err := n.whole(whole)
	if err != nil {
		return dst, same, err
	}
	var places []byte
	if size < len(whole) {
		mark := utf8.RuneLen(n.decimal)
		places = whole[size+mark:]
		if len(places) == 0 || countDigits(places) < len(places) {
			return dst, same, n.expected
		}
		plain = plain && n.decimal == '.'
	} else if size == 0 {
		return dst, same, n.expected
	}
	whole = whole[:size]
	digits := bytes.TrimLeft(whole, "0")
	switch {
	case len(digits) == 0 && len(bytes.TrimLeft(places, "0")) == 0:
		plain = plain && !negative && size == 1
		negative = false
	case len(digits) == 0:
		plain = plain && size == 1
	default:
		plain = plain && !grouped && len(digits) == size
	}
	if plain {
		return dst, same, nil
	}
	if negative {
		dst = append(dst, '-')
	}
	switch {
	case len(digits) == 0:
		dst = append(dst, '0')
	case !grouped:
		dst = append(dst, digits...)
	default:
		for _, c := range digits {
			if isDigit(c) {
				dst = append(dst, c)
			}
		}
	}
	if len(places) > 0 {
		dst = append(append(dst, '.'), places...)
	}
	return dst, changed, nil
}

// whole measures what is before the decimal mark or the end.
func (n *number) whole(text []byte) (size int, grouped bool, err error) {
	size = countDigits(text)
	first, used := size, rune(0)
	for size < len(text) {
		mark, width := utf8.DecodeRune(text[size:])
		if mark == n.decimal {
			break
		}
		if !slices.Contains(n.thousands, mark) {
			if mark != '\u00a0' && mark != '\u202f' || !slices.Contains(n.thousands, ' ') {
				return 0, false, n.expected
			}
			mark = ' '
		}
		group := countDigits(text[size+width:])
		if used != 0 && mark != used || group != 3 || first < 1 || first > 3 || text[0] == '0' {
			return 0, false, n.groups
		}
		used = mark
		size += width + group
	}
	return size, used != 0, nil
}

// countDigits counts those that text begins with.
func countDigits(text []byte) int {
	for i, c := range text {
		if !isDigit(c) {
			return i
		}
	}
	return len(text)
}

func wordKinds() map[string]definition {
	return map[string]definition{
		kindNumber:  {read: readNumber},
		kindBoolean: {read: readBoolean},
		kindSex:     {read: readSex},
		kindTitle:   {read: readTitle},
	}
}
