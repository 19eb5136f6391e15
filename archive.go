package actito

import (
	"archive/zip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// archive is what a compressed file is wrapped in. Its writer gets the deflate stream of one CSV file, or its text where
// nothing is compressed. The same text makes the same archive: it holds no time.
type archive struct {
	io.Writer
	compression Compression
	zip         *zip.Writer
	entry       *zip.FileHeader

	text   int64 // bytes of the CSV file so far
	packed int64 // of them, compressed
	crc    uint32
}

// endOfStream is an empty last block of a deflate stream.
const endOfStream = "\x03\x00"

func newArchive(w io.Writer, c Compression, name string) (*archive, error) {
	a := &archive{Writer: w, compression: c}
	switch c {
	case ZIP:
		a.zip = zip.NewWriter(w)
		a.entry = &zip.FileHeader{Name: name, Method: zip.Deflate,
			Flags:          0x8,      // sizes and checksum follow the content
			CreatorVersion: 20,       // 2.0, as the next
			ReaderVersion:  20,       // for deflate
			ModifiedDate:   1<<5 | 1, //nolint:staticcheck // 1980-01-01, ZIP's earliest; CreateRaw ignores Modified
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
			a.entry.Flags |= 0x800 // the name is UTF-8
		}
		var err error
		if a.Writer, err = a.zip.CreateRaw(a.entry); err != nil {
			return nil, err
		}
		return a, a.zip.Flush()
	case GZIP:
		// Its only flag says that a name follows, which Actito compares with the pattern.
		_, err := io.WriteString(w, "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff"+name+"\x00")
		return a, err
	}
	return a, nil
}

// add takes a block: its text, and what it became.
func (a *archive) add(text, packed []byte) error {
	a.text += int64(len(text))
	a.packed += int64(len(packed))
	a.crc = crc32.Update(a.crc, crc32.IEEETable, text)
	if _, err := a.Write(packed); err != nil || a.zip == nil {
		return err
	}
	return a.zip.Flush()
}

// rest is how many bytes follow the blocks once so many bytes of text are in.
func (a *archive) rest(text int64) int64 {
	switch a.compression {
	case ZIP:
		const descriptor, directory, end = 16, 46, 22
		n := len(endOfStream) + descriptor + directory + len(a.entry.Name) + end
		if text >= math.MaxUint32 {
			n += 8 + 28 // sizes of 64 bits
		}
		return int64(n)
	case GZIP:
		return int64(len(endOfStream)) + 8
	}
	return 0
}

// finish writes what follows the blocks.
func (a *archive) finish() error {
	if a.compression == Uncompressed {
		return nil
	}
	if err := a.add(nil, []byte(endOfStream)); err != nil {
		return err
	}
	if a.compression == GZIP {
		sums := binary.LittleEndian.AppendUint32(nil, a.crc)
		_, err := a.Write(binary.LittleEndian.AppendUint32(sums, uint32(a.text&math.MaxUint32))) // modulo 2^32, as its format says
		return err
	}
	e := a.entry
	e.CRC32, e.UncompressedSize64, e.CompressedSize64 = a.crc, uint64(a.text), uint64(a.packed) //nolint:gosec // not negative
	e.UncompressedSize = uint32(min(a.text, math.MaxUint32))                                    //nolint:gosec,staticcheck // CreateRaw leaves it to its caller
	e.CompressedSize = uint32(min(a.packed, math.MaxUint32))                                    //nolint:gosec,staticcheck // CreateRaw leaves it to its caller
	return a.zip.Close()
}

// archived says how a file is sent: the name of its part, and the content type.
func archived(c Compression, name string) (file, contentType string) {
	switch c {
	case GZIP:
		return name + ".gz", "application/gzip"
	case Uncompressed:
		return name, "text/csv"
	}
	return name + ".zip", "application/zip"
}
