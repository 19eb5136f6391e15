package actito

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/actito-go/actito/transform"
)

// Data is one file to import: a CSV file that exists, or rows that become one. Nothing is read before it is staged,
// which the calls that start an import do by themselves; see [Stage] for what staging checks.
//
// A Data made from a path or bytes can be staged any number of times, one made from a reader or from rows once.
type Data struct {
	name        string      // the CSV file's name, which the definition's file name pattern has to match
	separator   byte        // 0: not said; staging takes a comma
	encoding    Encoding    // "": not said; staging takes UTF-8
	compression Compression // as sent; "": not said; staging takes ZIP
	packed      Compression // of the data itself; "" is a CSV file
	entry       string      // of an archive; "" for its only one
	excel       bool        // what a spreadsheet program saved is repaired
	typed       bool        // made of rows
	named       bool        // by Named, which goes before other names
	skipInvalid bool
	local       *transform.Specification // runs while it is staged; nil for none
	onServer    *transform.Specification // the definition's, which has to be the same; nil for none
	wrong       string                   // with those
	key         string                   // the column of the rows' key; "" if it is not known
	blanks      blankRule
	produce     producer
}

// producer delivers the file's text to the sink, header first. What it returns ends the staging: the file is taken
// for complete only after nil.
type producer func(ctx context.Context, sink *csvSink, d *Data) error

// DataOption says how a file is written, and how it is sent.
type DataOption func(*Data)

// SeparatedBy says which byte separates the cells, where it is not a comma or what the import's definition says. It
// may be any ASCII character but NUL, a quote or a line end.
func SeparatedBy(separator byte) DataOption {
	return func(d *Data) { d.separator = separator }
}

// Encoded says how the text is encoded, where it is not UTF-8 or what the import's definition says. A file in
// [ISO88591] is sent byte for byte; one that is UTF-8 all the same is refused, and so is one with the characters of
// Windows-1252 that are not in ISO-8859-1: [FromExcel] takes those.
func Encoded(e Encoding) DataOption {
	return func(d *Data) { d.encoding = e }
}

// Pack says how the file is compressed when it is sent, where that is not ZIP or what the import's definition says.
func Pack(c Compression) DataOption {
	return func(d *Data) { d.compression = c }
}

// Named gives the CSV file another name than that of the path.
func Named(name string) DataOption {
	return func(d *Data) { d.name, d.named = name, true }
}

// DataFile is the CSV file at path. Its name, without directories, is the name that the server sees. The file must not
// change while it is staged.
func DataFile(path string, opts ...DataOption) Data {
	return newData(filepath.Base(path), opts, func(ctx context.Context, sink *csvSink, d *Data) error {
		before, err := os.Stat(path) // before opening, since that could block: path may be a named pipe
		if err != nil {
			return fmt.Errorf("actito: %s: %w", sink.file, err)
		}
		if !before.Mode().IsRegular() {
			return sink.fail(0, "not-a-file", "this is a directory or device, not a file; DataReader takes pipes and devices")
		}
		f, err := os.Open(path) //nolint:gosec // the caller's file
		if err != nil {
			return fmt.Errorf("actito: %s: %w", sink.file, err)
		}
		defer f.Close()
		wrong := d.read(ctx, sink, f, f, before.Size())
		after, err := f.Stat()
		if err != nil {
			return fmt.Errorf("actito: %s: %w", sink.file, err)
		}
		if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) { // which explains whatever is wrong
			return sink.fail(0, "changed", "the file changed while it was read: write it under another name and rename it once it is complete")
		}
		return wrong
	})
}

// DataBytes is a CSV file in memory. The bytes must not change while they are staged.
func DataBytes(name string, b []byte, opts ...DataOption) Data {
	return newData(name, opts, func(ctx context.Context, sink *csvSink, d *Data) error {
		r := bytes.NewReader(b)
		return d.read(ctx, sink, r, r, r.Size())
	})
}

// DataReader is a CSV file that is read from r, exactly once: staging it a second time is an error, also after a
// failure. An error of r fails the staging. r is not closed, and a Read that blocks holds up cancellation until it
// returns.
func DataReader(name string, r io.Reader, opts ...DataOption) Data {
	return newData(name, opts, once(func(ctx context.Context, sink *csvSink, d *Data) error {
		if r == nil {
			return sink.fail(0, "no-data", "the reader is nil")
		}
		return d.read(ctx, sink, r, nil, 0)
	}))
}

// read has the CSV file checked that r is, or holds. An archive needs the other two.
func (d *Data) read(ctx context.Context, sink *csvSink, r io.Reader, at io.ReaderAt, size int64) error {
	r, err := d.unpack(r, at, size)
	if err != nil {
		return err
	}
	return sink.readFrom(ctx, r)
}

func newData(name string, opts []DataOption, produce producer) Data {
	d := Data{name: name, produce: produce}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		opt(&d)
	}
	if !d.named {
		d.name = d.unpackedName()
	}
	return d
}

func once(produce producer) producer {
	var used atomic.Bool
	return func(ctx context.Context, sink *csvSink, d *Data) error {
		if used.Swap(true) {
			return sink.fail(0, "read-once", "a reader or rows can be read only once: Stage them and use what is staged more than once")
		}
		return produce(ctx, sink, d)
	}
}

// check refuses what cannot be staged before anything is read.
func (d Data) check() error {
	// Separators of paths, also foreign ones: the name stands in an archive, and some unpackers would follow it.
	bad := d.name == "" || d.name == "." || d.name == ".." || len(d.name) > 200 || !utf8.ValidString(d.name) ||
		strings.ContainsAny(d.name, `/\`) || strings.ContainsFunc(d.name, unicode.IsControl)
	if bad {
		return &ValidationError{Rule: "file-name", Detail: fmt.Sprintf("data needs a plain file name of at most 200 bytes, not %.210q", d.name)}
	}
	refuse := func(rule, detail string) error { return &ValidationError{File: d.name, Rule: rule, Detail: detail} }
	switch {
	case d.wrong != "":
		return refuse(ruleTransform, d.wrong)
	case d.separator != 0 && !separates(d.separator):
		return refuse("separator", fmt.Sprintf("%q cannot separate cells", d.separator))
	case d.encoding != "" && d.encoding != UTF8 && d.encoding != ISO88591:
		return refuse("encoding", fmt.Sprintf("the encoding is UTF8 or ISO88591, not %.50q", d.encoding))
	case d.compression != "" && !d.compression.known():
		return refuse("compression", fmt.Sprintf("a file is sent as ZIP, GZIP or Uncompressed, not as %.50q", d.compression))
	case d.packed != "" && !d.packed.known():
		return refuse("unpack", fmt.Sprintf("a file is unpacked from ZIP or GZIP, not from %.50q", d.packed))
	case d.typed && (d.excel || d.packed != ""):
		return refuse("rows", "FromExcel and Unpack are for files that exist, not for rows")
	case d.excel && d.encoding == ISO88591:
		return refuse("encoding", "FromExcel makes UTF-8 of the file: leave Encoded(ISO88591) out")
	}
	return nil
}

// separates reports whether a byte can separate cells.
func separates(b byte) bool {
	return b != 0 && b < utf8.RuneSelf && b != '"' && b != '\r' && b != '\n'
}

func (c Compression) known() bool { return c == ZIP || c == GZIP || c == Uncompressed }
