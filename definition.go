package actito

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Definition says how files are loaded into tables: which files, into which tables, in which order.
//
// Its JSON form is this project's working form (assumed: it is made of names that are seen in use elsewhere). Fields
// that the library has no name for are kept in Extra, at each level, and are sent as they are.
type Definition struct {
	ID                 string                     `json:"id,omitempty"` // given by the server to stored definitions
	Name               string                     `json:"name,omitempty"`
	Files              []InputFile                `json:"inputFiles"`                   // loaded in this order
	GenerateResultFile *bool                      `json:"generateResultFile,omitempty"` // nil: yes
	GenerateErrorFile  *bool                      `json:"generateErrorFile,omitempty"`  // nil: yes; without it there are no rejects to read
	ReportRecipients   []string                   `json:"reportRecipients,omitempty"`   // e-mail addresses
	Extra              map[string]json.RawMessage `json:"-"`
}

// InputFile says how one file is loaded into one table. [ProfileTable.InputFile] and [CustomTable.InputFile] derive
// one from a struct.
type InputFile struct {
	FileNamePattern string                     `json:"fileNamePattern"` // may hold placeholders of the date: customers_$yyyyMMdd.csv
	Optional        bool                       `json:"optional,omitempty"`
	Compression     string                     `json:"compression,omitempty"` // "" is ZIP, which is what the library sends
	Encoding        string                     `json:"encoding,omitempty"`    // "" is UTF-8
	Format          Format                     `json:"format,omitzero"`
	Destination     Destination                `json:"destination"`
	Mode            Mode                       `json:"mode,omitempty"` // "" is CREATE_UPDATE
	Mapping         []Mapping                  `json:"attributesMapping,omitempty"`
	Extra           map[string]json.RawMessage `json:"-"`

	// EmptyCells declares what an empty cell does to an existing value. It is not sent: it tells the library.
	EmptyCells EmptyCells `json:"-"`

	err error // why it could not be derived
}

// Format says how a CSV file is written. Fields at zero are those of the file that is sent.
type Format struct {
	Separator string                     `json:"separator,omitempty"` // "" is ","
	EndOfLine string                     `json:"endOfLine,omitempty"`
	Enclosing string                     `json:"enclosing,omitempty"`
	Escaping  string                     `json:"escaping,omitempty"`
	Extra     map[string]json.RawMessage `json:"-"`
}

// Destination is the table that a file is loaded into.
type Destination struct {
	Table   TableType                  `json:"tableType"`
	TableID string                     `json:"tableId"` // RunOnce and Create also take the table's name and look up its id
	Extra   map[string]json.RawMessage `json:"-"`
}

// Mapping loads a column into an attribute.
type Mapping struct {
	Column    string                     `json:"headerColumn"`
	Attribute string                     `json:"attributeName"`
	Extra     map[string]json.RawMessage `json:"-"`
}

// Mode says whether an import creates, updates, or does both. The names are seen in use with version 4.
type Mode string

// The modes.
const (
	CreateUpdate Mode = "CREATE_UPDATE"
	CreateOnly   Mode = "CREATE_ONLY"
	UpdateOnly   Mode = "UPDATE_ONLY"
)

// UnmarshalJSON keeps unknown fields.
func (d *Definition) UnmarshalJSON(b []byte) error {
	type known Definition
	var id struct {
		ID text `json:"id"`
	}
	if err := json.Unmarshal(b, &id); err != nil {
		return err
	}
	if id.ID != "" { // a number, in some answers
		var err error
		if b, err = withField(b, "id", string(id.ID)); err != nil {
			return err
		}
	}
	return keepExtra(b, (*known)(d), &d.Extra)
}

// MarshalJSON writes unknown fields too.
func (d Definition) MarshalJSON() ([]byte, error) {
	type known Definition
	return addExtra(known(d), d.Extra)
}

// UnmarshalJSON keeps unknown fields.
func (f *InputFile) UnmarshalJSON(b []byte) error {
	type known InputFile
	return keepExtra(b, (*known)(f), &f.Extra)
}

// MarshalJSON writes unknown fields too.
func (f InputFile) MarshalJSON() ([]byte, error) {
	type known InputFile
	return addExtra(known(f), f.Extra)
}

// UnmarshalJSON keeps unknown fields.
func (f *Format) UnmarshalJSON(b []byte) error {
	type known Format
	return keepExtra(b, (*known)(f), &f.Extra)
}

// MarshalJSON writes unknown fields too.
func (f Format) MarshalJSON() ([]byte, error) {
	type known Format
	return addExtra(known(f), f.Extra)
}

// IsZero reports whether nothing is said, so that the field is left out.
func (f Format) IsZero() bool {
	return f.Separator == "" && f.EndOfLine == "" && f.Enclosing == "" && f.Escaping == "" && len(f.Extra) == 0
}

// UnmarshalJSON keeps unknown fields.
func (d *Destination) UnmarshalJSON(b []byte) error {
	type known Destination
	return keepExtra(b, (*known)(d), &d.Extra)
}

// MarshalJSON writes unknown fields too.
func (d Destination) MarshalJSON() ([]byte, error) {
	type known Destination
	return addExtra(known(d), d.Extra)
}

// UnmarshalJSON keeps unknown fields.
func (m *Mapping) UnmarshalJSON(b []byte) error {
	type known Mapping
	return keepExtra(b, (*known)(m), &m.Extra)
}

// MarshalJSON writes unknown fields too.
func (m Mapping) MarshalJSON() ([]byte, error) {
	type known Mapping
	return addExtra(known(m), m.Extra)
}

func withField(object []byte, name, value string) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	var err error
	if fields[name], err = json.Marshal(value); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// keepExtra decodes an object into known, a pointer to a struct, and everything it has no field for into extra.
func keepExtra(object []byte, known any, extra *map[string]json.RawMessage) error {
	if err := json.Unmarshal(object, known); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return err
	}
	t := reflect.TypeOf(known).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		delete(fields, name)
	}
	*extra = nil
	if len(fields) > 0 {
		*extra = fields
	}
	return nil
}

// addExtra encodes known, a struct, and extra as one object.
func addExtra(known any, extra map[string]json.RawMessage) ([]byte, error) {
	object, err := json.Marshal(known)
	if err != nil || len(extra) == 0 {
		return object, err
	}
	object = bytes.TrimSuffix(object, []byte("}"))
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(append(append(object, key...), ':'), extra[name]...)
	}
	return append(object, '}'), nil
}

var datePlaceholder = regexp.MustCompile(`\$(?:yyyy|yy|MM|dd|HH|mm|ss)+`)

// fits reports whether a file's name fits the pattern; a placeholder of the date stands for as many digits.
func (f *InputFile) fits(name string) bool {
	var b strings.Builder
	b.WriteByte('^')
	last := 0
	for _, at := range datePlaceholder.FindAllStringIndex(f.FileNamePattern, -1) {
		b.WriteString(regexp.QuoteMeta(f.FileNamePattern[last:at[0]]))
		b.WriteString(strings.Repeat(`\d`, at[1]-at[0]-1))
		last = at[1]
	}
	b.WriteString(regexp.QuoteMeta(f.FileNamePattern[last:]) + "$")
	ok, err := regexp.MatchString(b.String(), name)
	return ok && err == nil
}
