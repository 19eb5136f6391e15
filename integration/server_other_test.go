//go:build !unix

package integration

// serveFeed does nothing: the tests of the feed start processes on Unix only.
func serveFeed() {}
