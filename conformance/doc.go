// Package conformance holds this library and its fake of the service to one description of the wire: the scenarios under
// testdata/conformance, which are data. It has tests only.
//
// The SDK's half makes a call of the library against the answers of a scenario, and compares the requests and the outcome.
// The server's half sends the requests of the scenario, without the library, and compares the answers: of the fake, in
// both forms of paths, both versions of profiles and every world of actitotest.Assume, or with -live of the real service,
// where it ends with a report of what is assumed, and held or not. README.md says how.
package conformance
