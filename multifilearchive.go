package actito

import (
	"archive/zip"
	"cmp"
	"fmt"
	"io"
	"strings"
)

// OneArchive sends all files of an import in one ZIP archive, in the order of the definition, in place of one for each
// (assumed: the service takes both; that an archive may hold several CSV files is documented). The files must be packed as
// [ZIP], and the archive is bound to the 100,000,000 bytes that one file of a call may have. What [Once] compares is the
// same as without it.
func OneArchive() ImportOption {
	return importOption(func(im *importRun) { im.oneArchive = true })
}

// endOfDirectory is what each ZIP archive ends with, and one of several files only once.
const endOfDirectory = 22

// bundle puts the only entries of ZIP archives into one, as they are compressed.
func (b bounds) bundle(files []StagedFile) (*Staged, error) {
	size := int64(endOfDirectory)
	var names []string
	for _, f := range files {
		if f.Compression != ZIP {
			return nil, &ValidationError{File: f.Name, Rule: "one-archive",
				Detail: fmt.Sprintf("the file is packed as %s, and OneArchive takes those packed as ZIP: see Pack, and Compression of the definition", f.Compression)}
		}
		names, size = append(names, f.Name), size+f.Size-endOfDirectory
	}
	if size > b.limit {
		return nil, &FileTooLargeError{File: strings.Join(names, ", "), Size: size, Limit: b.limit, Files: len(files)}
	}
	whole := StagedFile{Name: "files", Compression: ZIP, compressed: &spool{bounds: b, name: "the archive of all files"}}
	archive := zip.NewWriter(whole.compressed)
	var err error
	for i := 0; i < len(files) && err == nil; i++ {
		if err = files[i].copyTo(archive); err != nil {
			err = fmt.Errorf("actito: %s: putting it into one archive: %w", files[i].Name, err)
		}
	}
	if err = cmp.Or(err, archive.Close()); err != nil {
		_ = whole.compressed.Close()
		return nil, err
	}
	whole.Size = whole.compressed.size
	return &Staged{files: []StagedFile{whole}}, nil
}

// copyTo copies the entry of the file's own archive.
func (f *StagedFile) copyTo(archive *zip.Writer) error {
	content, err := f.compressed.content()
	if err != nil {
		return err
	}
	own, err := zip.NewReader(content, f.Size)
	if err != nil {
		return err
	}
	entry := own.File[0].FileHeader
	entry.Extra = nil // holds 64-bit sizes at most, which the writer adds itself
	packed, err := own.File[0].OpenRaw()
	if err != nil {
		return err
	}
	w, err := archive.CreateRaw(&entry)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, packed)
	return err
}
