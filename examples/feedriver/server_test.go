//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// server is the PostgreSQL server of the tests. It starts when the first test needs it.
var server postgres

type postgres struct {
	start sync.Once
	at    string // the URL without the database
	skip  string // why there is none
	err   error

	databases atomic.Int32
	cmd       *exec.Cmd
	hold      io.Closer
}

// keeper starts a server in the directory $1 with the programs of the directory $2 on the port $3, and says so. When its
// standard input ends, which it does with the tests, however they end, it stops the server and removes the directory.
const keeper = `
trap '' INT TERM
cd "$1" &&
"$2/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$1/log" 2>&1 &&
"$2/pg_ctl" -D "$1/data" -l "$1/log" -w -o "-c listen_addresses=127.0.0.1 -c port=$3 -c unix_socket_directories=$1" start >>"$1/log" 2>&1 &&
echo started || cat "$1/log"
exec >/dev/null
read -r _
"$2/pg_ctl" -D "$1/data" -m immediate stop
cd / && rm -rf "$1"
`

// url returns how to connect to a new database, and skips the test if there cannot be one.
func (p *postgres) url(t *testing.T) string {
	t.Helper()
	p.start.Do(func() { p.err = p.run() })
	if p.skip != "" {
		t.Skip(p.skip)
	}
	if p.err != nil {
		t.Fatalf("start PostgreSQL: %v", p.err)
	}
	name := fmt.Sprintf("test%d", p.databases.Add(1))
	connection, err := pgx.Connect(t.Context(), p.at+"postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(t.Context()) }()
	if _, err := connection.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return p.at + name
}

func (p *postgres) run() error {
	programs := programs()
	if programs == "" {
		p.skip = "PostgreSQL is not installed: Debian's package postgresql has it"
		return nil
	}
	dir, err := os.MkdirTemp("", "feedriver")
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	p.cmd = exec.Command("/bin/sh", "-c", keeper, "sh", dir, programs, port)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what is typed at a terminal stops the tests only
	if os.Geteuid() == 0 {                                  // as which PostgreSQL does not run
		credential, err := unprivileged()
		if err != nil {
			return err
		}
		if err := os.Chown(dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return err
		}
		p.cmd.SysProcAttr.Credential = credential
	}
	if p.hold, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "started\n" {
		log, _ := io.ReadAll(lines)
		return fmt.Errorf("%s%s", line, log)
	}
	p.at = fmt.Sprintf("postgres://postgres@127.0.0.1:%s/", port)
	return nil
}

// stop ends the server, if there is one.
func (p *postgres) stop() {
	if p.hold != nil {
		_ = p.hold.Close()
		_ = p.cmd.Wait()
	}
}

// programs finds the directory of PostgreSQL's programs.
func programs() string {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 { // Debian: they are not in the PATH
		return filepath.Dir(found[len(found)-1])
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path)
	}
	return ""
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

// unprivileged is a user for the server.
func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	gid, other := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err, other)
}
