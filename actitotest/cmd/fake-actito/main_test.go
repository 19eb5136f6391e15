package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCommandServesTheKeyItPrintsUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, in, "127.0.0.1:0", "Shop") }()

	// The command prints all of it in one write, which ends once all is read.
	printed := map[string]string{}
	for lines := bufio.NewScanner(out); len(printed) < 3 && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		printed[name] = value
	}
	assert.Equal(t, "Shop", printed["Entity"])

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, printed["URL"]+"/auth/token", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", printed["API key"])
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)

	interrupt()
	assert.NoError(t, <-ended)
}

func TestCommandReportsAnAddressThatItCannotHave(t *testing.T) {
	t.Parallel()
	assert.Error(t, run(t.Context(), io.Discard, "256.0.0.1:1", "Shop"))
}
