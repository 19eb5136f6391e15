package quotatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/actito-go/actito"
)

// Open opens the store on the ledger at an address. [Serve] and [RunProcesses] get the same one. The clock is that of
// the test, unless [OwnClock] is given.
type Open func(address string, now func() time.Time) (actito.QuotaStore, error)

// addressVariable makes a test binary serve instead of test.
const addressVariable = "QUOTATEST_ADDRESS"

// call is what a process is asked to do. Method is the name of a method of QuotaStore.
type call struct {
	Method      string
	Now         time.Time
	Reservation actito.Reservation
	Name        string // of the reservation or bucket
	Outcome     actito.Outcome
	Until       time.Time
}

// answer is what came of it.
type answer struct {
	Usage   actito.Usage
	Error   string // "" for none
	Lost    bool   // the error matches ErrReservationLost
	Full    *actito.QuotaError
	Started *actito.AlreadyStartedError
}

// Serve makes the calls that [RunProcesses] asks for and ends the process, if that is what the process was started for.
// Otherwise it does nothing. Call it from TestMain, first of all.
func Serve(open Open) {
	address, ok := os.LookupEnv(addressVariable)
	if !ok {
		return
	}
	if err := serve(open, address, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quotatest:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(open Open, address string, calls io.Reader, answers io.Writer) error {
	var c call
	store, err := open(address, func() time.Time { return c.Now })
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(calls), json.NewEncoder(answers)
	for {
		c = call{}
		if err := in.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(c.make(store)); err != nil {
			return err
		}
	}
}

func (c *call) make(store actito.QuotaStore) (a answer) {
	ctx := context.Background()
	var err error
	switch c.Method {
	case "Reserve":
		err = store.Reserve(ctx, c.Reservation)
	case "Begin":
		err = store.Begin(ctx, c.Name)
	case "Settle":
		err = store.Settle(ctx, c.Name, c.Outcome)
	case "Close":
		err = store.Close(ctx, c.Name, c.Until)
	case "Usage":
		a.Usage, err = store.Usage(ctx, c.Name)
	}
	if err != nil {
		a.Error = err.Error()
		a.Lost = errors.Is(err, actito.ErrReservationLost)
		_ = errors.As(err, &a.Full)
		_ = errors.As(err, &a.Started)
	}
	return a
}

// err is the error of an answer as a caller tells it.
func (a *answer) err() error {
	switch {
	case a.Full != nil:
		return a.Full
	case a.Started != nil:
		return a.Started
	case a.Lost:
		return fmt.Errorf("%s: %w", a.Error, actito.ErrReservationLost)
	case a.Error != "":
		return errors.New(a.Error)
	}
	return nil
}

// process is a QuotaStore in another process: the test binary once more, which makes the calls that come in. A process
// that is killed loses the answer of its last call; whether the call took effect, nobody knows.
type process struct {
	cmd   *exec.Cmd
	now   func() time.Time
	mu    sync.Mutex // one call at a time
	calls *json.Encoder
	out   *json.Decoder
	log   bytes.Buffer
	ended sync.Once
}

// errKilled is what a call comes to whose process ended before it answered.
var errKilled = errors.New("the process was killed")

// newProcess starts a process that uses the ledger. It is killed with the test.
func (s *shared) newProcess() (*process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(binary), now: s.clock.now} //nolint:gosec // it is the binary that runs
	p.cmd.Env = append(os.Environ(), addressVariable+"="+s.address)
	p.cmd.Stderr = &p.log
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.calls, p.out = json.NewEncoder(in), json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	s.Cleanup(func() {
		p.end()
		if s.Failed() && p.log.Len() > 0 {
			s.Logf("a process wrote: %s", p.log.String())
		}
	})
	return p, nil
}

// kill ends the process where it is, without a chance to clean up.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// end kills the process and waits for its end.
func (p *process) end() {
	p.kill()
	p.ended.Do(func() { _ = p.cmd.Wait() })
}

func (p *process) call(c call) (answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.Now = p.now()
	if err := p.calls.Encode(c); err != nil {
		return answer{}, errKilled
	}
	var a answer
	if err := p.out.Decode(&a); err != nil {
		return answer{}, errKilled
	}
	return a, a.err()
}

// Reserve implements [actito.QuotaStore].
func (p *process) Reserve(_ context.Context, r actito.Reservation) error {
	_, err := p.call(call{Method: "Reserve", Reservation: r})
	return err
}

// Begin implements [actito.QuotaStore].
func (p *process) Begin(_ context.Context, id string) error {
	_, err := p.call(call{Method: "Begin", Name: id})
	return err
}

// Settle implements [actito.QuotaStore].
func (p *process) Settle(_ context.Context, id string, o actito.Outcome) error {
	_, err := p.call(call{Method: "Settle", Name: id, Outcome: o})
	return err
}

// Close implements [actito.QuotaStore].
func (p *process) Close(_ context.Context, bucket string, until time.Time) error {
	_, err := p.call(call{Method: "Close", Name: bucket, Until: until})
	return err
}

// Usage implements [actito.QuotaStore].
func (p *process) Usage(_ context.Context, bucket string) (actito.Usage, error) {
	a, err := p.call(call{Method: "Usage", Name: bucket})
	return a.Usage, err
}
