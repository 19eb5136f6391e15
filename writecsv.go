package actito

import (
	"errors"
	"io"
	"iter"
)

// csvBlock is how many bytes are collected before they are written.
const csvBlock = 64 << 10

// WriteCSV writes rows to w as a CSV file, byte for byte as [DataRows] has them sent: for archives, and for tests of
// what a job would import. The file is UTF-8, its cells are separated by commas, and its columns are the fields of T
// that are sent. A [DateTime] is written in Europe/Brussels.
//
// A row that no file can hold ends it with a [*ValidationError], whose Line is the row's number from 1. Empty cells are
// always written, since nothing is changed by them here. After an error, w may hold a part of the file.
func WriteCSV[T any](w io.Writer, rows iter.Seq2[T, error], opts ...ColumnOption) error {
	if w == nil || rows == nil {
		return errors.New("actito: WriteCSV: the writer or the rows are nil")
	}
	zone, _, err := homeZone.parse()
	if err != nil {
		return err
	}
	codec, err := newCodec[T]("", zone)
	if err != nil {
		return err
	}
	cols, _, err := columnsOf(codec, nil, opts)
	if err != nil {
		return err
	}
	block, err := cols.appendHeader(make([]byte, 0, csvBlock+csvBlock/4), ',', UTF8)
	if err != nil {
		return err
	}
	n := 0
	for *cols.row, err = range rows {
		n++
		if err != nil {
			return within(err, "row %d", n)
		}
		if block, _, err = cols.appendRow(block, ',', UTF8, cols.row); err != nil {
			return atRow(err, "", n)
		}
		if len(block) >= csvBlock {
			if _, err := w.Write(block); err != nil {
				return err
			}
			block = block[:0]
		}
	}
	_, err = w.Write(block)
	return err
}
