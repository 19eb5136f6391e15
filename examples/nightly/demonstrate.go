package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

// demonstrate runs the job three times, each time as a process of its own, against a fake of the service in this one.
// The first process is killed (SIGKILL) when the service has accepted the import and not answered yet.
func demonstrate(ctx context.Context, args []string, out io.Writer) error {
	fake := shop.NewServer()
	defer fake.Close()
	fake.Assume(actitotest.NamesInExecutions) // else the second run needs two minutes to be sure
	alive, kill := context.WithCancel(ctx)
	defer kill()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/trigger-execution")
		if !start || alive.Err() != nil {
			fake.Handler().ServeHTTP(w, r)
			return
		}
		fake.Handler().ServeHTTP(httptest.NewRecorder(), r)
		kill()
		<-r.Context().Done()
	}))
	defer front.Close()
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(front.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	etl, err := storeETL(ctx, client)
	if err != nil {
		return err
	}

	folder, err := os.MkdirTemp("", "nightly")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "customers.csv")
	if err := os.WriteFile(file, sample, 0o600); err != nil {
		return err
	}
	args = append([]string{"-file", file}, args...)
	args = append(args, "-url", front.URL, "-etl", etl, "-state", filepath.Join(folder, "state"))
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	job := func(alive context.Context) {
		cmd := exec.CommandContext(alive, binary, args...) //nolint:gosec // itself
		cmd.Env = append(os.Environ(), "ACTITO_API_KEY="+fake.APIKey)
		cmd.Stdout, cmd.Stderr = out, out
		_ = cmd.Run() // how it ends is what is shown
		fmt.Fprintf(out, "   %s\n", cmd.ProcessState)
	}
	fmt.Fprintln(out, "The scheduler starts the job, and it is killed midway.")
	job(alive)
	fmt.Fprintln(out, "The scheduler starts it again.")
	job(ctx)
	fmt.Fprintln(out, "And once more.")
	job(ctx)
	fmt.Fprintf(out, "Imports that reached the service: %d\n", len(fake.Imports()))
	return ctx.Err()
}

// storeETL stores the definition. It is done once for a licence, by a program like this or in Actito itself, and its id
// is kept in the job's settings.
func storeETL(ctx context.Context, client *actito.Client) (id string, err error) {
	// The file comes from another system and is loaded as it is, so its rows need no struct.
	customers, err := actito.Profiles[map[string]any](client, shop.Customers)
	if err != nil {
		return "", err
	}
	return client.ETLs.Create(ctx, actito.Definition{
		Name: "customers-nightly",
		Files: []actito.InputFile{
			customers.InputFile("customers.csv", actito.Columns("customerID", "emailAddress", "firstName", "country")),
		},
	})
}
