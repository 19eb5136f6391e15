//go:build !unix

package integration

import "testing"

// server is the PostgreSQL server of the tests.
var server postgresServer

type postgresServer struct{}

func (postgresServer) url(t testing.TB) string {
	t.Skip("the tests start PostgreSQL on Unix only")
	return ""
}

func (postgresServer) stop() {}

// serveFeed does nothing: the tests of the feed start processes on Unix only.
func serveFeed() {}
