package actito

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithoutHooksACallCostsNoMore(t *testing.T) { //nolint:paralleltest // it counts the allocations of the process
	client, err := New("KEY", "MyEntity", WithEnvironment(Env3))
	require.NoError(t, err)
	require.Nil(t, client.hooks.attempted(), "no observer in the chain")
	require.Same(t, client.http.Transport, client.hooks.wrap(client.http).Transport)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		client.hooks.token(ctx, TokenResult{})
		client.hooks.importUnit(ctx, ImportUnit{State: OutcomeUsed.String()})
		client.hooks.importEnd(ctx, &Execution{}, nil)
	}))
}
