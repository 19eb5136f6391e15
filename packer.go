package actito

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"hash"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// A block is compressed by one core. What it begins with may repeat the end of the block before it, so that a file
	// in blocks is hardly larger than one in a piece.
	blockSize  = 1 << 20
	windowSize = 32 << 10
	// More at once would cost memory, and the rows are not encoded any faster.
	maxWorkers = 4
	// The fastest level whose files are not much larger than those of the usual one.
	compressionLevel = 3
)

// packer makes a file of CSV text, or several where one would be too large: each has the header, and ends with a row.
// Text is collected in blocks, which are compressed side by side and joined in order. Where a block ends and where a
// file does depends on nothing but the text, so that the same text makes the same files on every machine.
//
// It belongs to one goroutine. Those that compress have ended after close.
type packer struct {
	bounds
	name      string
	compress  Compression
	blockSize int
	workers   int
	work      sync.WaitGroup
	blocks    []*block // all that were made

	head   *block
	header []string
	cur    *block   // being filled
	busy   []*block // being compressed, the oldest first

	files   []StagedFile // complete but for the last
	archive *archive
	hash    hash.Hash
	packed  int64 // bytes of the files that are complete
	counts  bool  // a file was too large, and the rest is only counted
	rows    int   // that were not yet reported
	text    int64 // bytes of text that were not yet reported
}

// block is a piece of the text that ends with a row, if it holds the end of one.
type block struct {
	text   []byte
	rows   int    // that end in it
	end    int    // of the last of them
	inside bool   // it begins inside a row
	window []byte // the text before it
	packed bytes.Buffer
	flate  *flate.Writer // of compressors
	done   chan struct{}
}

func newPacker(b bounds, name string, c Compression) *packer {
	p := &packer{bounds: b, name: name, compress: cmp.Or(c, ZIP),
		// Small parts need small blocks: a file ends with one of them.
		blockSize: int(min(blockSize, max(1, b.limit/8))),
		workers:   min(runtime.GOMAXPROCS(0), maxWorkers)}
	p.cur = p.newBlock(0)
	return p
}

func (p *packer) newBlock(size int) *block {
	b := &block{text: make([]byte, 0, size), done: make(chan struct{}, 1)}
	p.blocks = append(p.blocks, b)
	return b
}

// close waits until nothing is compressed any more, and lets other files have what that took.
func (p *packer) close() {
	p.work.Wait()
	for _, b := range p.blocks {
		if b.flate != nil {
			b.flate.Reset(nil) // it holds on to no block
			compressors.Put(b.flate)
			b.flate = nil
		}
	}
}

// begin takes the header, which every file starts with.
func (p *packer) begin(names []string, header []byte) error {
	p.header = names
	p.head = p.newBlock(0)
	p.head.text = bytes.Clone(header)
	p.pack(p.head)
	p.cur.follow(p.head)
	return p.open()
}

// write takes the next piece of the rows, which ends a row or does not.
func (p *packer) write(b []byte, endsRow bool) error {
	p.text += int64(len(b))
	for len(b) > 0 {
		if len(p.cur.text) == p.blockSize {
			if err := p.cut(); err != nil {
				return err
			}
		}
		n := min(len(b), p.blockSize-len(p.cur.text))
		p.cur.text = append(p.cur.text, b[:n]...)
		b = b[n:]
	}
	if endsRow {
		p.cur.rows++
		p.cur.end = len(p.cur.text)
		p.rows++
	}
	if p.text >= reportEvery {
		p.report()
	}
	return nil
}

func (p *packer) report() {
	if p.staging != nil {
		p.staging(p.rows, p.text)
	}
	p.rows, p.text = 0, 0
}

// cut has the block compressed that is full, up to its last row, and begins another with the rest.
func (p *packer) cut() error {
	b := p.cur
	next, err := p.spare()
	if err != nil {
		return err
	}
	next.rows, next.end, next.inside = 0, 0, b.end == 0
	if b.end == 0 {
		b.end = len(b.text)
	}
	next.text = append(next.text[:0], b.text[b.end:]...)
	b.text = b.text[:b.end]
	next.follow(b)
	p.start(b)
	p.cur = next
	return nil
}

