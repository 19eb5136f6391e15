package actito

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/actito-go/actito/transform"
)

// Definition says how files are loaded into tables: which files, into which tables, in which order.
//
// Its JSON form is this project's working form (assumed: it is made of names that are seen in use elsewhere). Fields
// that the library has no name for are kept in Extra, at each level, and are sent as they are; a field of Extra goes
// before the library's of the same name, so that nobody is stuck with an assumption that turns out wrong.
type Definition struct {
	ID                 string                     `json:"id,omitempty"` // given by the server to stored definitions
	Name               string                     `json:"name,omitempty"`
	Files              []InputFile                `json:"inputFiles"`                      // loaded in this order
	GenerateResultFile *bool                      `json:"generateResultFile,omitempty"`    // nil: yes
	GenerateErrorFile  *bool                      `json:"generateErrorFile,omitempty"`     // nil: yes; without it there are no rejects to read
	ResultFilePattern  string                     `json:"resultFileNamePattern,omitempty"` // assumed, and so is the next: how output files are named
	ErrorFilePattern   string                     `json:"errorFileNamePattern,omitempty"`
	ReportRecipients   []string                   `json:"reportRecipients,omitempty"` // e-mail addresses
	Schedule           *Schedule                  `json:"schedule,omitempty"`         // nil: not by the clock; with one, a Location
	Location           *LocationRef               `json:"location,omitempty"`         // where files are fetched from; without Schedule, their arrival starts the ETL (assumed)
	Extra              map[string]json.RawMessage `json:"-"`

	raw json.RawMessage // of RawDefinition
}

// RawDefinition is a definition in JSON, for what the working form cannot say. Create, Replace and RunOnce send it byte
// for byte; anything but a JSON object is an error of theirs. RunOnce checks files against what it can read of it in the
// working form; where that does not tell the tables, [Loads] must. The other fields of the Definition must be left alone.
func RawDefinition(object json.RawMessage) Definition {
	return Definition{raw: append(json.RawMessage{}, object...)}
}

// read reads a raw definition in the working form, as far as it has it.
func (d Definition) read() (known Definition, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(d.raw, &fields); err != nil || fields == nil {
		return known, &ValidationError{Column: "RawDefinition", Rule: "json", Detail: "it must be a JSON object", Err: err}
	}
	raw := d.raw
	if d.raw = nil; !reflect.ValueOf(d).IsZero() {
		return known, &ValidationError{Column: "RawDefinition", Rule: "definition", Detail: "it is sent as it is: write into it what the Definition's fields say"}
	}
	var form Definition
	if json.Unmarshal(raw, &form) == nil {
		known = form
	}
	return known, nil
}

// InputFile says how one file is loaded into one table. [ProfileTable.InputFile] and [CustomTable.InputFile] derive
// one from a struct.
type InputFile struct {
	FileNamePattern string                     `json:"fileNamePattern"`       // may hold placeholders of the date: customers_$yyyyMMdd.csv
	Optional        bool                       `json:"optional"`              // an import without this file does not fail
	Compression     Compression                `json:"compression,omitempty"` // "" is ZIP
	Encoding        Encoding                   `json:"encoding,omitempty"`    // "" is UTF-8
	Format          Format                     `json:"format,omitzero"`
	Destination     Destination                `json:"destination"`
	Mode            Mode                       `json:"mode,omitempty"` // "" is CREATE_UPDATE
	Mapping         []Mapping                  `json:"attributesMapping,omitempty"`
	Transformations transform.List             `json:"transformations,omitempty"` // what the server makes of the cells before it loads them; RunOnce and Create take the kinds that it is known to have
	Extra           map[string]json.RawMessage `json:"-"`

	// EmptyCells declares what an empty cell does to an existing value. It is not sent: it tells the library.
	EmptyCells EmptyCells `json:"-"`

	// Local are transformations that run here, while the file is staged; nil for none. They may name any column of the
	// file, mapped or not. They are neither sent nor stored: data that [ETLService.Trigger] is given for a definition that
	// was created with them goes as it is, unless it brings its own, by its table or [Transformed]. Where the server
	// fetches the file, they are an error.
	Local *transform.Specification `json:"-"`

	key string // of the table's rows that it was derived from; "" if it is not known
	err error  // why it could not be derived
}

// Format says how a CSV file is written. Fields at zero are those of the file in a one shot, and a comma and "\n" in
// what is stored.
type Format struct {
	Separator string                     `json:"separator,omitempty"` // one ASCII character
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

// Compression is how a file is compressed.
type Compression string

// The compressions.
const (
	ZIP          Compression = "ZIP"
	GZIP         Compression = "GZIP"
	Uncompressed Compression = "NONE" // assumed: the name
)

// Encoding is how a file's text is encoded.
type Encoding string

// The encodings that Actito reads.
const (
	UTF8     Encoding = "UTF-8"
	ISO88591 Encoding = "ISO-8859-1"
)

// UnmarshalJSON keeps unknown fields.
func (d *Definition) UnmarshalJSON(b []byte) error {
	type known Definition
	return keepExtra(b, (*known)(d), &d.Extra)
}

// MarshalJSON writes unknown fields too, and a [RawDefinition] as it is.
func (d Definition) MarshalJSON() ([]byte, error) {
	if d.raw != nil {
		return d.raw, nil
	}
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

// keepExtra decodes an object into known, a pointer to a struct, and everything it has no field for into extra. Names
// have to match exactly. Where a text is a number, as ids are in some answers, its digits are the text. A pointer, a
// number or transformations whose value has another form stay at zero, and the value is in extra.
func keepExtra(object []byte, known any, extra *map[string]json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return err
	}
	v := reflect.ValueOf(known).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		raw, found := fields[name]
		if name == "" || name == "-" || !found {
			continue
		}
		kind := v.Field(i).Kind()
		list, isList := v.Field(i).Addr().Interface().(*transform.List)
		var number json.Number
		if kind == reflect.String && raw[0] != '"' && json.Unmarshal(raw, &number) == nil {
			v.Field(i).SetString(number.String())
		} else if err := json.Unmarshal(raw, v.Field(i).Addr().Interface()); err != nil {
			if kind == reflect.Pointer || kind == reflect.Int || isList {
				v.Field(i).SetZero()
				continue
			}
			return fmt.Errorf("%s: %w", name, err)
		} else if isList && len(*list) == 0 {
			continue // the empty list is written by leaving it out
		}
		delete(fields, name)
	}
	*extra = nil
	if len(fields) > 0 {
		*extra = fields
	}
	return nil
}

// addExtra encodes known, a struct, and extra as one object. Of two fields with one name, it keeps the one in extra.
func addExtra(known any, extra map[string]json.RawMessage) ([]byte, error) {
	object, err := json.Marshal(known)
	if err != nil || len(extra) == 0 {
		return object, err
	}
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	maps.Copy(fields, extra)
	return json.Marshal(fields)
}
