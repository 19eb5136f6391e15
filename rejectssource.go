package actito

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"slices"
	"unicode/utf8"
)

// Source sets [Reject].SourceLine: the data that was imported is read alongside, once, in constant memory. It is matched
// by its file name; what can be read only once has to be made again. The line is that of the file as it was sent, in
// which a spreadsheet's first line may be missing. A file that was transformed by its definition's Local needs [Transformed].
//
// assumed: rejects come in the order of the file, with the cells that it has. The first row with a reject's cells is
// taken for it. Once a row is not found in that order, its line and those after it are 0.
func Source(data ...Data) RejectsOption {
	return func(s *sources) { s.data = append(s.data, data...) }
}

// sources are the files that rejects came from.
type sources struct {
	data []Data
	open map[string]*source
}

// line finds a reject in the file that it came from.
func (s *sources) line(ctx context.Context, f *rejectsFile, cells []string) (int, error) {
	i := slices.IndexFunc(s.data, func(d Data) bool { return d.name == f.name })
	if i < 0 {
		return 0, nil
	}
	from := s.open[f.name]
	if from == nil {
		from = openSource(ctx, s.data[i], f.csv.Comma)
		if s.open == nil {
			s.open = make(map[string]*source)
		}
		s.open[f.name] = from
	}
	return from.find(f.header[:len(f.header)-2], cells)
}

func (s *sources) close() {
	for _, from := range s.open {
		from.stop()
	}
}

// source is a file that was imported, read up to the row that was found last.
type source struct {
	name  string
	next  func() ([]byte, error, bool)
	stop  func()
	csv   *csv.Reader
	chunk []byte
}

func openSource(ctx context.Context, d Data, separator rune) *source {
	if d.separator == 0 && separator < utf8.RuneSelf {
		d.separator = byte(separator) //nolint:gosec // it is ASCII
	}
	s := &source{name: d.name}
	s.next, s.stop = iter.Pull2(d.text(ctx))
	s.csv = csv.NewReader(s)
	s.csv.ReuseRecord = true
	if separates(d.separator) { // else text fails, or takes a comma
		s.csv.Comma = rune(d.separator)
	}
	return s
}

// Read takes the file's text from the data.
func (s *source) Read(p []byte) (int, error) {
	for len(s.chunk) == 0 {
		chunk, err, more := s.next()
		if err != nil {
			return 0, err
		}
		if !more {
			return 0, io.EOF
		}
		s.chunk = chunk
	}
	n := copy(p, s.chunk)
	s.chunk = s.chunk[n:]
	return n, nil
}

// find reads on to a row with these cells and returns its line, 0 if there is none.
func (s *source) find(header, cells []string) (int, error) {
	for first := s.csv.InputOffset() == 0; ; first = false {
		got, err := s.csv.Read()
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if first && !slices.EqualFunc(got, header, sameCell) {
			return 0, &ValidationError{File: s.name, Line: 1, Rule: "header",
				Detail: "the Source has other columns than its rejects: it is not the file that was imported"}
		}
		if !first && slices.EqualFunc(got, cells, sameCell) {
			line, _ := s.csv.FieldPos(0)
			return line, nil
		}
	}
}

// sameCell compares a cell of the source, in the encoding in which it was sent, with one in UTF-8.
func sameCell(source, cell string) bool { return source == cell || toUTF8(source) == cell }

// text yields the file's bytes as they are sent. A chunk stays until the next one.
func (d Data) text(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		err := d.check()
		if err == nil {
			d.blanks.createOnly = true
			sink := newSink(&d, chunks(yield))
			if err = d.produce(ctx, sink, &d); err == nil {
				err = sink.finish(ctx)
			}
		}
		if err != nil && !errors.Is(err, errLeft) {
			yield(nil, err)
		}
	}
}

// chunks takes a file whose text is yielded.
type chunks func([]byte, error) bool

func (yield chunks) begin(_ []string, header []byte) error { return yield.write(header, true) }

func (yield chunks) write(p []byte, _ bool) error {
	if !yield(p, nil) {
		return errLeft
	}
	return nil
}
