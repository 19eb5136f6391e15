package actito

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/actito-go/actito/internal/multipart"
)

const (
	// assumed: the documented 100 MB are decimal, and are counted on the file as sent, which is compressed.
	maxFileSize = 100_000_000
	// What is smaller once compressed, as most imports are, never touches the disk.
	stagingMemory = 4 << 20
	// Twice as fast as the default level, for archives of tables that are about a tenth larger.
	compressionLevel = 3
)

// FileTooLargeError is a file that was refused here, before anything was sent or counted, since Actito would refuse it.
// It matches [ErrInvalid].
type FileTooLargeError struct {
	File  string
	Size  int64 // bytes as sent when staging stopped; the whole file is larger
	Limit int64 // 100,000,000: documented as 100 MB, assumed to be decimal and to mean the compressed file
}

func (e *FileTooLargeError) Error() string {
	return fmt.Sprintf("actito: %s: more than %d bytes, compressed: Actito takes no larger file in one call; import it in several", e.File, e.Limit)
}

// Is matches ErrInvalid.
func (e *FileTooLargeError) Is(target error) bool { return target == ErrInvalid }

// Staged is data that was checked and compressed, ready to be sent any number of times. Small files are held in memory,
// others in temporary files that only the current user can read. Close it when no call uses it any more. It is safe for
// concurrent use.
type Staged struct {
	files []StagedFile
}

// StagedFile is one file of a [Staged].
type StagedFile struct {
	Name string // of the CSV file; it is sent as the only entry of a ZIP archive of that name and ".zip"
	Rows int    // records, without the header; one may span several lines
	Size int64  // bytes as sent
	Part int    // from 1, of a file that SplitAbove cut; 0: it is whole

	Refused []Refusal // rows that were left out; of a file that was cut, all are with the first part

	header     []string          // column names, in the file's order
	separator  byte              // of the cells
	empty      EmptyCells        // as declared for its rows
	lineEnd    string            // of the records, "\n" or "\r\n"; "" if none of them has one
	textSize   int64             // bytes before compression
	hash       [sha256.Size]byte // of the text, so that it does not depend on the compression
	compressed *spool
}

// Stage checks and compresses data without sending anything, in one pass and in constant memory. Calls that start an
// import do so by themselves; staging apart shows problems early, and lets one reading serve several calls. Each Data
// becomes an archive of its own, in which the CSV file is byte for byte what it was.
//
// Files must be CSV (RFC 4180) with a header line, in UTF-8 without a byte-order mark, not compressed; line ends are LF
// or CRLF, the same throughout, and the last may be missing. Blank lines are refused: an empty cell of a file with one
// column is written "". A file that breaks a rule is a [*ValidationError] with line and column, one without rows is
// [ErrNoRows], one above 100 MB, compressed, is a [*FileTooLargeError]. Any error, of a reader, of rows or of the
// context too, discards all that was staged.
func Stage(ctx context.Context, data ...Data) (*Staged, error) {
	return bounds{limit: maxFileSize, memory: stagingMemory}.stage(ctx, data)
}

// bounds are those of what is staged.
type bounds struct {
	limit  int64  // bytes of each file as sent
	memory int    // bytes of each file that are held in memory
	dir    string // of temporary files; "" for the system's
}

func (b bounds) stage(ctx context.Context, data []Data) (*Staged, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: no data was given", ErrNoRows)
	}
	seen := make(map[string]bool, len(data))
	for _, d := range data {
		if err := d.check(); err != nil {
			return nil, err
		}
		if seen[d.name] {
			return nil, &ValidationError{File: d.name, Rule: "file-name", Detail: "two files of one import have this name"}
		}
		seen[d.name] = true
	}
	s := new(Staged)
	complete := false
	defer func() {
		if !complete { // also when a user's reader or iterator panicked
			_ = s.Close()
		}
	}()
	for _, d := range data {
		s.files = append(s.files, StagedFile{Name: d.name, compressed: &spool{bounds: b, name: d.name}})
		if err := s.files[len(s.files)-1].fill(ctx, d); err != nil {
			return nil, err
		}
	}
	complete = true
	return s, nil
}

// fill writes d into the spool.
func (f *StagedFile) fill(ctx context.Context, d Data) error {
	archive := zip.NewWriter(f.compressed)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, compressionLevel)
	})
	entry, err := archive.CreateHeader(&zip.FileHeader{
		Name:     d.name,
		Method:   zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), // ZIP's earliest: the same text makes the same archive
	})
	if err != nil {
		return err
	}
	hash := sha256.New()
	if d.separator == 0 {
		d.separator = ','
	}
	sink := newCSVSink(d.name, d.separator, io.MultiWriter(hash, entry))
	if err := d.produce(ctx, sink, d.blanks); err != nil {
		return err
	}
	if err := sink.finish(ctx); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	f.separator, f.empty = d.separator, d.blanks.empty
	f.Rows, f.header, f.lineEnd, f.textSize = sink.rows, sink.header, sink.lineEnd, sink.size
	f.Size, f.hash = f.compressed.size, [sha256.Size]byte(hash.Sum(nil))
	return nil
}

// Files describes what is staged, in the order in which it was given.
func (s *Staged) Files() []StagedFile { return slices.Clone(s.files) }

// Close discards what is staged, temporary files included. A call that is still sending it may fail. Closing again does
// nothing, and so does closing nil.
func (s *Staged) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.compressed.Close())
	}
	return errors.Join(errs...)
}

// part is the file as a part of a form.
func (f *StagedFile) part() multipart.Part {
	return multipart.Part{
		Field:       partFile,
		File:        f.Name + ".zip",
		ContentType: "application/zip",
		Size:        f.Size,
		Open:        f.compressed.open,
	}
}
