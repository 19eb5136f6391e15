package actito

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"github.com/actito-go/actito/internal/multipart"
)

// Data is one file to import: a CSV file that exists, or rows that become one. Nothing is read before it is staged,
// which the calls that start an import do by themselves; see [Stage] for what staging checks.
//
// A Data made from a path or bytes can be staged any number of times, one made from a reader or from rows once.
type Data struct {
	name      string // the CSV file's name, which the definition's file name pattern has to match
	separator byte   // 0: not said; staging takes a comma
	blanks    blankRule
	produce   producer
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

// spool keeps bytes in memory, and in a temporary file when they become many. It is written by one goroutine and then
// read by any number.
type spool struct {
	bounds bounds
	name   string // of the data, for errors
	size   int64

	mu     sync.Mutex
	closed bool
	mem    []byte
	file   *os.File
	path   string // of the file, if it still has a name
}

func (s *spool) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	if s.size > s.bounds.limit {
		return 0, &FileTooLargeError{File: s.name, Size: s.size, Limit: s.bounds.limit}
	}
	if s.file == nil && s.size <= int64(s.bounds.memory) {
		s.mem = append(s.mem, p...)
		return len(p), nil
	}
	if err := s.toFile(); err != nil {
		return 0, fmt.Errorf("actito: %s: temporary file: %w", s.name, err)
	}
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("actito: %s: temporary file: %w", s.name, err)
	}
	return n, err
}

// toFile moves what is in memory to a file, unless that was done.
func (s *spool) toFile() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp(s.bounds.dir, "actito-*.zip") // mode 0600
	if err != nil {
		return err
	}
	s.file = f
	// Where the system allows it, the file loses its name at once: then nothing is left even if the process is killed.
	if os.Remove(f.Name()) != nil {
		s.path = f.Name()
	}
	_, err = f.Write(s.mem)
	s.mem = nil
	return err
}

// open returns the bytes from the start. Readers are independent of each other.
func (s *spool) open() (io.ReadCloser, error) {
	content, err := s.content()
	return io.NopCloser(content), err
}

func (s *spool) content() (*io.SectionReader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("actito: %s: what was staged is closed: %w", s.name, os.ErrClosed)
	}
	var content io.ReaderAt = bytes.NewReader(s.mem)
	if s.file != nil {
		content = s.file
	}
	return io.NewSectionReader(content, 0, s.size), nil
}

func (s *spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed, s.mem = true, nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.path != "" {
		err = errors.Join(err, os.Remove(s.path))
	}
	return err
}
