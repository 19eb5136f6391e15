package actito

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// spoolPrefix begins the names of temporary files; digits follow.
const spoolPrefix = "actito-"

// spool keeps bytes in memory, and in a temporary file when they become many. It is written by one goroutine and then
// read by any number.
type spool struct {
	bounds   bounds
	name     string // of the data, for errors
	discards bool   // it counts the bytes and keeps none
	size     int64

	mu     sync.Mutex
	closed bool
	mem    []byte
	file   *os.File
	path   string // of the file, if it still has a name
}

func (s *spool) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	if s.discards {
		return len(p), nil
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
	f, err := os.CreateTemp(s.bounds.dir, spoolPrefix+"*") // mode 0600
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
