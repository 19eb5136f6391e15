// Package multipart makes multipart/form-data bodies whose length is known before they are sent and that can be opened
// again for every attempt. mime/multipart can do neither without holding the whole body in memory.
package multipart

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Part is one file of a form.
type Part struct {
	Field       string // the form field
	File        string // the file name that the server sees
	ContentType string
	Size        int64 // exactly what a reader from Open delivers, in bytes
	Open        func() (io.ReadCloser, error)
}

// Form is a body made of parts, in order. It does not change once it is made, and is safe for concurrent use as far as
// the parts' Open functions are.
type Form struct {
	boundary string
	parts    []Part
	heads    []string // what precedes each part's content
	tail     string
	length   int64
}

// New makes a form. It opens nothing. It refuses names that cannot be written into a part's header.
func New(parts ...Part) (*Form, error) {
	f := &Form{boundary: rand.Text(), parts: slices.Clone(parts)}
	lineEnd := "" // the line end before a boundary belongs to the boundary, and the first one has none
	for _, p := range parts {
		for _, s := range []string{p.Field, p.File, p.ContentType} {
			if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				return nil, fmt.Errorf("multipart: %q is empty or has characters that a part's header cannot hold", s)
			}
		}
		if p.Size < 0 {
			return nil, fmt.Errorf("multipart: %s: negative size", p.File)
		}
		head := fmt.Sprintf("%s--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\nContent-Type: %s\r\n\r\n",
			lineEnd, f.boundary, quoted.Replace(p.Field), quoted.Replace(p.File), p.ContentType)
		f.heads = append(f.heads, head)
		f.length += int64(len(head)) + p.Size
		lineEnd = "\r\n"
	}
	f.tail = lineEnd + "--" + f.boundary + "--\r\n"
	f.length += int64(len(f.tail))
	return f, nil
}

// quoted escapes names the way mime/multipart does. Other characters than ASCII stay as they are, in UTF-8, as browsers
// send them: few servers read the filename* form.
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// ContentType is the request's Content-Type, with the boundary. It is the same for every Open.
func (f *Form) ContentType() string { return "multipart/form-data; boundary=" + f.boundary }

// Length is the exact length of the body in bytes.
func (f *Form) Length() int64 { return f.length }

// Open returns the body from its start. Bodies are independent of each other. All parts are opened here, so that a part
// that cannot be opened is known before the first byte leaves.
//
// A part that delivers fewer or more bytes than its size makes Read fail, every time from then on, before another
// boundary is delivered: the server can never take the body for complete.
func (f *Form) Open() (io.ReadCloser, error) {
	readers := make([]io.Reader, 0, 2*len(f.parts)+1)
	closers := make([]io.Closer, 0, len(f.parts))
	closeAll := func() error {
		var errs []error
		for _, c := range closers {
			errs = append(errs, c.Close())
		}
		return errors.Join(errs...)
	}
	for i, p := range f.parts {
		content, err := p.Open()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("multipart: %s: %w", p.File, err), closeAll())
		}
		closers = append(closers, content)
		readers = append(readers, strings.NewReader(f.heads[i]), &exactReader{file: p.File, r: content, left: p.Size})
	}
	readers = append(readers, strings.NewReader(f.tail))
	return &body{Reader: io.MultiReader(readers...), close: sync.OnceValue(closeAll)}, nil
}

type body struct {
	io.Reader
	close func() error
}

func (b *body) Close() error { return b.close() }

// exactReader fails unless r ends after exactly the bytes that are left.
type exactReader struct {
	file string
	r    io.Reader
	left int64
	err  error // io.EOF after the right number of bytes, or why the body cannot be completed
}

func (e *exactReader) Read(p []byte) (int, error) {
	if e.err != nil || len(p) == 0 {
		return 0, e.err
	}
	// One byte more than is due shows a source that goes on.
	n, err := e.r.Read(p[:min(int64(len(p)), e.left+1)])
	switch {
	case int64(n) > e.left:
		n = int(e.left)
		err = fmt.Errorf("multipart: %s: the content is longer than announced", e.file)
	case errors.Is(err, io.EOF) && int64(n) < e.left:
		err = fmt.Errorf("multipart: %s: %w", e.file, io.ErrUnexpectedEOF)
	case err != nil && !errors.Is(err, io.EOF):
		err = fmt.Errorf("multipart: %s: %w", e.file, err)
	}
	e.left -= int64(n)
	e.err = err
	return n, err
}
