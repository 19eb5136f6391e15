// Package sqlretry does again what others were in the way of in a database, and tells what its errors mean, whatever the
// driver of PostgreSQL or SQLite.
package sqlretry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Do does something, again while others are in its way: after a wait that grows to longest, at random, and until the
// context ends. It also repeats what ends with one of the further errors.
func Do(ctx context.Context, longest time.Duration, do func() error, further ...error) error {
	var before error
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, longest) {
		err := do()
		if err != nil && before != nil && ctx.Err() != nil {
			err = before // what it waited for
		}
		if err == nil || !passes(err) && !slices.ContainsFunc(further, func(f error) bool { return errors.Is(err, f) }) {
			return err
		}
		before = err
		select {
		case <-time.After(rand.N(wait)): //nolint:gosec // a delay is no secret
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// passes reports whether an error is one of those that say: nothing was done, do it again.
func passes(err error) bool {
	switch state(err) {
	case "40001", "40P01": // serialization failure, deadlock
		return true
	case "":
		// SQLITE_BUSY and SQLITE_LOCKED: drivers have no type in common, but all have SQLite's texts.
		return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
	}
	return false
}

// Explain adds what drivers leave out: that the context ended, or that the tables are yet to be made, by a method.
func Explain(ctx context.Context, err error, migrate string) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	if code := state(err); code == "42P01" || code == "3F000" || strings.Contains(err.Error(), "no such table") {
		return fmt.Errorf("%w: %s makes the tables, or run the statements of Migrations", err, migrate)
	}
	return err
}

// state returns the code of an error of PostgreSQL, "" if it is none.
func state(err error) string {
	var coded interface {
		error
		SQLState() string
	}
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}
