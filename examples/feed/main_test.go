package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain is the program in the processes that the demonstration starts.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-url") {
		main()
		return
	}
	_ = os.Setenv("ACTITO_API_KEY", "key-of-the-tests")
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // the race detector takes a second to end a process otherwise
	os.Exit(m.Run())
}

func TestNothingIsLostWhenTheShopIsKilled(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	killed, rest, found := strings.Cut(out.String(), "It is started again")
	require.True(t, found)
	assert.Contains(t, killed, "   signal: killed\n")
	assert.Regexp(t, `   Customers {14}11 +\d+ +[1-9]\d* +\d+ +\d+\n`, killed, "some are missing; which ones is a matter of milliseconds")
	assert.Contains(t, killed, "   Orders                  8          0          8          0          0\n")
	delivered, stopped, found := strings.Cut(rest, "A new version is deployed")
	require.True(t, found)
	assert.Contains(t, delivered, "404 Not Found: there is no such customer\n")
	assert.Contains(t, delivered, "   Customers              11         11          0          0          0\n")
	assert.Contains(t, stopped, "   exit status 0\n")
	assert.Contains(t, stopped, "   Customers              12         12          0          0          0\n")
	for _, text := range []string{delivered, stopped} {
		assert.Contains(t, text, "   Orders                  8          8          0          0          0\n")
		assert.Contains(t, text, "   OrderLines             16         16          0          0          0\n")
	}
	assert.Contains(t, stopped, "Rows left in the outbox: 0\n")
	assert.NotContains(t, out.String(), "@")
}

func TestAShopThatIsCalledWronglyDoesNotOpen(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"now"}, {"-force"}, {"-url", "http://127.0.0.1:1", "-db", t.TempDir()}} {
		require.Error(t, run(t.Context(), args, io.Discard))
	}
	t.Run("lease", func(t *testing.T) {
		t.Parallel()
		err := run(t.Context(), []string{"-url", "http://127.0.0.1:1", "-db", t.TempDir() + "/shop.db", "-lease", "1s"}, io.Discard)
		require.ErrorContains(t, err, "LeaseTime")
	})
}
