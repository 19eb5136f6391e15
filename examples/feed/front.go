package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/actito-go/actito/actitotest"
)

// front stands before the fake and decides what becomes of the calls for rows.
type front struct {
	*httptest.Server
	calls atomic.Pointer[http.HandlerFunc]
}

func newFront(fake *actitotest.Server) *front {
	f := &front{}
	f.pass(fake)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isRow(r) {
			(*f.calls.Load())(w, r)
			return
		}
		fake.Handler().ServeHTTP(w, r)
	}))
	return f
}

func isRow(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/profile") || strings.Contains(r.URL.Path, "/record")
}

func isSignUp(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/profile")
}

func (f *front) set(calls http.HandlerFunc) { f.calls.Store(&calls) }

// pass lets all calls through.
func (f *front) pass(fake *actitotest.Server) { f.set(fake.Handler().ServeHTTP) }

// stumble is a service that answers nothing while ctx lasts, then sign-ups only, and after most of them nothing any more:
// the last one is done, but its answer does not come. The channel that it returns is closed then.
func (f *front) stumble(ctx context.Context, fake *actitotest.Server, most int) (stumbled <-chan struct{}) {
	ended := make(chan struct{})
	var mu sync.Mutex
	done := 0
	f.set(func(w http.ResponseWriter, r *http.Request) {
		if isSignUp(r) {
			<-ctx.Done()
			mu.Lock()
			done++
			turn := done
			mu.Unlock()
			switch {
			case turn < most:
				fake.Handler().ServeHTTP(w, r)
				return
			case turn == most:
				fake.Handler().ServeHTTP(httptest.NewRecorder(), r)
				close(ended)
			}
		}
		hang(r)
	})
	return ended
}

// delay lets a call wait while ctx lasts. The channel that it returns is closed when it has come.
func (f *front) delay(ctx context.Context, fake *actitotest.Server) (came <-chan struct{}) {
	arrived := make(chan struct{})
	f.set(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // before it is whole, the call is not under way
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		close(arrived)
		f.pass(fake)
		<-ctx.Done()
		fake.Handler().ServeHTTP(w, r)
	})
	return arrived
}

// hang keeps a call until its caller is gone, which is noticed once its body is read.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}
