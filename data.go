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
)

// Data is one file to import: a CSV file that exists, or rows that become one. Nothing is read before it is staged,
// which the calls that start an import do by themselves; see [Stage] for what staging checks.
//
// A Data made from a path or bytes can be staged any number of times, one made from a reader or from rows once.
type Data struct {
	name        string      // the CSV file's name, which the definition's file name pattern has to match
	separator   byte        // 0: not said; staging takes a comma
	compression Compression // "": not said; staging takes ZIP
	blanks      blankRule
	produce     producer
}

// producer delivers the file's bytes to the sink, header first. What it returns ends the staging: the file is taken
// for complete only after nil.
type producer func(ctx context.Context, sink *csvSink, blanks blankRule) error

// DataOption says how a file is written.
type DataOption func(*Data)

// SeparatedBy says which byte separates the cells, where it is not a comma or what the import's definition says. It
// may be any ASCII character but NUL, a quote or a line end.
func SeparatedBy(separator byte) DataOption {
	return func(d *Data) { d.separator = separator }
}

// DataFile is the CSV file at path. Its name, without directories, is the name that the server sees. The file must not
// change while it is staged.
func DataFile(path string, opts ...DataOption) Data {
	return newData(filepath.Base(path), opts, func(ctx context.Context, sink *csvSink, _ blankRule) error {
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
		if err := sink.readFrom(ctx, f); err != nil {
			return err
		}
		after, err := f.Stat()
		if err != nil {
			return fmt.Errorf("actito: %s: %w", sink.file, err)
		}
		if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
			return sink.fail(0, "changed", "the file changed while it was read: write it under another name and rename it once it is complete")
		}
		return nil
	})
}

// DataBytes is a CSV file in memory. The bytes must not change while they are staged.
func DataBytes(name string, b []byte, opts ...DataOption) Data {
	return newData(name, opts, func(ctx context.Context, sink *csvSink, _ blankRule) error {
		return sink.readFrom(ctx, bytes.NewReader(b))
	})
}

// DataReader is a CSV file that is read from r, exactly once: staging it a second time is an error, also after a
// failure. An error of r fails the staging. r is not closed, and a Read that blocks holds up cancellation until it
// returns.
func DataReader(name string, r io.Reader, opts ...DataOption) Data {
	return newData(name, opts, once(func(ctx context.Context, sink *csvSink, _ blankRule) error {
		if r == nil {
			return sink.fail(0, "no-data", "the reader is nil")
		}
		return sink.readFrom(ctx, r)
	}))
}

func newData(name string, opts []DataOption, produce producer) Data {
	d := Data{name: name, produce: produce}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		opt(&d)
	}
	return d
}

func once(produce producer) producer {
	var used atomic.Bool
	return func(ctx context.Context, sink *csvSink, blanks blankRule) error {
		if used.Swap(true) {
			return sink.fail(0, "read-once", "a reader or rows can be read only once: Stage them and use what is staged more than once")
		}
		return produce(ctx, sink, blanks)
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
	if s := d.separator; s >= utf8.RuneSelf || s == '"' || s == '\r' || s == '\n' {
		return &ValidationError{File: d.name, Rule: "separator", Detail: fmt.Sprintf("%q cannot separate cells", s)}
	}
	return nil
}
