package actitotest

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
)

// Fault is something that goes wrong with one call. See [Server.Fail].
type Fault struct {
	times  int
	answer *answer // for Status and its refinements
	// before runs when the head of a request is in; an answer from it replaces the
	// service's.
	before func(*Server, *call) *answer
	send   func(*Server, http.ResponseWriter, *call, answer)
}

func fault(before func(*Server, *call) *answer) Fault {
	return Fault{times: 1, before: before, send: (*Server).send}
}

// Fail lines up faults for the next calls of an operation, one fault for one call,
// behind those already waiting. [AnyOp] lines them up for calls that have none of
// their own waiting.
func (s *Server) Fail(op Operation, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.times > 0 {
			s.faults[op] = append(s.faults[op], f)
		}
	}
}

// fileFault is what [Server.FailFile] asks for.
type fileFault struct{ pattern, message string }

// FailFile lets the next load of a CSV file fail before its first row, as the
// service might by its own fault, with the message in the report on the file. The
// file is named as in a definition: by its own name and not that of an archive, and
// with placeholders such as $yyyyMMdd if it has any. Whether the files after it are
// loaded is [FailedFileStops] or [FailedFilePasses]. More than one wait for as many
// loads.
func (s *Server) FailFile(pattern, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fileFaults = append(s.fileFaults, fileFault{pattern, message})
}

// nextFileFault is the error of the next load of a file, if it is to fail.
func (s *Server) nextFileFault(name string) error {
	at := slices.IndexFunc(s.fileFaults, func(f fileFault) bool { return likeness(f.pattern, name) })
	if at < 0 {
		return nil
	}
	message := s.fileFaults[at].message
	s.fileFaults = slices.Delete(s.fileFaults, at, at+1)
	return errors.New(message)
}

func (s *Server) nextFault(c *call) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, op := range []Operation{c.seen.Operation, AnyOp} {
		if queue := s.faults[op]; len(queue) > 0 {
			if queue[0].times--; queue[0].times == 0 {
				s.faults[op] = queue[1:]
			}
			return queue[0]
		}
	}
	return s.storm.onCall(c)
}

// Times repeats a fault for n calls.
func Times(n int, f Fault) Fault {
	f.times *= n
	return f
}

// Pass lets a call through unharmed, so that a later one fails.
func Pass() Fault {
	return fault(func(*Server, *call) *answer { return nil })
}

// Status answers with a status, and with the service's JSON error body if it is
// an error, without doing anything. [Fault.WithHeader], [Fault.WithBody] and
// [Fault.Early] refine it.
func Status(status int) Fault {
	a := answer{status: status}
	if status >= 400 {
		a = reply(status, map[string]any{"status": status, "message": http.StatusText(status)})
	}
	return statusFault(a, false)
}

func statusFault(a answer, early bool) Fault {
	f := fault(func(s *Server, c *call) *answer {
		if !early {
			_, _ = io.Copy(io.Discard, c.Body)
		}
		return &a
	})
	f.answer = &a
	return f
}

// WithHeader adds a header to a [Status] fault.
func (f Fault) WithHeader(name, value string) Fault {
	return f.refined(func(a *answer) {
		h := http.Header{}
		for name, values := range a.header {
			h[name] = values
		}
		h.Set(name, value)
		a.header = h
	})
}

// WithBody replaces the body of a [Status] fault.
func (f Fault) WithBody(contentType, body string) Fault {
	return f.refined(func(a *answer) { a.contentType, a.body = contentType, []byte(body) })
}

// Early makes a [Status] fault answer before the request's body is read, and close
// the connection.
func (f Fault) Early() Fault {
	return f.refined(func(a *answer) { a.close = true })
}

func (f Fault) refined(change func(*answer)) Fault {
	if f.answer == nil {
		panic("actitotest: only a fault made by Status or Redirect can be refined")
	}
	a := *f.answer
	change(&a)
	refined := statusFault(a, a.close)
	refined.times = f.times
	return refined
}

// Redirect answers with a redirecting status and its target.
func Redirect(status int, target string) Fault {
	return Status(status).WithHeader("Location", target)
}

// Refuse closes the connection without reading the body and without an answer.
// On a connection that was used before, net/http repeats a GET by itself; the
// connections of [Server.Transport] are always new.
func Refuse() Fault { return CutRequest(0) }

// CutRequest closes the connection after n bytes of the request's body, or after
// all of it if it is shorter.
func CutRequest(n int64) Fault {
	return fault(func(_ *Server, c *call) *answer {
		_, _ = io.CopyN(io.Discard, c.Body, n)
		panic(http.ErrAbortHandler)
	})
}

// CutAnswer does what was asked, and closes the connection after n bytes of the
// answer's body.
func CutAnswer(n int) Fault {
	f := Pass()
	f.send = func(s *Server, w http.ResponseWriter, c *call, a answer) {
		s.writeHeader(w, c, a)
		_, _ = w.Write(a.body[:min(n, len(a.body))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	return f
}

// LoseAnswer does what was asked, and closes the connection without an answer.
func LoseAnswer() Fault {
	f := Pass()
	f.send = func(*Server, http.ResponseWriter, *call, answer) { panic(http.ErrAbortHandler) }
	return f
}

// Delay takes in the request, waits by the fake's clock, and does what was asked
// unless the client has left.
func Delay(d time.Duration) Fault {
	return fault(func(s *Server, c *call) *answer {
		s.readBody(c)
		if s.clock.sleep(c.Context(), d) != nil {
			panic(http.ErrAbortHandler)
		}
		return nil
	})
}

// Hang takes in the request and never answers; it ends when the client leaves.
func Hang() Fault {
	return fault(func(_ *Server, c *call) *answer {
		_, _ = io.Copy(io.Discard, c.Body)
		<-c.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// RevokeToken withdraws the call's access token, as if its time had come early.
func RevokeToken() Fault {
	return fault(func(s *Server, c *call) *answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.tokens, bearer(c.Request))
		return nil
	})
}
