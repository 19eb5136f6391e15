// Package soak runs everything at once, for a long time and in a storm, and compares each record with a model of what
// it must be. README.md holds the report of the last long run and the commands.
package soak
