package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/actito-go/actito"
)

// state is what a profile or record may be. The zero one does not exist.
type state struct {
	exists  bool
	name    string
	version string
	news    string // as a subscription is: "" if it was never set
}

// key is what is known of one profile or record, which a single goroutine writes: all that it may be.
type key struct {
	id       string
	profile  bool
	possible []state
	history  []string // the last things that happened to it
}

// remembers keeps what happened for who looks for the reason of a failure.
func (k *key) remembers(format string, args ...any) {
	k.history = append(k.history, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	k.history = k.history[max(0, len(k.history)-10):]
}

type keys struct {
	mu  sync.Mutex
	all []*key
}

func (s *soak) newKeys(profile bool, n int, prefix string) []*key {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	var list []*key
	for i := range n {
		list = append(list, &key{id: fmt.Sprintf("%s-%d", prefix, i), profile: profile, possible: []state{{}}})
	}
	s.keys.all = append(s.keys.all, list...)
	return list
}

// may replaces what a key may be, each state once.
func (k *key) may(states []state) {
	k.possible = nil
	for _, st := range states {
		if !slices.Contains(k.possible, st) {
			k.possible = append(k.possible, st)
		}
	}
}

// is narrows what a key may be by what was seen.
func (k *key) is(s *soak, what string, fits func(state) bool) {
	var left []state
	for _, st := range k.possible {
		if fits(st) {
			left = append(left, st)
		}
	}
	k.remembers("%s", what)
	if !assert.NotEmpty(s, left, "%s: %s; it may be %+v\n%s", k.id, what, k.possible, strings.Join(k.history, "\n")) {
		return
	}
	if len(left) < len(k.possible) && len(left) == 1 {
		s.count("unknown outcomes", "settled by a read")
	}
	k.may(left)
}

// write notes what became of a write, which makes another state of each. A profile or record that must exist for it,
// and does not, is not found.
func (k *key) write(s *soak, kind string, err error, needs bool, change func(state) state) {
	s.count(kind, result(err))
	k.remembers("%s: %v", kind, err)
	var after []state
	for _, st := range k.possible {
		if !needs || st.exists {
			after = append(after, change(st))
		}
	}
	switch {
	case err == nil:
		if assert.NotEmpty(s, after, "%s: %s succeeded; it may be %+v\n%s", k.id, kind, k.possible, strings.Join(k.history, "\n")) {
			k.may(after)
		}
	case errors.Is(err, actito.ErrBusy):
		// Nothing was sent.
	case errors.Is(err, actito.ErrNotFound):
		k.is(s, kind+" found nothing", func(st state) bool { return !st.exists })
	default:
		k.may(append(after, k.possible...))
		if len(k.possible) > 1 {
			s.count("unknown outcomes", kind)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			time.Sleep(time.Second) // what is on its way arrives, or does not
		}
	}
}

// result names an error in the report.
func result(err error) string {
	var api *actito.APIError
	var failed *actito.ImportError
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, actito.ErrBusy):
		return "busy here"
	case errors.Is(err, actito.ErrQuotaExceeded):
		return "quota used up"
	case errors.Is(err, actito.ErrOutcomeUnknown):
		return "outcome unknown"
	case errors.As(err, &failed):
		if errors.Is(err, actito.ErrImportFailed) {
			return "not loaded"
		}
		return "rows rejected"
	case errors.Is(err, actito.ErrAlreadyStarted):
		return "already started"
	case errors.Is(err, actito.ErrNotStarted):
		return "not started"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.As(err, &api) && api.Status > 0:
		return strconv.Itoa(api.Status)
	}
	return "no answer"
}
