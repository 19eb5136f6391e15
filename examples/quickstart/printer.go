package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/actito-go/actito"
)

// printer writes for a person: headings, lines, and how far a long step is.
type printer struct {
	w        io.Writer
	terminal bool // headings are bold and a step stays on its line; elsewhere both would be noise

	mu   sync.Mutex // a step shows itself from another goroutine
	open bool       // a status stands at the end
}

func newPrinter(w io.Writer) *printer {
	p := &printer{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *printer) heading(text string) {
	if p.terminal {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	p.line("\n%s", text)
}

func (p *printer) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	fmt.Fprintf(p.w, format+"\n", args...)
}

// status is a line that the next one replaces, on a terminal.
func (p *printer) status(format string, args ...any) {
	if !p.terminal {
		p.line(format, args...)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	fmt.Fprintf(p.w, format, args...)
	p.open = true
}

func (p *printer) erase() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}

// step is something that may take long. While it does, it is shown what is going on and for how long it has been.
type step struct {
	mu   sync.Mutex
	text string
	end  func() // may be called more than once
}

// begin shows nothing of a step that ends within a second, then on a terminal a line that changes, and elsewhere a new
// one every ten seconds.
func (p *printer) begin(text string) *step {
	s := &step{text: text}
	every := 10 * time.Second
	if p.terminal {
		every = time.Second
	}
	began, tick, ended := time.Now(), time.NewTicker(every), make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				p.status("   %s, %d s", s.now(), int(time.Since(began).Seconds()))
			}
		}
	})
	s.end = sync.OnceFunc(func() {
		close(ended)
		watch.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.erase()
	})
	return s
}

func (s *step) is(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = text
}

func (s *step) now() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

// progress tells how far an import is on this side.
func (s *step) progress() actito.ImportOption {
	return actito.OnProgress(func(p actito.Progress) {
		if p.Phase == actito.Staging {
			s.is(fmt.Sprintf("%d rows are staged", p.Rows))
			return
		}
		s.is(fmt.Sprintf("%d of %d kB are sent", p.Sent/1000, p.Total/1000))
	})
}
