package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
)

// demonstrate runs the shop as processes of its own against a fake of the service in this one.
func demonstrate(ctx context.Context, out io.Writer) error {
	fake := shop.NewServer()
	defer fake.Close()
	front := newFront(fake)
	defer front.Close()
	folder, err := os.MkdirTemp("", "feed")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "shop.db")
	db, err := openDatabase(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	// A process that is killed is missed after its lease: 30 s in production, 2 s where somebody looks on.
	args := []string{"-url", front.URL, "-db", path, "-listen", "127.0.0.1:0", "-lease", "2s"}

	fmt.Fprintln(out, "The shop opens. Actito takes its time, and no visitor waits for it.")
	rest, wake := context.WithCancel(ctx)
	defer wake()
	stumbled := front.stumble(rest, fake, 7)
	p, err := start(ctx, args, fake.APIKey)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := visit(ctx, out, p.url, morning()); err != nil {
		return err
	}
	wake()
	if err := wait(ctx, stumbled); err != nil {
		return err
	}
	fmt.Fprintln(out, "Six sign-ups are done, the seventh reached Actito and has no answer yet: the shop is killed.")
	p.kill()
	fmt.Fprintf(out, "   %s\n", p.cmd.ProcessState)
	if err := compare(ctx, out, db, fake); err != nil {
		return err
	}

	fmt.Fprintln(out, "It is started again, and visitors go on. It delivers once the lease of the dead one has run out.")
	front.pass(fake)
	if p, err = start(ctx, args, fake.APIKey); err != nil {
		return err
	}
	defer p.kill()
	if err := visit(ctx, out, p.url, noon); err != nil {
		return err
	}
	if err := p.delivered(ctx); err != nil {
		return err
	}
	if err := compare(ctx, out, db, fake); err != nil {
		return err
	}

	fmt.Fprintln(out, "A new version is deployed while a call is under way: the old one gets SIGTERM.")
	thought, answer := context.WithCancel(ctx)
	defer answer()
	came := front.delay(thought, fake)
	if err := visit(ctx, out, p.url, evening); err != nil {
		return err
	}
	if err := wait(ctx, came); err != nil {
		return err
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	answer()
	_ = p.cmd.Wait() // how it ends is what is shown
	fmt.Fprintf(out, "   %s\n", p.cmd.ProcessState)
	if err := compare(ctx, out, db, fake); err != nil {
		return err
	}
	var waiting int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM actito_feed_events`).Scan(&waiting); err != nil {
		return err
	}
	fmt.Fprintf(out, "Rows left in the outbox: %d\n", waiting)
	return nil
}

// process is the shop.
type process struct {
	cmd *exec.Cmd
	url string
}

// start starts the shop and waits until it serves.
func start(ctx context.Context, args []string, apiKey string) (*process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, binary, args...)} //nolint:gosec // itself
	p.cmd.Env = append(os.Environ(), "ACTITO_API_KEY="+apiKey)
	p.cmd.Stderr = os.Stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("the shop does not open: %w", err)
	}
	p.url = strings.TrimSpace(line)
	return p, nil
}

// kill ends the shop without a word, if it has not ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// delivered waits until nothing is left to be delivered.
func (p *process) delivered(ctx context.Context) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		stats, err := p.health(ctx)
		if err != nil {
			return err
		}
		left := 0
		for _, l := range stats.Lanes {
			if l.Dead > 0 {
				return fmt.Errorf("lane %s: %d rows are parked", l.Lane, l.Dead)
			}
			left += l.Pending
		}
		if left == 0 {
			return nil
		}
		if err := wait(ctx, look.C); err != nil {
			return err
		}
	}
}

func (p *process) health(ctx context.Context) (stats feed.Stats, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/healthz", nil)
	if err != nil {
		return stats, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return stats, err
	}
	defer answer.Body.Close()
	return stats, json.NewDecoder(answer.Body).Decode(&stats)
}

func wait[T any](ctx context.Context, c <-chan T) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
