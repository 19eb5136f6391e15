package actito

import (
	"bytes"
	"unicode/utf8"
)

// maxRecord is how many bytes of a row are checked: more is a quote that was never closed, or no table.
const maxRecord = 1 << 20

// A recordReader takes a record of a CSV file apart that [csvSink] has found in order. The cells, in UTF-8, stand in one
// buffer that serves all records, so that a record costs no allocation and memory does not grow with the file.
type recordReader struct {
	separator byte
	latin1    bool      // the file is in ISO-8859-1
	special   [256]bool // the bytes that can end a run of plain ones

	state csvState
	text  []byte // of all cells, one behind the other
	ends  []int  // of the cells in text
	most  int    // bytes of the cells, and how many they are
	long  bool   // the record has more, and what is beyond is left out
}

func newRecordReader(separator byte, encoding Encoding, most int) *recordReader {
	r := &recordReader{separator: separator, latin1: encoding == ISO88591, most: most}
	for _, b := range []byte{separator, '\n', '\r', '"'} {
		r.special[b] = true
	}
	return r
}

func (r *recordReader) cell(i int) []byte {
	start := 0
	if i > 0 {
		start = r.ends[i-1]
	}
	return r.text[start:r.ends[i]]
}

// read takes the next part of the record.
func (r *recordReader) read(p []byte) {
	for i := 0; i < len(p); {
		switch r.state {
		case csvQuoted:
			n := bytes.IndexByte(p[i:], '"')
			if n < 0 {
				n = len(p) - i
			} else {
				r.state = csvQuoteSeen
			}
			r.append(p[i : i+n])
			i += n + 1 // the quote too
			continue
		case csvQuoteSeen:
			r.state = csvPlain
			if p[i] == '"' {
				r.state = csvQuoted
				r.append(p[i : i+1])
				i++
				continue
			}
		}
		n := i
		for n < len(p) && !r.special[p[n]] {
			n++
		}
		r.append(p[i:n])
		if i = n; i == len(p) {
			return
		}
		switch p[i] {
		case r.separator:
			r.endCell()
		case '"':
			r.state = csvQuoted
		}
		i++
	}
}

func (r *recordReader) append(p []byte) {
	switch {
	case len(r.text)+len(p) > r.most:
		r.long = true
	case r.latin1:
		for _, b := range p {
			r.text = utf8.AppendRune(r.text, rune(b))
		}
	default:
		r.text = append(r.text, p...)
	}
}

// endCell ends a cell, the last one of the record too.
func (r *recordReader) endCell() {
	r.state = csvCellStart
	if len(r.ends) == r.most {
		r.long = true
		return
	}
	r.ends = append(r.ends, len(r.text))
}

// reset makes it ready for the next record.
func (r *recordReader) reset() {
	r.state, r.text, r.ends, r.long = csvCellStart, r.text[:0], r.ends[:0], false
}
