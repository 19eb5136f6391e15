package actito

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
)

// stagedRow is a row of a file that is read back after it was staged.
type stagedRow struct {
	*recordReader        // of its cells
	raw           []byte // with its line end
}

// eachRow reads the file back, and gives its header and then each row to functions. What they are given ends with the
// call. The file is in order, since it was checked or written when it was staged.
func (f *StagedFile) eachRow(ctx context.Context, header, row func(r stagedRow) error) error {
	content, err := f.compressed.content()
	if err != nil {
		return err
	}
	text, err := (&Data{name: f.Name, packed: f.Compression}).unpack(content, content, f.Size)
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(text, csvBufferSize)
	r := stagedRow{recordReader: newRecordReader(f.separator, f.Encoding, math.MaxInt)}
	for take := header; ; take = row {
		if r.raw, err = nextRecord(in, r.raw[:0]); err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("actito: %s: reading it back: %w", f.Name, err)
		}
		r.read(r.raw)
		r.endCell()
		if err := take(r); err != nil {
			return err
		}
		r.reset()
	}
}

// nextRecord reads a record of such a file, with its line end, behind what is in record.
func nextRecord(in *bufio.Reader, record []byte) ([]byte, error) {
	for quotes := 0; ; {
		piece, err := in.ReadSlice('\n')
		record = append(record, piece...)
		quotes += bytes.Count(piece, []byte{'"'})
		switch {
		case errors.Is(err, io.EOF) && len(record) > 0, err == nil && quotes%2 == 0:
			return record, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return record, err
		}
	}
}

// rowNumbers counts the rows of a file, those that were refused included.
type rowNumbers struct {
	last    int
	refused []Refusal
}

func (n *rowNumbers) next() int {
	n.last++
	for len(n.refused) > 0 && n.refused[0].Row == n.last {
		n.last, n.refused = n.last+1, n.refused[1:]
	}
	return n.last
}
