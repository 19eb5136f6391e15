package actitotest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
)

// scrubDepth is how deep the structure of a JSON body is kept.
const scrubDepth = 24

// Fields of JSON bodies whose values are kept: words of the service, flags of structures and definitions, and names of
// attributes and columns. As names of attributes, in bodies that have their values by their names, they mean nothing.
var (
	wordFields = []string{
		"status", "type", "valueType", "tableType", "mode", "encoding", "compression", "frequency", "protocol", "eventType",
		"on", "onDelete", "webhookPushType", "errorCode", "code", "origin",
	}
	flagFields = []string{
		"unique", "mandatory", "multiValued", "indexed", "optional", "generateResultFile", "generateErrorFile", "isActive", "active",
	}
	nameFields = []string{
		"headerColumn", "attributeName", "attribute", "primaryKeyAttribute", "creationTimeAttribute", "errorColumn",
	}
	knownWords = []string{"bearer", "Bearer", "read write", "UTF-8", "ISO-8859-1", "Europe/Brussels", "UTC"}

	// In an object in these fields, the fields are named by the user's data, and so are all below.
	dataFields = []string{"attributes", "properties", "key", "data", "values", "subscriptions", "segmentations"}
	// In an array in these, "name" is the name of an attribute.
	attributeLists = []string{"attributes", "properties"}
)

// scrubBody describes a body by its beginning.
func scrubBody(contentType, contentEncoding string, head []byte, size int64) any {
	cut := size > int64(len(head))
	if contentEncoding == "gzip" {
		if r, err := gzip.NewReader(bytes.NewReader(head)); err == nil {
			var failed error
			head, failed = io.ReadAll(io.LimitReader(r, recordedBytes))
			cut = cut || failed != nil || len(head) == recordedBytes
		}
	}
	media, params, _ := mime.ParseMediaType(contentType)
	switch media {
	case "multipart/form-data":
		return scrubMultipart(head, params["boundary"], size)
	case "application/json", "application/problem+json":
		return scrubJSON(head, cut, size)
	case "text/csv", "application/zip", "application/gzip", "application/octet-stream":
		return scrubFileBody(head, size, true)
	}
	return scrubFileBody(head, size, false)
}

// scrubFileBody says how large a file is, and which columns it has.
func scrubFileBody(head []byte, size int64, columns bool) any {
	out := map[string]any{"bytes": size}
	if !columns {
		return out
	}
	text := io.Reader(bytes.NewReader(head))
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		out["archive"] = "ZIP"
		text = firstEntry(head)
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		out["archive"] = "GZIP"
		text = opened(head)
	}
	if names := header(text); names != nil {
		out["columns"] = names
	}
	return out
}

func opened(head []byte) io.Reader {
	r, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return bytes.NewReader(nil)
	}
	return r
}

// firstEntry reads the first file of a ZIP archive whose end is not there.
func firstEntry(head []byte) io.Reader {
	const fixed = 30
	if len(head) < fixed {
		return bytes.NewReader(nil)
	}
	data := fixed + int(binary.LittleEndian.Uint16(head[26:])) + int(binary.LittleEndian.Uint16(head[28:]))
	if data > len(head) {
		return bytes.NewReader(nil)
	}
	if binary.LittleEndian.Uint16(head[8:]) == zip.Deflate {
		return flate.NewReader(bytes.NewReader(head[data:]))
	}
	return bytes.NewReader(head[data:])
}

// header is the first line of a CSV file, if all of its cells are written like names.
func header(text io.Reader) []string {
	start, _ := io.ReadAll(io.LimitReader(text, 8<<10)) // what could be read counts
	line, _, whole := bytes.Cut(start, []byte("\n"))
	if !whole {
		return nil
	}
	cells := strings.FieldsFunc(strings.TrimRight(string(line), "\r"), func(r rune) bool { return strings.ContainsRune(",;|\t", r) })
	for i, cell := range cells {
		cells[i] = strings.Trim(cell, `"`)
		if !nameShape.MatchString(cells[i]) {
			return []string{fmt.Sprintf("<%d columns>", len(cells))}
		}
	}
	return cells
}

