package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheTablesAreThoseThatTheGeneratorWrites(t *testing.T) {
	t.Parallel()
	for name, want := range tables() {
		got, err := os.ReadFile(filepath.Join("../../internal/isonames", name))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "run go generate ./internal/isonames")
	}
}
