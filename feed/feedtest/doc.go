// Package feedtest has an outbox in memory for tests.
package feedtest
