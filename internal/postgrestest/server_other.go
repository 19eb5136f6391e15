//go:build !unix

// Package postgrestest starts a PostgreSQL server for tests.
package postgrestest

import "testing"

// Server is none.
type Server struct{}

// URL skips the test.
func (*Server) URL(t testing.TB) string {
	t.Skip("the tests start PostgreSQL on Unix only")
	return ""
}

// Stop does nothing.
func (*Server) Stop() {}
