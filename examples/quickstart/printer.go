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
	terminal bool // headings are bold and progress stays on its line; elsewhere both would be noise

	mu   sync.Mutex // progress comes from another goroutine
	open bool       // the line of a progress is not ended
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
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}

// progress shows how far an upload is: nothing for a short one, then a line a second, on a terminal always the same.
func (p *printer) progress() actito.ImportOption {
	shown := time.Now()
	return actito.OnProgress(func(at actito.Progress) {
		if time.Since(shown) < time.Second || at.Total == 0 {
			return
		}
		shown = time.Now()
		text := fmt.Sprintf("   sent %d %% of %d rows", at.Sent*100/at.Total, at.Rows)
		if !p.terminal {
			p.line("%s", text)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprint(p.w, "\r\x1b[K"+text)
		p.open = true
	})
}
