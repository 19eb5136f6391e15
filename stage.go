package actito

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/actito-go/actito/internal/multipart"
	"github.com/actito-go/actito/transform"
)

const (
	// assumed: the documented 100 MB are decimal, and are counted on the file as sent, which is compressed.
	maxFileSize = 100_000_000
	// What is smaller once compressed, as most imports are, never touches the disk.
	stagingMemory = 2 << 20
)

// FileTooLargeError is a file that was refused here, before anything was sent or counted, since Actito would refuse it.
// It matches [ErrInvalid].
type FileTooLargeError struct {
	File  string
	Size  int64 // bytes as sent, of all parts together; with Parts at 0, of the part that is too large
	Limit int64 // 100,000,000, or less with [SplitAbove]: documented as 100 MB, assumed to be decimal and to mean the compressed file
	Parts int   // how many files [SplitAbove] makes of it; 0 if it cannot, since a row is too long
	Files int   // with [OneArchive], how many files the archive would hold, which File names; 0 otherwise
}

func (e *FileTooLargeError) Error() string {
	if e.Files > 0 {
		return fmt.Sprintf("actito: %s: %d bytes as sent in one archive, and Actito takes no more than %d: leave OneArchive out, and each file goes by itself",
			e.File, e.Size, e.Limit)
	}
	if e.Parts == 0 {
		return fmt.Sprintf("actito: %s: a row is too long for files of %d bytes as sent: no row is split", e.File, e.Limit)
	}
	return fmt.Sprintf("actito: %s: %d bytes as sent, and Actito takes no more than %d in one call: import it in %d parts with SplitAbove(0)",
		e.File, e.Size, e.Limit, e.Parts)
}

// Is matches ErrInvalid.
func (e *FileTooLargeError) Is(target error) bool { return target == ErrInvalid }

// Staged is data that was checked and compressed, ready to be sent any number of times. Small files are held in memory,
// others in temporary files that only the current user can read. Close it when no call uses it any more. It is safe for
// concurrent use.
type Staged struct {
	files []StagedFile
}

// StagedFile is one file of a [Staged], or with [SplitAbove] a part of one.
type StagedFile struct {
	Name        string      // of the CSV file
	Part        int         // 1, 2, … of those that a Data was split into; 0 if it was not
	Rows        int         // records, without the header; one may span several lines
	Size        int64       // bytes as sent
	Encoding    Encoding    // of the text
	Compression Compression // as sent: the only entry of a ZIP archive of the name and ".zip", GZIP of the name and ".gz", or the CSV file itself
	Refused     []Refusal   // rows that were left out; of a Data that was split, all are with the first part

	header     []string                 // column names, in the file's order
	keyColumn  string                   // of which Refused has the text; "" if of none
	separator  byte                     // of the cells
	empty      EmptyCells               // as declared for its rows
	lineEnd    string                   // of the records, "\n" or "\r\n"; "" if none of them has one
	empties    []int                    // empty cells of each column, of all parts; nil of rows, and of parts but the first
	textSize   int64                    // bytes before compression
	local      *transform.Specification // that ran on it; nil for none
	onServer   *transform.Specification // that the definition must have; nil for none
	hash       [sha256.Size]byte        // of the text, so that it does not depend on the compression
	compressed *spool
}

// Stage checks and compresses data without sending anything, in one pass and in constant memory. Calls that start an
// import do so by themselves; staging apart shows problems early, and lets one reading serve several calls. Each Data
// becomes an archive of its own, in which the CSV file is byte for byte what it was, but for what [FromExcel] repairs and
// what [Transformed] changes.
//
// Files must be CSV (RFC 4180) with a header line, in UTF-8 or, with [Encoded], ISO-8859-1, without a byte-order mark;
// line ends are LF or CRLF, the same throughout, and the last may be missing. Blank lines are refused: an empty cell of a
// file with one column is written "". [Unpack] takes compressed files, and [FromExcel] repairs those of spreadsheet
// programs. A file that breaks a rule is a [*ValidationError] with line and column, one without rows is [ErrNoRows], one
// above 100 MB as sent is a [*FileTooLargeError]. Any error, of a reader, of rows or of the context too, discards all
// that was staged. The goroutines that compress have ended when Stage returns.
func Stage(ctx context.Context, data ...Data) (*Staged, error) {
	return bounds{limit: maxFileSize, memory: stagingMemory}.stage(ctx, data)
}

// bounds are those of what is staged.
type bounds struct {
	limit  int64  // bytes of each file as sent
	splits bool   // what is larger is split
	memory int    // bytes of each file that are held in memory
	dir    string // of temporary files; "" for the system's

	staging func(rows int, text int64) // if not nil: told now and then how many rows more are staged, and bytes of text
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
		files, err := b.pack(ctx, d)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, files...)
	}
	complete = true
	return s, nil
}

// pack makes files of d, and leaves nothing behind unless it succeeds.
func (b bounds) pack(ctx context.Context, d Data) (files []StagedFile, err error) {
	p := newPacker(b, d.name, d.compression)
	defer func() {
		p.close()
		if files == nil {
			_ = p.discard()
		}
	}()
	sink := newSink(&d, p)
	if err := d.produce(ctx, sink, &d); err != nil {
		return nil, err
	}
	if err := sink.finish(ctx); err != nil {
		return nil, err
	}
	if files, err = p.finish(); err != nil {
		return nil, err
	}
	for i := range files {
		f := &files[i]
		f.separator, f.empty, f.lineEnd, f.Encoding = sink.separator, d.blanks.empty, sink.lineEnd, sink.encoding
		f.local, f.onServer = d.local, d.onServer
	}
	files[0].Refused, files[0].empties, files[0].keyColumn = sink.refused, sink.empties, sink.keyColumn
	if sink.transform != nil {
		files[0].empties = sink.transform.empties
	}
	return files, nil
}

// newSink makes the sink that a Data is written to.
func newSink(d *Data, dst rowWriter) *csvSink {
	sink := newCSVSink(d.name, cmp.Or(d.separator, ','), dst)
	sink.setEncoding(cmp.Or(d.encoding, UTF8))
	if d.excel {
		sink.excel = &excelRepair{declared: d.separator != 0}
	}
	if d.local != nil && !d.typed { // rows are transformed before they are text
		sink.transform = &fileTransform{spec: d.local, skipInvalid: d.skipInvalid, key: d.key, sink: sink, dst: dst}
		sink.dst = sink.transform
	}
	return sink
}

// SplitAbove lets an import of one file take several calls, if it is larger than that many bytes as sent: it is cut
// between rows into files that each have the header, are valid by themselves, and are no larger. 0, or more than Actito
// takes in one call, is that limit. The same data is always cut in the same places. A row that is longer than an eighth
// of the size, or 1 MiB, may make it impossible, which is a [FileTooLargeError].
func SplitAbove(bytes int64) ImportOption {
	return importOption(func(im *importRun) { im.splits, im.splitAbove = true, bytes })
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

// part is the file as the part of a form with this name.
func (f *StagedFile) part(field string) multipart.Part {
	file, contentType := archived(f.Compression, f.Name)
	return multipart.Part{Field: field, File: file, ContentType: contentType, Size: f.Size, Open: f.compressed.open}
}