// spare returns a block to fill: a new one, unless enough are in use.
func (p *packer) spare() (*block, error) {
	if len(p.busy) < p.workers {
		return p.newBlock(p.blockSize), nil
	}
	b := p.busy[0]
	return b, p.take()
}

func (p *packer) start(b *block) {
	p.busy = append(p.busy, b)
	p.work.Go(func() {
		p.pack(b)
		b.done <- struct{}{}
	})
}

// take adds the oldest block to the file.
func (p *packer) take() error {
	b := p.busy[0]
	p.busy = slices.Delete(p.busy, 0, 1)
	<-b.done
	return p.add(b)
}

// add adds a block to the file, or to a new one where it would make this one too large.
func (p *packer) add(b *block) error {
	if !p.fits(b) {
		if b.inside || p.file().Rows == 0 {
			return &FileTooLargeError{File: p.name, Size: p.size(b), Limit: p.limit}
		}
		if err := p.end(); err != nil {
			return err
		}
		if !p.splits {
			p.counts = true
			if err := p.discard(); err != nil {
				return err
			}
		}
		if err := p.open(); err != nil {
			return err
		}
		b.follow(p.head)
		if p.pack(b); !p.fits(b) {
			return &FileTooLargeError{File: p.name, Size: p.size(b), Limit: p.limit}
		}
	}
	p.file().Rows += b.rows
	return p.put(b)
}

func (p *packer) put(b *block) error {
	p.hash.Write(b.text)
	return p.archive.add(b.text, b.content(p.compress))
}

func (p *packer) fits(b *block) bool { return p.size(b) <= p.limit }

// size is that of the file with b as its last block.
func (p *packer) size(b *block) int64 {
	text := p.archive.text + int64(len(b.text))
	return p.file().compressed.size + int64(len(b.content(p.compress))) + p.archive.rest(text)
}

func (p *packer) file() *StagedFile { return &p.files[len(p.files)-1] }

// open begins a file.
func (p *packer) open() error {
	content := &spool{bounds: p.bounds, name: p.name, discards: p.counts}
	p.files = append(p.files, StagedFile{Name: p.name, Part: len(p.files) + 1, Compression: p.compress, header: p.header, compressed: content})
	p.hash = sha256.New()
	var err error
	if p.archive, err = newArchive(content, p.compress, p.name); err != nil {
		return err
	}
	if !p.fits(p.head) {
		return &FileTooLargeError{File: p.name, Size: p.size(p.head), Limit: p.limit}
	}
	return p.put(p.head)
}

// end completes a file.
func (p *packer) end() error {
	f := p.file()
	f.textSize, f.hash = p.archive.text, [sha256.Size]byte(p.hash.Sum(nil))
	err := p.archive.finish()
	f.Size = f.compressed.size
	p.packed += f.Size
	return err
}

// finish returns the files once all text is in.
func (p *packer) finish() ([]StagedFile, error) {
	p.report()
	p.start(p.cur)
	for len(p.busy) > 0 {
		if err := p.take(); err != nil {
			return nil, err
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	if p.counts {
		return nil, &FileTooLargeError{File: p.name, Size: p.packed, Limit: p.limit, Parts: len(p.files)}
	}
	if len(p.files) == 1 {
		p.files[0].Part = 0
	}
	return p.files, nil
}

// discard drops the files.
func (p *packer) discard() error {
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.compressed.Close())
	}
	return errors.Join(errs...)
}

// follow makes b continue the text of before, which is all that it can refer to.
func (b *block) follow(before *block) {
	b.window = append(b.window[:0], before.text[max(0, len(before.text)-windowSize):]...)
}

// pack compresses b. It ends on a byte, so that another block may follow.
func (p *packer) pack(b *block) {
	if p.compress == Uncompressed {
		return
	}
	b.packed.Reset()
	if b.flate == nil {
		b.flate = compressors.Get().(*flate.Writer)
	}
	b.flate.ResetDict(&b.packed, b.window)
	_, _ = b.flate.Write(b.text) // a bytes.Buffer has no errors
	_ = b.flate.Flush()
}

// compressors are shared, since each takes more than a megabyte, and most files are small.
var compressors = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, compressionLevel) // its only error is a level that does not exist
	return w
}}

func (b *block) content(c Compression) []byte {
	if c == Uncompressed {
		return b.text
	}
	return b.packed.Bytes()
}
