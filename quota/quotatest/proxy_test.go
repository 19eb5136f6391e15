package quotatest_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/quota/quotatest"
)

// serveEcho answers what it is sent, at the address that it returns.
func serveEcho(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// echo sends a message, and returns what came back until the connection ended.
func echo(t *testing.T, address string, message []byte) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil // it was cut at once
	}
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = conn.Write(message)
		tcp, _ := conn.(*net.TCPConn)
		_ = tcp.CloseWrite()
	}()
	answer, _ := io.ReadAll(conn)
	return answer
}

func TestAProxyCutsConnectionsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	proxy := quotatest.NewProxy(t, serveEcho(t))
	message := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	whole, cut := 0, 0
	for i := range 200 {
		part := message[:1<<(i%20)]
		switch answer := echo(t, proxy.Addr, part); {
		case bytes.Equal(part, answer):
			whole++
		case bytes.HasPrefix(part, answer):
			cut++
		default:
			t.Fatal("the proxy changed what it forwarded")
		}
	}
	assert.Positive(t, whole)
	assert.Positive(t, cut)
	assert.GreaterOrEqual(t, proxy.Cuts(), cut)

	proxy.Stop()
	cuts := proxy.Cuts()
	for range 20 {
		require.Len(t, echo(t, proxy.Addr, message), len(message))
	}
	assert.Equal(t, cuts, proxy.Cuts())
}

func TestAProxyWithoutAServerRefuses(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	assert.Empty(t, echo(t, quotatest.NewProxy(t, listener.Addr().String()).Addr, []byte("hello")))
}
