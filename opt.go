package actito

import (
	"encoding/json"
	"fmt"
)

type optState uint8

const (
	stateUnset optState = iota
	stateNull
	stateSet
)

// Opt is an attribute that tells three things apart: unset (not sent, what is stored stays), null (what is stored is
// cleared) and a value. The zero Opt is unset.
//
// As JSON, null and values are written and read as such. A field of type Opt wants the option omitzero of
// encoding/json, since an unset Opt would otherwise be written as null, and null clears once it is read back.
type Opt[T any] struct {
	value T
	state optState
}

// Set returns an Opt that holds v.
func Set[T any](v T) Opt[T] { return Opt[T]{value: v, state: stateSet} }

// Null returns an Opt that clears what is stored.
func Null[T any]() Opt[T] { return Opt[T]{state: stateNull} }

// Get returns the value, and whether there is one: false for unset and null.
func (o Opt[T]) Get() (T, bool) { return o.value, o.state == stateSet }

// IsSet reports whether o holds a value.
func (o Opt[T]) IsSet() bool { return o.state == stateSet }

// IsNull reports whether o is null.
func (o Opt[T]) IsNull() bool { return o.state == stateNull }

// IsZero reports whether o is unset. It makes omitzero of encoding/json leave out what is unset.
func (o Opt[T]) IsZero() bool { return o.state == stateUnset }

// String returns "unset", "null" or the value as fmt prints it.
func (o Opt[T]) String() string {
	switch o.state {
	case stateUnset:
		return "unset"
	case stateNull:
		return "null"
	}
	return fmt.Sprint(o.value)
}

// MarshalJSON writes the value, or null if there is none.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if o.state != stateSet {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON reads null or a value. It is not called for a member that is missing, which therefore stays unset.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*o = Null[T]()
		return nil
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*o = Set(v)
	return nil
}

// slot gives the codec, which does not know T, the state and a pointer to the value.
func (o *Opt[T]) slot() (*optState, any) { return &o.state, &o.value }

// optional is every *Opt.
type optional interface {
	slot() (*optState, any)
}
