package multipart

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func text(file, content string) Part {
	return Part{Field: "inputFile", File: file, ContentType: "text/csv", Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

func form(t require.TestingT, parts ...Part) *Form {
	f, err := New(parts...)
	require.NoError(t, err)
	return f
}

func read(t require.TestingT, f *Form) []byte {
	r, err := f.Open()
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return b
}

func parse(t require.TestingT, f *Form, body io.Reader) *multipart.Reader {
	mediaType, params, err := mime.ParseMediaType(f.ContentType())
	require.NoError(t, err)
	require.Equal(t, "multipart/form-data", mediaType)
	return multipart.NewReader(body, params["boundary"])
}

func TestFormIsReadBackByTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-zA-Zé€😀"' ;=_%.-]{1,20}`)
		content := rapid.SliceOfN(rapid.Byte(), 0, 5000)
		var parts []Part
		var contents [][]byte
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			b := content.Draw(t, "content")
			p := text("x"+name.Draw(t, "file"), string(b))
			p.Field = "x" + name.Draw(t, "field")
			parts, contents = append(parts, p), append(contents, b)
		}
		f := form(t, parts...)
		body := read(t, f)
		require.EqualValues(t, len(body), f.Length())
		require.Equal(t, body, read(t, f), "a second body is the same")

		r := parse(t, f, bytes.NewReader(body))
		for i, want := range parts {
			got, err := r.NextRawPart()
			require.NoError(t, err)
			require.Equal(t, want.Field, got.FormName())
			require.Equal(t, want.File, got.FileName())
			require.Equal(t, want.ContentType, got.Header.Get("Content-Type"))
			b, err := io.ReadAll(got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(contents[i], b))
		}
		_, err := r.NextRawPart()
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestBodyDoesNotDependOnHowItIsRead(t *testing.T) {
	t.Parallel()
	f := form(t, text("a.csv", strings.Repeat("a", 1000)), text("empty.csv", ""), text("b.csv", "b"))
	r, err := f.Open()
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(r, read(t, f)))
}

func TestBodiesAreIndependent(t *testing.T) {
	t.Parallel()
	f := form(t, text("a.csv", "id\n1\n"))
	first, err := f.Open()
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, first, f.Length()-5)
	require.NoError(t, err)
	require.Len(t, read(t, f), int(f.Length()))
	rest, err := io.ReadAll(first)
	require.NoError(t, err)
	require.Len(t, rest, 5)
}

func TestFormsDoNotShareABoundary(t *testing.T) {
	t.Parallel()
	one, other := form(t), form(t)
	require.NotEqual(t, one.ContentType(), other.ContentType())
}

func TestAPartThatIsNotAsAnnouncedNeverCompletesTheBody(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	tests := map[string]struct {
		content io.Reader
		want    error
		message string
	}{
		"content that ends early":            {strings.NewReader("id\n"), io.ErrUnexpectedEOF, "multipart: a.csv: unexpected EOF"},
		"no content":                         {strings.NewReader(""), io.ErrUnexpectedEOF, "multipart: a.csv: unexpected EOF"},
		"content that fails":                 {io.MultiReader(strings.NewReader("id\n"), iotest.ErrReader(broken)), broken, "multipart: a.csv: disk on fire"},
		"content that fails after its size":  {io.MultiReader(strings.NewReader("id\n10\n"), iotest.ErrReader(broken)), broken, "multipart: a.csv: disk on fire"},
		"content that goes on":               {strings.NewReader("id\n10\n20\n"), nil, "multipart: a.csv: the content is longer than announced"},
		"content that goes on, byte by byte": {iotest.OneByteReader(strings.NewReader("id\n10\n2")), nil, "multipart: a.csv: the content is longer than announced"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := text("a.csv", "id\n10\n")
			p.Open = func() (io.ReadCloser, error) { return io.NopCloser(test.content), nil }
			f := form(t, p, text("b.csv", "second"))
			r, err := f.Open()
			require.NoError(t, err)
			b, err := io.ReadAll(r)
			require.EqualError(t, err, test.message)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
			require.NotContains(t, string(b), "\r\n--", "no boundary after the content")
			again, err := io.ReadAll(r)
			require.EqualError(t, err, test.message, "the failure stays")
			require.Empty(t, again)
		})
	}
}

func TestAServerNeverSeesTheEndOfABrokenBody(t *testing.T) {
	t.Parallel()
	seen := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		seen <- err
	}))
	defer server.Close()
	p := text("a.csv", "id\n10\n")
	p.Size++
	f := form(t, p)
	r, err := f.Open()
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, r)
	require.NoError(t, err)
	request.ContentLength = f.Length()
	response, err := server.Client().Do(request)
	if err == nil {
		require.NoError(t, response.Body.Close())
	}
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Error(t, <-seen)
}

type closer struct {
	io.Reader
	closed *int
}

func (c closer) Close() error { *c.closed++; return nil }

func TestEveryPartIsClosedOnce(t *testing.T) {
	t.Parallel()
	var closed int
	p := text("a.csv", "")
	p.Open = func() (io.ReadCloser, error) { return closer{strings.NewReader(""), &closed}, nil }

	r, err := form(t, p, p).Open()
	require.NoError(t, err)
	require.Zero(t, closed)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	require.Equal(t, 2, closed)

	gone := errors.New("gone")
	bad := text("b.csv", "")
	bad.Open = func() (io.ReadCloser, error) { return nil, gone }
	_, err = form(t, p, bad).Open()
	require.ErrorIs(t, err, gone)
	require.ErrorContains(t, err, "b.csv")
	require.Equal(t, 3, closed, "parts that were opened before the one that failed")
}

func TestPartsThatCannotBeWrittenAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*Part){
		"a line end in the file name":    func(p *Part) { p.File = "a\r\nX-Evil: 1" },
		"a control character":            func(p *Part) { p.File = "a\x00.csv" },
		"a file name that is not UTF-8":  func(p *Part) { p.File = "\xff.csv" },
		"no file name":                   func(p *Part) { p.File = "" },
		"no field":                       func(p *Part) { p.Field = "" },
		"a line end in the content type": func(p *Part) { p.ContentType = "text/csv\n" },
		"a negative size":                func(p *Part) { p.Size = -1 },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := text("a.csv", "")
			spoil(&p)
			_, err := New(p)
			require.Error(t, err)
		})
	}
}
