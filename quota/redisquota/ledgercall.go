package redisquota

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/actito-go/actito"
)

//go:embed ledger.lua
var ledgerSource string

var ledgerScript = redis.NewScript(ledgerSource)

// ledgerCall is what ledger.lua is told. Times are in milliseconds, 0 for none.
type ledgerCall struct {
	licence string

	Op   string `json:"op"`
	Now  int64  `json:"now,omitempty"`  // 0: the clock of Redis tells
	Call string `json:"call,omitempty"` // unique, so that a repeated call knows what it booked

	ID        string         `json:"id,omitempty"`
	Bucket    string         `json:"bucket,omitempty"`
	State     string         `json:"state,omitempty"`
	Execution string         `json:"execution,omitempty"`
	Opens     int64          `json:"opens,omitempty"`
	Server    string         `json:"server,omitempty"`
	Buckets   []ledgerBucket `json:"buckets"`
	At        int64          `json:"at,omitempty"`
	From      int64          `json:"from,omitempty"`
	Reset     int64          `json:"reset,omitempty"`
	Rolling   int64          `json:"rolling,omitempty"`
	Lease     int64          `json:"lease"` // how long
	Once      string         `json:"once,omitempty"`
	Content   string         `json:"content,omitempty"`
	Change    bool           `json:"change,omitempty"`
	Sent      int64          `json:"sent,omitempty"`
	Skew      int64          `json:"skew,omitempty"` // how far Sent may be from now
}

type ledgerBucket struct {
	Name  string `json:"name"`
	Limit int    `json:"limit"`
	Keep  int    `json:"keep"`
}

// ledgerAnswer is what ledger.lua says.
type ledgerAnswer struct {
	Now        int64       `json:"now"`
	Refused    string      `json:"refused"` // why
	Limits     string      `json:"limits"`  // why they are refused
	Skewed     bool        `json:"skewed"`
	Unverified *unverified `json:"unverified"`
	Started    *struct {
		Execution string `json:"execution"`
		Same      bool   `json:"same"`
	} `json:"started"`
	Full    *ledgerCount `json:"full"`
	Lost    bool         `json:"lost"`
	Usage   ledgerCount  `json:"usage"`
	Added   bool         `json:"added"`
	Entries []ledgerUnit `json:"entries"`
}

// unverified says on which server the books are to be completed.
type unverified struct {
	Server  string `json:"server"`
	Another bool   `json:"another"` // than the one on which they were
}

type ledgerCount struct {
	Table  string `json:"table"`
	Limit  int    `json:"limit"`
	Used   int    `json:"used"`
	Held   int    `json:"held"`
	Left   int    `json:"left"`
	Kept   int    `json:"kept"`
	Closed bool   `json:"closed"`
	Reset  int64  `json:"reset"`
	Opens  int64  `json:"opens"`
}

type ledgerUnit struct {
	ID        string   `json:"id"`
	Tables    []string `json:"tables"`
	State     string   `json:"state"`
	Counts    int64    `json:"counts"`
	Lease     int64    `json:"lease"`
	Once      string   `json:"once"`
	Execution string   `json:"execution"`
}

// newLedgerCall is a call with a reservation, but for its times of the machine's clock.
func newLedgerCall(op string, r actito.Reservation) ledgerCall {
	c := ledgerCall{Op: op, Call: rand.Text(), ID: r.ID, Buckets: []ledgerBucket{}, From: millis(r.From), Reset: millis(r.ResetAt), Rolling: r.Rolling.Milliseconds()}
	for _, b := range r.Buckets {
		c.Buckets = append(c.Buckets, ledgerBucket(b))
	}
	return c
}

// millis is a time as the ledger has it, 0 if it is zero. Those after the year 5138 have more digits than Lua writes.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return min(t.UnixMilli(), 99_999_999_999_999)
}

func instant(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

// do makes a call.
func (s *Store) do(ctx context.Context, c *ledgerCall) (a ledgerAnswer, err error) {
	if err := c.findLicence(); err != nil {
		return a, c.failed(err)
	}
	if s.now != nil {
		c.Now = millis(s.now())
	}
	ledger := "{actito:" + c.licence + "}:ledger"
	told, err := json.Marshal(c)
	if err != nil {
		return a, c.failed(err)
	}
	text, err := s.run(ctx, []string{ledger, ledger + ":lapses", ledger + ":bookings"}, told)
	if err == nil {
		err = json.Unmarshal([]byte(text), &a)
	}
	switch {
	case redis.IsReadOnlyError(err):
		err = fmt.Errorf("this Redis is a replica, which is only read from: use the master: %w", err)
	case err == nil && a.Refused != "":
		err = errors.New(a.Refused)
	}
	if err != nil {
		return a, c.failed(err)
	}
	return a, nil
}

// run runs the script. Clients of Redis may go on when the context has ended, for as long as their timeouts let them.
func (s *Store) run(ctx context.Context, keys []string, told []byte) (string, error) {
	type result struct {
		text string
		err  error
	}
	answered := make(chan result, 1)
	go func() {
		text, err := ledgerScript.Run(ctx, s.rdb, keys, told).Text()
		answered <- result{text, err}
	}()
	select {
	case r := <-answered:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (c *ledgerCall) failed(err error) error {
	return fmt.Errorf("redisquota: %s: licence %q: %w", c.Op, c.licence, err)
}

// findLicence notes the licence, which all names of the call must have. A name without a slash has the licence "".
func (c *ledgerCall) findLicence() error {
	if c.Op == "confirm" {
		return nil
	}
	names := []string{cmp.Or(c.ID, c.Bucket)}
	for _, b := range c.Buckets {
		names = append(names, b.Name)
	}
	if c.Once != "" {
		names = append(names, c.Once)
	}
	for i, name := range names {
		licence, rest, found := strings.Cut(name, "/")
		if !found {
			licence, rest = "", name
		}
		if i == 0 {
			c.licence = licence
		}
		switch {
		case rest == "":
			return fmt.Errorf("the name %q is empty but for its licence", name)
		case licence != c.licence:
			return fmt.Errorf("the names %q and %q are of two licences", names[0], name)
		case !utf8.ValidString(name) || strings.Contains(name, "\x00"):
			return fmt.Errorf("the name %q is not UTF-8 without zero bytes", name)
		}
	}
	return nil
}
