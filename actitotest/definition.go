package actitotest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const latin1 = "ISO-8859-1"

// definition is what the fake reads of an ETL definition; the rest of it is kept
// and given back. // assumed: all names of the v5 form
type definition struct {
	Name               string       `json:"name"`
	InputFiles         []inputFile  `json:"inputFiles"`
	GenerateResultFile bool         `json:"generateResultFile"`
	GenerateErrorFile  bool         `json:"generateErrorFile"`
	ResultFilePattern  string       `json:"resultFileNamePattern"`
	ErrorFilePattern   string       `json:"errorFileNamePattern"`
	ReportRecipients   []string     `json:"reportRecipients"`
	Schedule           *schedule    `json:"schedule"`
	Location           *locationRef `json:"location"`
}

type locationRef struct {
	ID string `json:"id"`
}

type inputFile struct {
	FileNamePattern string            `json:"fileNamePattern"`
	Compression     string            `json:"compression"`
	Optional        bool              `json:"optional"`
	Encoding        string            `json:"encoding"`
	Format          *format           `json:"format"`
	Transformations []json.RawMessage `json:"transformations"`
	Destination     destination       `json:"destination"`
	Mode            string            `json:"mode"`
	Mapping         []mapping         `json:"attributesMapping"`

	table     *table
	separator rune
	steps     []step // of Transformations
}

type format struct {
	Separator string `json:"separator"`
	EndOfLine string `json:"endOfLine"` // both line ends are read, whichever is declared
	Enclosing string `json:"enclosing"`
	Escaping  string `json:"escaping"`
}

type mapping struct {
	Column    string `json:"headerColumn"`
	Attribute string `json:"attributeName"`
}

type destination struct {
	TableType string `json:"tableType"`
	TableID   string `json:"tableId"`
}

// parseDefinition reads and checks a definition.
func (s *Server) parseDefinition(entity string, raw []byte) (*definition, *problem) {
	d := &definition{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid definition: %v", err)
	}
	if len(d.InputFiles) == 0 {
		return nil, refuse(http.StatusBadRequest, "the definition has no inputFiles")
	}
	for i := range d.InputFiles {
		f := &d.InputFiles[i]
		if len(d.InputFiles) > 1 && f.FileNamePattern == "" {
			return nil, refuse(http.StatusBadRequest, "inputFiles[%d] needs a fileNamePattern among several", i)
		}
		if message := f.check(s, entity); message != "" {
			return nil, refuse(http.StatusBadRequest, "inputFiles[%d]: %s", i, message)
		}
	}
	if message := d.check(s, entity); message != "" {
		return nil, refuse(http.StatusBadRequest, "%s", message)
	}
	return d, nil
}

// check says what is wrong with a definition beside its files.
func (d *definition) check(s *Server, entity string) string {
	if d.Location != nil {
		if l := s.location(entity, d.Location.ID); l == nil || l.id != d.Location.ID {
			return "there is no such location"
		}
	}
	for _, address := range d.ReportRecipients {
		if !plausible(address) {
			return "reportRecipients holds no e-mail address"
		}
	}
	for _, pattern := range []string{d.ResultFilePattern, d.ErrorFilePattern} {
		if message := checkPattern(pattern); message != "" {
			return message
		}
	}
	switch {
	case d.Schedule == nil:
		return ""
	case d.Location == nil:
		return "a schedule needs a location"
	}
	return d.Schedule.check()
}

// check completes a file's definition, or says what is wrong with it.
// assumed: without format the separator is the comma of RFC 4180, without encoding
// it is UTF-8, without mode nothing is done
func (f *inputFile) check(s *Server, entity string) string {
	f.separator = ','
	if f.Format != nil && f.Format.Separator != "" {
		f.separator, _ = utf8.DecodeRuneInString(f.Format.Separator)
	}
	if f.Compression == "" {
		f.Compression = "NONE"
	}
	for _, kind := range []tableKind{profileTable, customTable} {
		if kind.wireType() == f.Destination.TableType {
			f.table = s.lookUp(entity, kind, f.Destination.TableID)
		}
	}
	quotes := f.Format == nil || strings.Trim(f.Format.Enclosing+f.Format.Escaping, `"`) == ""
	switch {
	case f.table == nil:
		return "there is no such destination"
	case !slices.Contains([]string{"CREATE_ONLY", "UPDATE_ONLY", "CREATE_UPDATE"}, f.Mode):
		return "the mode is none"
	case !slices.Contains([]string{"", "UTF-8", latin1}, f.Encoding):
		return "the encoding must be UTF-8 or ISO-8859-1"
	case !slices.Contains([]string{"NONE", "ZIP", "GZIP"}, f.Compression):
		return "the compression must be ZIP, GZIP or NONE"
	case f.Format != nil && utf8.RuneCountInString(f.Format.Separator) > 1:
		return "the separator must be one character"
	case strings.ContainsRune("\"\r\n", f.separator):
		return "the separator must not be a quote or a line end"
	case !quotes:
		return "only the quote encloses and escapes"
	case len(f.Mapping) == 0:
		return "attributesMapping is empty"
	}
	if message := checkPattern(f.FileNamePattern); message != "" {
		return message
	}
	columns, attributes := map[string]bool{}, map[string]bool{}
	for _, m := range f.Mapping {
		if columns[m.Column] || attributes[m.Attribute] {
			return "a column or attribute is mapped twice: " + m.Column
		}
		columns[m.Column], attributes[m.Attribute] = true, true
		if !f.table.loadable(m.Attribute) {
			return "there is no attribute " + m.Attribute
		}
	}
	if err := f.parseSteps(); err != nil {
		return err.Error()
	}
	return ""
}

const subscriptionColumn = "subscriptions#"

// loadable says whether a column may be mapped to a name.
func (t *table) loadable(name string) bool {
	if subscription, ok := strings.CutPrefix(name, subscriptionColumn); ok {
		return slices.Contains(t.Subscriptions, subscription)
	}
	return t.attribute(name) != nil || t.isOwn(name)
}
