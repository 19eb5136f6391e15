package conformance

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// withoutCategory is a path as it was before there were categories.
func withoutCategory(path string) string {
	category, rest, _ := strings.Cut(path[1:], "/")
	if category == "auth" {
		return path
	}
	return "/" + rest
}

// target is the path and query of a request, in one of the forms of paths.
func (r request) target(unprefixed bool, vars variables) (string, url.Values, error) {
	path, err := vars.path(r.Path)
	if err != nil {
		return "", nil, err
	}
	if unprefixed {
		path = withoutCategory(path)
	}
	query := url.Values{}
	for name, value := range r.Query {
		if value, err = vars.expand(value); err != nil {
			return "", nil, err
		}
		query.Set(name, value)
	}
	return path, query, nil
}

// build makes the request for the server's half.
func (r request) build(base, token string, unprefixed bool, vars variables) (*http.Request, error) {
	path, query, err := r.target(unprefixed, vars)
	if err != nil {
		return nil, err
	}
	body, contentType, err := r.content(vars)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(r.Method, base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.URL.RawQuery = query.Encode()
	req.Header = http.Header{"Accept": {"application/json"}, "Authorization": {"Bearer " + token}}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for name, value := range r.Headers {
		req.Header.Del(name)
		if value == nil {
			continue
		}
		text, err := vars.expand(*value)
		if err != nil {
			return nil, err
		}
		req.Header.Set(name, text)
	}
	return req, nil
}

func (r request) content(vars variables) (body []byte, contentType string, err error) {
	switch {
	case r.Parts != nil:
		return r.form(vars)
	case r.Body == nil:
		return nil, "", nil
	}
	value, err := vars.all(r.Body)
	if err != nil {
		return nil, "", err
	}
	body, err = json.Marshal(value)
	return body, "application/json", err
}

func (r request) form(vars variables) ([]byte, string, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, p := range r.Parts {
		var content []byte
		fileName := p.Name + ".json"
		if p.Files != nil {
			files, err := vars.fileTexts(p.Files)
			if err != nil {
				return nil, "", err
			}
			content, fileName = packed(files), "conformance.zip"
		} else {
			value, err := vars.all(p.JSON)
			if err != nil {
				return nil, "", err
			}
			if content, err = json.Marshal(value); err != nil {
				return nil, "", err
			}
		}
		part, _ := w.CreatePart(textproto.MIMEHeader{ // a buffer takes everything
			"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, p.Name, fileName)},
			"Content-Type":        {p.ContentType},
		})
		_, _ = part.Write(content)
	}
	_ = w.Close()
	return body.Bytes(), w.FormDataContentType(), nil
}

func packed(files map[string]string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entry, _ := w.Create(name) // a buffer takes everything
		_, _ = io.WriteString(entry, files[name])
	}
	_ = w.Close()
	return b.Bytes()
}

func unpacked(archive []byte) (map[string]string, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, f := range r.File {
		entry, err := f.Open()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(entry)
		if err != nil {
			return nil, err
		}
		files[f.Name] = string(text)
	}
	return files, nil
}

// compare tells how a request of the SDK differs from the scenario's.
func (r request) compare(req *http.Request, body []byte, unprefixed bool, vars variables) error {
	path, query, err := r.target(unprefixed, vars)
	if err != nil {
		return err
	}
	if got := req.Method + " " + req.URL.EscapedPath(); got != r.Method+" "+path {
		return fmt.Errorf("the request is %s, not %s %s", got, r.Method, path)
	}
	if got := req.URL.Query().Encode(); got != query.Encode() {
		return fmt.Errorf("the query is %q, not %q", got, query.Encode())
	}
	for name, want := range r.Headers {
		got, there := req.Header[name]
		switch {
		case want == nil && there:
			return fmt.Errorf("the header %s is sent", name)
		case want == nil:
			continue
		}
		text, err := vars.expand(*want)
		if err != nil {
			return err
		}
		if strings.Join(got, ", ") != text {
			return fmt.Errorf("the header %s is not %q", name, *want)
		}
	}
	if r.Parts != nil {
		return r.compareForm(req, body, vars)
	}
	return compareJSON("the body", r.Body, body, vars)
}

// aMark is what the library adds to the name of an import, to find it again.
var aMark = regexp.MustCompile(` \[run-[A-Z2-7]{16}\]`)

func compareJSON(where string, pattern any, body []byte, vars variables) error {
	if len(body) == 0 || pattern == nil {
		if len(body) > 0 || pattern != nil {
			return fmt.Errorf("%s has %d bytes, which is not as in the scenario", where, len(body))
		}
		return nil
	}
	var value any
	if err := json.Unmarshal(aMark.ReplaceAll(body, nil), &value); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	wanted, err := vars.all(pattern)
	if err != nil {
		return err
	}
	return match(where, wanted, value, true, vars)
}

