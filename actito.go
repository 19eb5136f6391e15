// Package actito loads data into Actito from Go.
package actito
