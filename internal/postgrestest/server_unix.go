//go:build unix

// Package postgrestest starts a PostgreSQL server for tests.
package postgrestest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// Server is a server on this machine. It starts when the first test needs it.
type Server struct {
	start sync.Once
	at    string
	skip  string // why there is none
	err   error

	cmd  *exec.Cmd
	hold io.Closer
}

// keeper starts a server in the directory $1 with the programs of the directory $2 on the port $3, and says so. When its
// standard input ends, which it does with the tests, however they end, it stops the server and removes the directory.
const keeper = `
trap '' INT TERM
cd "$1" &&
"$2/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$1/log" 2>&1 &&
"$2/pg_ctl" -D "$1/data" -l "$1/log" -w -o "-c listen_addresses=127.0.0.1 -c port=$3 -c unix_socket_directories=$1 -c max_connections=300 -c max_wal_size=128MB" start >>"$1/log" 2>&1 &&
echo started || cat "$1/log"
exec >/dev/null
read -r _
"$2/pg_ctl" -D "$1/data" -m immediate stop
cd / && rm -rf "$1"
`

// URL returns how to connect to the server's first database, and skips the test if there cannot be a server.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	s.start.Do(func() { s.err = s.run() })
	if s.skip != "" {
		t.Skip(s.skip)
	}
	if s.err != nil {
		t.Fatalf("start PostgreSQL: %v", s.err)
	}
	return s.at
}

func (s *Server) run() error {
	programs := installed()
	if programs == "" {
		s.skip = "PostgreSQL is not installed: Debian's package postgresql has it"
		return nil
	}
	dir, err := os.MkdirTemp("", "actito-postgres")
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s.cmd = exec.Command("/bin/sh", "-c", keeper, "sh", dir, programs, port) //nolint:gosec // of PostgreSQL, for tests
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                  // what is typed at a terminal stops the tests only
	if os.Geteuid() == 0 {                                                   // as which PostgreSQL does not run
		if s.cmd.SysProcAttr.Credential, err = unprivileged(); err != nil {
			return err
		}
		if err := os.Chown(dir, int(s.cmd.SysProcAttr.Credential.Uid), int(s.cmd.SysProcAttr.Credential.Gid)); err != nil {
			return err
		}
	}
	if s.hold, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "started\n" {
		log, _ := io.ReadAll(lines)
		return fmt.Errorf("%s%s", line, log)
	}
	s.at = fmt.Sprintf("postgres://postgres:secret@127.0.0.1:%s/postgres?sslmode=disable", port)
	return nil
}

// Stop ends the server, if there is one.
func (s *Server) Stop() {
	if s.hold != nil {
		_ = s.hold.Close()
		_ = s.cmd.Wait()
	}
}

// installed finds the directory of PostgreSQL's programs.
func installed() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // Debian: they are not in the PATH
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(newest)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// version is that of a program in /usr/lib/postgresql.
func version(program string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(program))))
	return n
}

// unprivileged is a user for the server.
func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
