package main

import (
	"os"
	"testing"
)

func TestTheReadmeHasAPlaceForEachTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if _, err := fill(text, g.marker, ""); err != nil {
			t.Error(err)
		}
	}
	if _, err := fill(text, "machine", ""); err != nil {
		t.Error(err)
	}
}
