package actitotest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// newTransport makes a client side whose every connection is one end of a pipe,
// with the server at the other.
func newTransport(server *http.Server) *http.Transport {
	dial := func(context.Context, string, string) (net.Conn, error) {
		client, conn := net.Pipe()
		if err := server.Serve(&singleConn{conn}); errors.Is(err, http.ErrServerClosed) {
			_ = client.Close() // of a pipe, which cannot fail
			return nil, err
		}
		return client, nil
	}
	return &http.Transport{
		DialContext:           dial,
		DialTLSContext:        dial, // the URL says https, the pipe needs none
		DisableKeepAlives:     true,
		ExpectContinueTimeout: time.Second,
	}
}

// singleConn is a listener with a single connection: Serve starts its goroutine
// and returns, so that nothing waits between connections.
type singleConn struct{ conn net.Conn }

func (l *singleConn) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, io.EOF
	}
	conn := l.conn
	l.conn = nil
	return conn, nil
}

func (l *singleConn) Close() error   { return nil }
func (l *singleConn) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