func (r request) compareForm(req *http.Request, body []byte, vars variables) error {
	media, params, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return fmt.Errorf("the Content-Type is %q, not multipart/form-data", media)
	}
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for i, p := range r.Parts {
		got, err := form.NextRawPart()
		if err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		if got.FormName() != p.Name || got.FileName() == "" || got.Header.Get("Content-Type") != p.ContentType {
			return fmt.Errorf("part %d is %s with %s as %q", i+1, got.FormName(), got.Header.Get("Content-Type"), got.FileName())
		}
		content, err := io.ReadAll(got)
		if err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		if p.Files == nil {
			if err := compareJSON(p.Name, p.JSON, content, vars); err != nil {
				return err
			}
			continue
		}
		if err := compareFiles(p.Files, content, vars); err != nil {
			return err
		}
	}
	if _, err := form.NextRawPart(); err != io.EOF {
		return fmt.Errorf("there are more parts than %d", len(r.Parts))
	}
	return nil
}

func compareFiles(patterns map[string]string, archive []byte, vars variables) error {
	wanted, err := vars.fileTexts(patterns)
	if err != nil {
		return err
	}
	files, err := unpacked(archive)
	if err != nil {
		return fmt.Errorf("the archive: %w", err)
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, slices.Sorted(maps.Keys(wanted))) {
		return fmt.Errorf("the archive has %d files, not those of the scenario", len(got))
	}
	for name, text := range files {
		if err := matchFile(name, wanted[name], text); err != nil {
			return err
		}
	}
	return nil
}

// compare tells how an answer differs from the scenario's. With anyDone each of 200, 201 and 204 is as good as another: which
// of them the real service answers is not known for all calls.
func (a answer) compare(got *received, vars variables, anyDone bool) error {
	done := anyDone && got.status/100 == 2 && a.Status/100 == 2
	if got.status != a.Status && !done {
		return fmt.Errorf("the status is %d, not %d", got.status, a.Status)
	}
	for name, want := range a.Headers {
		want, err := vars.path(want)
		if err != nil {
			return err
		}
		value := got.header.Get(name)
		switch captured, isID := strings.CutPrefix(want, "<id "); {
		case isID: // the last segment of a path
			id := value[strings.LastIndex(value, "/")+1:]
			if id == "" {
				return fmt.Errorf("the header %s has no id", name)
			}
			vars[strings.TrimSuffix(captured, ">")] = id
		case want == "<absent>" && value != "", want != "<absent>" && value != want:
			return fmt.Errorf("the header %s is not as in the scenario", name)
		}
	}
	switch {
	case a.Files != nil:
		return compareFiles(a.Files, got.body, vars)
	case a.Body == nil:
		return nil
	case a.Body == "<nothing>" && len(got.body) > 0:
		return fmt.Errorf("the answer has a body of %d bytes", len(got.body))
	case a.Body == "<nothing>":
		return nil
	}
	var value any
	if err := json.Unmarshal(got.body, &value); err != nil {
		return fmt.Errorf("the answer is not JSON")
	}
	wanted, err := vars.all(a.Body)
	if err != nil {
		return err
	}
	return match("the answer", wanted, value, false, vars)
}

// received is an answer as it came.
type received struct {
	status int
	header http.Header
	body   []byte
}

// canned makes the answer that the SDK's half is given.
func (a answer) canned(req *http.Request, vars variables) (*http.Response, error) {
	resp := &http.Response{
		StatusCode: a.Status, Status: http.StatusText(a.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Request: req,
	}
	for name, value := range a.Headers {
		if captured, isID := strings.CutPrefix(value, "<id "); isID {
			vars[strings.TrimSuffix(captured, ">")] = "101"
			value = req.URL.Path + "/101"
		}
		value, err := vars.path(value)
		if err != nil {
			return nil, err
		}
		if value != "<absent>" {
			resp.Header.Set(name, value)
		}
	}
	var body []byte
	switch {
	case a.Files != nil:
		files, err := vars.fileTexts(a.Files)
		if err != nil {
			return nil, err
		}
		for name := range files {
			files[name] = strings.ReplaceAll(files[name], "<any>", "something")
		}
		body = packed(files)
	case a.Text != "":
		body = []byte(a.Text)
	case a.Body != nil && a.Body != "<nothing>":
		value, err := vars.all(a.Body)
		if err != nil {
			return nil, err
		}
		if body, err = json.Marshal(render(value, vars)); err != nil {
			return nil, err
		}
		if resp.Header.Get("Content-Type") == "" {
			resp.Header.Set("Content-Type", "application/json")
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}
