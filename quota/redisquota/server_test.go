package redisquota

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// server is a real Redis, of one test alone.
type server struct {
	addr string
	args []string
	cmd  *exec.Cmd
}

// startServer starts a Redis on a free port. Without one on this machine the test is skipped.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	return startServerAs(t, append([]string{"--save", "", "--appendonly", "no"}, args...)...)
}

// startServerAs starts the program of Redis with the arguments.
func startServerAs(t testing.TB, args ...string) *server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server in PATH: what is promised was not held against a real Redis")
	}
	port := freePort(t)
	s := &server{
		addr: fmt.Sprintf("127.0.0.1:%d", port),
		args: append([]string{path}, append(args, "--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--dir", t.TempDir())...),
	}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func freePort(t testing.TB) int {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	return free.Addr().(*net.TCPAddr).Port
}

func (s *server) start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	log := ""
	for lines := bufio.NewScanner(out); lines.Scan(); log += lines.Text() + "\n" {
		if strings.Contains(lines.Text(), "Ready to accept connections") || strings.Contains(lines.Text(), "Sentinel ID is") {
			return
		}
	}
	s.stop()
	t.Fatalf("redis-server did not start:\n%s", log)
}

// stop kills the server, with all it knows.
func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) dial() (net.Conn, error) { return net.Dial("tcp", s.addr) }
