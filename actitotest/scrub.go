package actitotest

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What a recording shows is chosen by lists of what may be shown; all else becomes a placeholder.
var (
	nameShape   = regexp.MustCompile(`^[A-Za-z_][A-Za-z_.#-]{0,39}[0-9]{0,3}$`) // a field, an attribute, a column
	enumShape   = regexp.MustCompile(`^[A-Z][A-Z_]{1,39}$`)
	uuidShape   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	numberShape = regexp.MustCompile(`^-?[0-9]+([.,][0-9]+)?$`)
	emailShape  = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	lifeShape   = regexp.MustCompile(`^[0-9]{1,6}(ms|s|m|h)?$`)

	methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

	mediaTypes = []string{
		"*/*", "application/*", "application/gzip", "application/json", "application/octet-stream",
		"application/problem+json", "application/xml", "application/zip", "multipart/form-data",
		"text/csv", "text/html", "text/plain", "text/xml",
	}
	charsets = []string{"utf-8", "iso-8859-1", "windows-1252", "us-ascii"}

	extensions = []string{".csv", ".gz", ".json", ".txt", ".xml", ".zip"}
)

// pathWords are the words of the service's paths.
func pathWord(segment string) bool {
	if slices.Contains([]string{"", "errors", "bulk", "import", "subscriptions", "segmentations", "records"}, segment) {
		return true
	}
	for i := range routes {
		if !strings.HasPrefix(segment, "{") && slices.Contains(strings.Split(routes[i].path, "/"), segment) {
			return true
		}
	}
	return false
}

// scrubPath keeps the words of an escaped path, and the name of the attribute of a profile's key.
func scrubPath(path string) string {
	segments := strings.Split(path, "/")
	before := ""
	for i, segment := range segments {
		if !pathWord(segment) {
			segment, matrix, hasMatrix := strings.Cut(segment, ";")
			if before == "profile" || before == "profiles" {
				segments[i] = scrubKey(segment)
			} else {
				segments[i] = scrubEscaped(segment)
			}
			if category, is := strings.CutPrefix(matrix, "category="); is {
				segments[i] += ";category=" + scrubEscaped(category)
			} else if hasMatrix {
				segments[i] += ";" + scrubEscaped(matrix)
			}
		}
		before = segment
	}
	return strings.Join(segments, "/")
}

func scrubKey(text string) string {
	name, value, named := strings.Cut(text, "=")
	if named && nameShape.MatchString(name) {
		return name + "=" + scrubEscaped(value)
	}
	return scrubEscaped(text)
}

func scrubEscaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	return shape(text)
}

func scrubHost(host string) string {
	if first, ok := strings.CutSuffix(host, ".actito.com"); ok && !strings.Contains(first, ".") && strings.HasPrefix(first, "api") {
		return host
	}
	return "<host>"
}

func scrubMethod(method string) string {
	if method == "" || slices.Contains(methods, method) {
		return method
	}
	return shape(method)
}

// scrubQuery keeps the names of parameters and those values that are flags or name attributes.
func scrubQuery(raw string) map[string][]string {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return map[string][]string{"<invalid>": nil}
	}
	out := map[string][]string{}
	for name, values := range query {
		for _, v := range values {
			flag := slices.Contains([]string{"allowUpdate", "ascending"}, name) && (v == "true" || v == "false")
			attribute := slices.Contains([]string{"searchField", "sortedField"}, name) && nameShape.MatchString(v)
			if !flag && !attribute {
				v = shape(v)
			}
			out[scrubName(name)] = append(out[scrubName(name)], v)
		}
	}
	return out
}

func scrubName(name string) string {
	if nameShape.MatchString(name) {
		return name
	}
	return shape(name)
}

// scrubHeader keeps the headers that say how things are said, and of the others that may settle something the names.
func scrubHeader(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		value := strings.Join(values, ", ")
		switch strings.ToLower(name) {
		case "accept", "content-type":
			out[name] = scrubMedia(value)
		case "content-encoding", "accept-encoding", "expect", "allow":
			out[name] = scrubWords(value)
		case "authorization":
			out[name] = "<key>"
			if strings.HasPrefix(value, "Bearer ") {
				out[name] = "Bearer <token>"
			}
		case "location":
			out[name] = scrubURL(value)
		case "retry-after", "content-length":
			if out[name] = shape(value); lifeShape.MatchString(value) {
				out[name] = value
			}
		case "content-disposition":
			disposition, params, _ := mime.ParseMediaType(value)
			out[name] = scrubWords(disposition)
			if file, named := params["filename"]; named {
				out[name] += "; filename=" + scrubFile(file)
			}
		default:
			out[scrubName(name)] = shape(value)
		}
	}
	return out
}

// scrubWords keeps a list of the words that some headers are made of.
func scrubWords(list string) string {
	words := strings.Split(list, ",")
	for i, word := range words {
		word = strings.TrimSpace(word)
		if !slices.Contains(methods, word) && !slices.Contains([]string{"gzip", "deflate", "identity", "br", "100-continue", "attachment", "inline", "form-data"}, word) {
			word = shape(word)
		}
		words[i] = word
	}
	return strings.Join(words, ", ")
}

// scrubMedia keeps the media types that occur here, and the usual character sets.
func scrubMedia(list string) string {
	var out []string
	for part := range strings.SplitSeq(list, ",") {
		media, params, _ := mime.ParseMediaType(part)
		if !slices.Contains(mediaTypes, media) {
			media = "<media type>"
		}
		if set, named := params["charset"]; named {
			if !slices.Contains(charsets, strings.ToLower(set)) {
				set = "<charset>"
			}
			media += "; charset=" + set
		}
		out = append(out, media)
	}
	return strings.Join(out, ", ")
}

// scrubURL keeps what scrubPath keeps, of an absolute URL or a path.
func scrubURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return shape(text)
	}
	out := scrubPath(u.EscapedPath())
	if u.Host != "" {
		out = "https://" + scrubHost(u.Hostname()) + out
	}
	if u.RawQuery != "" {
		out += "?<query>"
	}
	return out
}

// scrubFile keeps the extension of a file's name.
func scrubFile(name string) string {
	for _, extension := range extensions {
		if stem, ok := strings.CutSuffix(name, extension); ok {
			return shape(stem) + extension
		}
	}
	return shape(name)
}

// shape says what a text looks like.
func shape(text string) string {
	switch {
	case text == "":
		return ""
	case uuidShape.MatchString(text):
		return "<uuid>"
	case numberShape.MatchString(text):
		return "<number>"
	case emailShape.MatchString(text):
		return "<email>"
	case slices.Contains([]string{"true", "false"}, text):
		return "<boolean>"
	case hasLayout(text, time.DateOnly):
		return "<date>"
	case hasLayout(text, time.DateTime):
		return "<date-time>"
	case hasLayout(text, time.RFC3339), hasLayout(text, "2006-01-02T15:04:05"), hasLayout(text, "2006-01-02T15:04:05Z0700"):
		return "<date-time with T>"
	case hasLayout(text, http.TimeFormat):
		return "<http date>"
	case len(text) <= 32 && strings.Count(text, ".") == 2 && numberShape.MatchString(strings.ReplaceAll(text, ".", "")):
		return "<version>"
	}
	return fmt.Sprintf("<string %s>", strconv.Itoa(utf8.RuneCountInString(text)))
}

func hasLayout(text, layout string) bool {
	_, err := time.Parse(layout, text)
	return err == nil
}
