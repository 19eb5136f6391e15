package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMessagesThatComeAgainDoNoHarm(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Equal(t, `24 messages were published, one of them twice: the stream has 23.
   21 handed over
    1 handed over before, and skipped
    1 refused for good
Customers in Actito: 9, as the messages say.
`, out.String())
}

func TestItTakesNoArguments(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(t.Context(), []string{"now"}, io.Discard), `unexpected argument "now"`)
}
