// Package integration tests what keeps its state in a database on real ones: SQLite, and a PostgreSQL server that the
// tests start, on a free port and with its files in a temporary directory, where its programs are installed (Debian's
// package postgresql). Otherwise they skip what needs it. It is a module of its own, so that drivers of databases are no
// dependencies of the library.
//
// What must survive the death of processes is tested with some that are killed and stopped: the test binary once more. With
// -killing 30s or more, each step is tried, such as those of an import that take minutes.
//
//	cd integration && go test -race . -killing 1m -timeout 30m
//	cd integration && go test -bench . -run '^$'
package integration
