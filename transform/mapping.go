package transform

import (
	"encoding/json"
)

const kindMapValues = "VALUE_MAPPING"

// MapValues replaces values that are among those on the left by what is on the right of them; "" is unset. They are
// compared as a whole and letter by letter: put [Trim] or [Lowercase] before it where the source is sloppy. A value that
// is not among them stays, unless [Kind.Default], [Kind.DefaultUnset] or [Kind.Strict] says otherwise.
func MapValues(values map[string]string) Kind {
	return newKind(kindMapValues, map[string]any{"values": values})
}

// Default is what [MapValues] makes of values that are not among its own.
func (k Kind) Default(text string) Kind { return k.with("default", text) }

// DefaultUnset lets [MapValues] unset values that are not among its own.
func (k Kind) DefaultUnset() Kind { return k.with("default", nil) }

// Strict lets [MapValues] refuse values that are not among its own. It excludes a default.
func (k Kind) Strict() Kind { return k.with("strict", true) }

type mapping struct {
	Values  map[string]string `json:"values"`
	Default json.RawMessage   `json:"default"` // nil is absent, which is not null
	Strict  bool              `json:"strict"`
}

func readMapValues(object json.RawMessage, _ Form) (action, error) {
	p, err := params[mapping](object)
	var fallback string
	_, ofEmpty := p.Values[""]
	switch {
	case err != nil:
	case len(p.Values) == 0:
		err = Refuse("its parameter values is missing: an object of values and of what they become")
	case ofEmpty:
		err = Refuse("its parameter values maps the empty text, which is no value: use Fallback, a CONSTANT that is onlyEmpty")
	case p.Default == nil:
	case p.Strict:
		err = Refuse("its parameters strict and default exclude each other")
	case json.Unmarshal(p.Default, &fallback) != nil:
		err = Refuse("its parameter default is neither a text nor null")
	}
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		to, known := p.Values[string(text)]
		switch {
		case known:
		case p.Strict:
			return dst, same, Refuse("the value is none of those that are mapped: add it to them, or give a default")
		case p.Default == nil:
			return dst, same, nil
		default:
			to = fallback
		}
		return compared(append(dst, to...), len(dst), text)
	}}, err
}
