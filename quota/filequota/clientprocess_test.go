package filequota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// clientVariable makes a test binary import instead of test. It holds an importer as JSON.
const clientVariable = "FILEQUOTA_CLIENT"

// importer is a client in another process.
type importer struct {
	URL, APIKey, Path string
	Once              string // the key of its only import; "" for imports without one until the budget is used up
	StandsBefore      string // this call of the store, or the next import; it never makes that
	Handle            string // file of its only import's handle; "" for none
}

// told is a line that an importer writes: before which call it is, or what came of an import.
type told struct {
	Before    string
	Execution string
	Full      bool   // the budget is used up
	Error     string // another one than that, or that the import was started already

	NotStarted bool // the import that was resumed had not, and was started anew
	Created    int  // rows of one that was waited for
	Rejected   int
}

type customer struct {
	ID string `actito:"customerID,key"`
}

// serveImports imports and ends the process, if that is what the process was started for.
func serveImports() {
	config, ok := os.LookupEnv(clientVariable)
	if !ok {
		return
	}
	if err := serve([]byte(config), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(config []byte, tell *json.Encoder) error {
	var i importer
	if err := json.Unmarshal(config, &i); err != nil {
		return err
	}
	store, err := Open(i.Path)
	if err != nil {
		return err
	}
	stands := &standing{Store: store, before: i.StandsBefore, tell: tell}
	client, err := newClient(i.URL, i.APIKey, stands)
	if err != nil {
		return err
	}
	if i.Handle != "" {
		return i.resume(client, stands)
	}
	for ; err == nil; stands.reaches("next") {
		e, failed := importOne(context.Background(), client, i.Once)
		t := told{Full: errors.Is(failed, actito.ErrQuotaExceeded)}
		switch {
		case failed == nil:
			t.Execution = e.ID
		case !t.Full && !errors.Is(failed, actito.ErrAlreadyStarted):
			t.Error = failed.Error()
		}
		if err = tell.Encode(t); failed != nil || i.Once != "" {
			break
		}
	}
	return err
}

func newClient(url, key string, store actito.QuotaStore, opts ...actito.Option) (*actito.Client, error) {
	return actito.New(key, "MyEntity", append(opts, actito.WithBaseURL(url), actito.WithLimiter(actito.NoRateLimit{}),
		actito.WithQuota(actito.Quota{Store: store, Window: actito.Rolling24h}))...) // no midnight comes in between
}

func importOne(ctx context.Context, client *actito.Client, key string) (*actito.Execution, error) {
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		return nil, err
	}
	opts := []actito.ImportOption{customers.Rows("customers.csv", actito.FromSlice([]customer{{"C1"}}))}
	if key != "" {
		opts = append(opts, actito.Once(key))
	}
	return client.ETLs.RunOnce(ctx, actito.Definition{Name: "once", Files: []actito.InputFile{customers.InputFile("customers.csv")}}, opts...)
}

// standing is a store before one of whose calls the process stands still.
type standing struct {
	*Store
	before string
	tell   *json.Encoder
}

// reaches tells that the process is before a call, where it may stand still.
func (s *standing) reaches(before string) {
	_ = s.tell.Encode(told{Before: before})
	if s.before == before {
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends with the test, if nobody kills this process
		os.Exit(0)
	}
}

// Reserve implements [actito.QuotaStore].
func (s *standing) Reserve(ctx context.Context, r actito.Reservation) error {
	s.reaches("Reserve")
	return s.Store.Reserve(ctx, r)
}

// Begin implements [actito.QuotaStore].
func (s *standing) Begin(ctx context.Context, id string) error {
	s.reaches("Begin")
	return s.Store.Begin(ctx, id)
}

// Settle implements [actito.QuotaStore].
func (s *standing) Settle(ctx context.Context, id string, o actito.Outcome) error {
	s.reaches("Settle")
	return s.Store.Settle(ctx, id, o)
}

// office is a service that refuses nothing, a ledger, and an operator. Processes reach the service by its front.
type office struct {
	*testing.T
	service  *actitotest.Server
	front    *httptest.Server
	path     string
	operator *actito.Client
}

func newOffice(t *testing.T, front func(service http.Handler) http.Handler) *office {
	o := &office{T: t, path: newPath(t), service: actitotest.NewServer(actitotest.InMemory(),
		actitotest.WithLimits(actitotest.Limits{ImportsPerDay: -1, PerMinute: -1, Concurrent: -1}))}
	t.Cleanup(o.service.Close)
	o.service.AddProfileTable("MyEntity", actitotest.Table{ID: "16", Name: "Customers",
		Attributes: []actitotest.Attribute{{Name: "customerID", Type: "STRING", Unique: true}}})
	o.front = httptest.NewServer(front(o.service.Handler()))
	t.Cleanup(o.front.Close)
	store, err := Open(o.path)
	require.NoError(t, err)
	o.operator, err = newClient(o.service.URL, o.service.APIKey, store, actito.WithHTTPClient(&http.Client{Transport: o.service.Transport()}))
	require.NoError(t, err)
	return o
}

// process lets an importer work in another process, which is killed when alive ends, and hands on what it tells. Whatever
// else ends it, or goes wrong in it, is an error.
func (o *office) process(alive context.Context, i importer, heard func(told)) error {
	i.URL, i.APIKey, i.Path = o.front.URL, o.service.APIKey, o.path
	config, err := json.Marshal(i)
	if err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(alive, binary)
	cmd.Env = append(os.Environ(), clientVariable+"="+string(config),
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE")) // the race detector takes a second to end a process otherwise
	var log strings.Builder
	cmd.Stderr = &log
	if _, err := cmd.StdinPipe(); err != nil { // open as long as this process lives
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var failed error
	for lines := json.NewDecoder(out); ; {
		var t told
		if lines.Decode(&t) != nil {
			break
		}
		if t.Error != "" {
			failed = errors.New(t.Error)
		}
		heard(t)
	}
	err = cmd.Wait()
	if alive.Err() != nil {
		err = nil
	}
	if log.Len() > 0 {
		err = errors.Join(err, errors.New(log.String()))
	}
	return errors.Join(failed, err)
}
