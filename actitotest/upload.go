package actitotest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// uploaded is what came in a multipart call.
type uploaded struct {
	parameters []byte // nil if there was no such part
	files      []ImportFile
	data       [][]byte // of the files
}

// readUpload reads a multipart body. Every part needs a file name and a content
// type. A body that ends before its last boundary is refused as a whole.
func readUpload(body io.Reader, boundary string, limit int64) (*uploaded, *problem) {
	limit = unlimited(limit, 100_000_000)
	u := &uploaded{}
	for parts := multipart.NewReader(body, boundary); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return u, nil
		}
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "invalid multipart body: %v", err)
		}
		name, contentType := part.FileName(), part.Header.Get("Content-Type")
		if name == "" || contentType == "" {
			return nil, refuse(http.StatusBadRequest, "part %q needs a file name and a content type", part.FormName())
		}
		data, err := io.ReadAll(io.LimitReader(part, limit+1))
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "invalid multipart body: %v", err)
		}
		if int64(len(data)) > limit {
			return nil, refuse(http.StatusBadRequest, "the file is larger than %d bytes", limit)
		}
		switch {
		case part.FormName() == "inputFile":
			u.files = append(u.files, ImportFile{
				Name: name, ContentType: contentType, Size: int64(len(data)),
				Content: bytes.Clone(data[:min(len(data), bodyBound)]),
			})
			u.data = append(u.data, data)
		case part.FormName() == "parameters" && u.parameters == nil:
			u.parameters = data
		default:
			return nil, refuse(http.StatusBadRequest, "part %q is not expected", part.FormName())
		}
	}
}

// csvFile is one CSV file as it came, alone or in an archive.
type csvFile struct {
	names       []string // that a pattern may fit
	archive     string   // that it came in, "" if in none
	compression string
	data        []byte
	err         error // of its archive
}

// unpack lists the CSV files of an upload.
func (u *uploaded) unpack() []*csvFile {
	var list []*csvFile
	for i, sent := range u.files {
		list = append(list, unpack(sent.Name, u.data[i])...)
	}
	return list
}

// unpack lists the CSV files in a file, whose compression its first bytes tell.
func unpack(name string, data []byte) []*csvFile {
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return unzip(name, data)
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		return []*csvFile{gunzip(name, data)}
	}
	return []*csvFile{{names: []string{name}, compression: "NONE", data: data}}
}

// fitting is the name by which a file fits a pattern.
func (f *csvFile) fitting(pattern string, now time.Time) (string, bool) {
	for _, name := range f.names {
		if fits(pattern, name, now) {
			return name, true
		}
	}
	return "", false
}

func unzip(name string, data []byte) []*csvFile {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return []*csvFile{{names: []string{name}, archive: name, compression: "ZIP", err: err}}
	}
	var list []*csvFile
	for _, entry := range archive.File {
		f := &csvFile{names: []string{path.Base(entry.Name)}, archive: name, compression: "ZIP"}
		f.data, f.err = readAll(entry.Open())
		list = append(list, f)
	}
	return list
}

func gunzip(name string, data []byte) *csvFile {
	f := &csvFile{names: []string{name, strings.TrimSuffix(name, ".gz")}, compression: "GZIP"}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil && r.Name != "" {
		f.names = append(f.names, path.Base(r.Name))
	}
	f.data, f.err = readAll(r, err)
	return f
}

func readAll[R io.ReadCloser](r R, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, err
}

// placeholder finds dates in a file name pattern, such as $yyyyMMdd.
var placeholder = regexp.MustCompile(`\$(yyyy|yy|MM|dd|HH|mm|ss)+([-_](yyyy|yy|MM|dd|HH|mm|ss)+)*`)

// misplaced finds what looks like a date and is none, or is followed by a letter.
var misplaced = regexp.MustCompile(`\$[a-zA-Z]|\x00[a-zA-Z]`)

// checkPattern says what is wrong with a file name pattern.
func checkPattern(pattern string) string {
	if misplaced.MatchString(placeholder.ReplaceAllString(pattern, "\x00")) {
		return "the pattern " + pattern + " has an unknown placeholder"
	}
	return ""
}

// dates writes the parts of a date at t; those of the time of day are given.
func dates(t time.Time, hour, minute, second string) *strings.Replacer {
	return strings.NewReplacer("$", "", "yyyy", t.Format("2006"), "yy", t.Format("06"),
		"MM", t.Format("01"), "dd", t.Format("02"), "HH", hour, "mm", minute, "ss", second)
}

// resolve writes a pattern as the name that is expected at t.
func resolve(pattern string, t time.Time) string {
	return placeholder.ReplaceAllStringFunc(pattern, dates(t, t.Format("15"), t.Format("04"), t.Format("05")).Replace)
}

// fits says whether a file name has the form of a pattern on the day of t. The
// time of day may be any: a file is named before it arrives. No pattern fits every
// name.
func fits(pattern, name string, t time.Time) bool {
	const twoDigits = "[0-9]{2}"
	return pattern == "" || matches(pattern, name, dates(t, twoDigits, twoDigits, twoDigits))
}

// likeness says whether a file name has the form of a pattern on some day.
func likeness(pattern, name string) bool {
	return pattern == "" || matches(pattern, name, strings.NewReplacer("$", "", "yyyy", "[0-9]{4}", "yy", "[0-9]{2}",
		"MM", "[0-9]{2}", "dd", "[0-9]{2}", "HH", "[0-9]{2}", "mm", "[0-9]{2}", "ss", "[0-9]{2}"))
}

// matches compares a name with a pattern whose dates are written as expressions.
func matches(pattern, name string, day *strings.Replacer) bool {
	expr, end := "^", 0
	for _, at := range placeholder.FindAllStringIndex(pattern, -1) {
		expr += regexp.QuoteMeta(pattern[end:at[0]]) + day.Replace(pattern[at[0]:at[1]])
		end = at[1]
	}
	ok, err := regexp.MatchString(expr+regexp.QuoteMeta(pattern[end:])+"$", name)
	return ok && err == nil
}
