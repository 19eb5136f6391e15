package actito

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// Unpack declares that the data is a CSV file compressed with [GZIP], or the only file of a [ZIP] archive, which cannot
// be read from a reader. The CSV file in it is checked and sent like any other. It has the name of the data without ".gz"
// or ".zip", unless [Named] gives it another.
func Unpack(c Compression) DataOption {
	return func(d *Data) { d.packed = c }
}

// UnpackEntry declares that the data is a [ZIP] archive, and chooses the file in it, by its name with directories. Its
// name without them is that of the CSV file, unless [Named] gives it another.
func UnpackEntry(name string) DataOption {
	return func(d *Data) { d.packed, d.entry = ZIP, name }
}

// unpackedName is the name of the CSV file in a packed one.
func (d *Data) unpackedName() string {
	extension := map[Compression]string{ZIP: ".zip", GZIP: ".gz"}[d.packed]
	switch at := len(d.name) - len(extension); {
	case d.entry != "":
		return path.Base(d.entry)
	case at > 0 && strings.EqualFold(d.name[at:], extension):
		return d.name[:at]
	}
	return d.name
}

// unpack returns the CSV file in r. An archive needs the other two.
func (d *Data) unpack(r io.Reader, at io.ReaderAt, size int64) (io.Reader, error) {
	refuse := func(detail string, cause error) error {
		return &ValidationError{File: d.name, Rule: "unpack", Detail: detail, Err: cause}
	}
	switch d.packed {
	case GZIP:
		unpacked, err := gzip.NewReader(r)
		if err != nil {
			return nil, refuse("the data is not compressed with GZIP, or damaged", err)
		}
		return unpacked, nil
	case ZIP:
		if at == nil {
			return nil, refuse("a ZIP archive cannot be read from a reader: give it as a file or bytes", nil)
		}
		archive, err := zip.NewReader(at, size)
		if err != nil {
			return nil, refuse("the data is not a ZIP archive, or damaged", err)
		}
		archive.RegisterDecompressor(zip.Deflate, flate.NewReader)
		var names []string
		var found *zip.File
		for _, f := range archive.File {
			if f.FileInfo().IsDir() || d.entry != "" && f.Name != d.entry {
				continue
			}
			names, found = append(names, fmt.Sprintf("%.100q", f.Name)), f
		}
		switch {
		case len(names) > 1 && d.entry != "":
			return nil, refuse("the archive has several files of this name", nil)
		case len(names) > 1:
			return nil, refuse(fmt.Sprintf("the archive has %d files: choose one with UnpackEntry, of %s",
				len(names), strings.Join(names[:min(len(names), 10)], ", ")), nil)
		case len(names) == 0:
			return nil, refuse("the archive does not have the file", nil)
		case !fs.ValidPath(found.Name) || strings.Contains(found.Name, `\`):
			return nil, refuse("the name of the file leads out of the archive", nil)
		case !found.Mode().IsRegular():
			return nil, refuse("the file in the archive is a link or a device", nil)
		case found.Flags&1 != 0:
			return nil, refuse("the file in the archive is encrypted", nil)
		}
		unpacked, err := found.Open()
		if err != nil {
			return nil, refuse("the file in the archive is compressed in a way that is not known: compress it with Deflate", err)
		}
		return unpacked, nil
	}
	return r, nil
}