// scrubMultipart describes the parts that are at the beginning of a form.
func scrubMultipart(head []byte, boundary string, size int64) any {
	out := map[string]any{"bytes": size}
	parts := []any{}
	form := multipart.NewReader(bytes.NewReader(head), boundary)
	for boundary != "" {
		part, err := form.NextRawPart()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				parts = append(parts, "<cut>")
			}
			break
		}
		content, err := io.ReadAll(part)
		described := map[string]any{"name": scrubName(part.FormName()), "contentType": scrubMedia(part.Header.Get("Content-Type"))}
		if _, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition")); params["filename"] != "" {
			described["fileName"] = scrubFile(params["filename"])
		}
		described["content"] = scrubPart(part.Header.Get("Content-Type"), content, err != nil)
		parts = append(parts, described)
	}
	out["parts"] = parts
	return out
}

func scrubPart(contentType string, content []byte, cut bool) any {
	if media, _, _ := mime.ParseMediaType(contentType); media == "application/json" {
		return scrubJSON(content, cut, int64(len(content)))
	}
	described := scrubFileBody(content, int64(len(content)), true)
	if fields, ok := described.(map[string]any); ok && cut {
		fields["bytes"] = "<cut>"
	}
	return described
}

// scrubJSON keeps the structure of a JSON text, as far as it is there.
func scrubJSON(text []byte, cut bool, size int64) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	s := &jsonScrub{d: d}
	value := s.value(place{})
	switch {
	case s.err != nil && !cut:
		return map[string]any{"bytes": size, "json": false}
	case !cut && d.More():
		return map[string]any{"bytes": size, "json": false}
	}
	return value
}

// place is where a value stands.
type place struct {
	field string // of the object that it is in
	list  string // the field of the array whose elements are its object
	data  bool   // below a field whose object has the user's names
	depth int
}

type jsonScrub struct {
	d   *json.Decoder
	err error
}

// value reads a value and gives what is kept of it; at an error, which a text that was cut ends with, what it has.
func (s *jsonScrub) value(at place) any {
	token, err := s.d.Token()
	if err != nil {
		s.err = err
		return "<cut>"
	}
	switch t := token.(type) {
	case json.Delim:
		if at.depth == scrubDepth {
			s.err = errors.New("too deep")
			return "<deep>"
		}
		if t == '[' {
			return s.array(at)
		}
		return s.object(at)
	case string:
		return scrubText(at, t)
	case json.Number:
		return scrubNumber(at, t)
	case bool:
		if !at.data && slices.Contains(flagFields, at.field) {
			return t
		}
		return "<boolean>"
	}
	return nil
}

func (s *jsonScrub) array(at place) any {
	list := []any{}
	inner := place{field: "", list: at.field, data: at.data, depth: at.depth + 1}
	for s.err == nil && s.d.More() {
		list = append(list, s.value(inner))
	}
	s.close()
	return list
}

func (s *jsonScrub) object(at place) any {
	fields := map[string]any{}
	data := at.data || slices.Contains(dataFields, at.field) || at.list == "data"
	if at.field != "" {
		at.list = "" // this is no element of it
	}
	for s.err == nil && s.d.More() {
		token, err := s.d.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			s.err = errors.Join(err, io.ErrUnexpectedEOF)
			break
		}
		inner := place{field: name, list: at.list, data: data, depth: at.depth + 1}
		if at.field == "values" { // of a mapping: from value to value
			name = shape(name)
		}
		fields[scrubName(name)] = s.value(inner)
	}
	s.close()
	return fields
}

func (s *jsonScrub) close() {
	if s.err != nil {
		return
	}
	_, s.err = s.d.Token()
}

func scrubText(at place, text string) string {
	switch {
	case at.data:
	case slices.Contains(knownWords, text):
		return text
	case slices.Contains(wordFields, at.field) && enumShape.MatchString(text):
		return text
	case at.field == "expiresIn" && lifeShape.MatchString(text):
		return text
	case at.field == "href":
		return scrubURL(text)
	case slices.Contains(nameFields, at.field) && nameShape.MatchString(text),
		at.field == "name" && slices.Contains(attributeLists, at.list) && nameShape.MatchString(text):
		return text
	}
	return shape(text)
}

// scrubNumber keeps the status in the body of an error.
func scrubNumber(at place, n json.Number) json.Number {
	switch {
	case !at.data && at.field == "status" && len(n) == 3:
		return n
	case strings.ContainsAny(string(n), ".eE"):
		return "0.0"
	}
	return "0"
}
