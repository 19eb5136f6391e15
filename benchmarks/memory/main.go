// Command memory measures what large imports and many rejects add to the peak of a process's memory. The service that
// it talks to runs in another process: a minimal server that speaks the same wire, since what a fake needs to load
// gigabytes into its tables would take minutes. It refuses each import's first attempt with a 429, once all bytes are there.
//
//	cd benchmarks && go run ./memory [import] [large] [rejects] [source]
//
// It fails if one of the figures is above 32 MiB. The peak is the one that Linux reports; where it does not, only Go's
// own figure is printed.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/actito-go/actito"
)

// most is what each of the tasks may add.
const most = 32 << 20

func main() {
	log.SetFlags(0)
	flag.Parse()
	if flag.Arg(0) == "serve" {
		log.Fatal(serve())
	}
	if err := run(context.Background(), flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// run measures the tasks that are named, or all.
func run(ctx context.Context, names []string) error {
	url, stop, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer stop()
	client, err := actito.New("key", "MyEntity", actito.WithBaseURL(url))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.Entities.List(ctx); err != nil { // so that connections and tokens are not measured
		return err
	}
	var tooMuch []string
	for _, task := range []struct {
		name string
		work func(context.Context, *actito.Client) (string, error)
	}{
		{"import", importRandom},
		{"large", importLarge},
		{"rejects", readRejects},
		{"source", readSource},
	} {
		if len(names) > 0 && !slices.Contains(names, task.name) {
			continue
		}
		m := begin()
		what, err := task.work(ctx, client)
		added := m.end()
		if err != nil {
			return fmt.Errorf("%s: %w", task.name, err)
		}
		fmt.Printf("%-8s %s\n         %s\n", task.name, what, added)
		if added.most() > most {
			tooMuch = append(tooMuch, task.name)
		}
	}
	if len(tooMuch) > 0 {
		return fmt.Errorf("more than %d MiB: %s", most>>20, strings.Join(tooMuch, ", "))
	}
	return nil
}

// startServer runs this program again as the service. It ends with this process, or when stop is called.
func startServer(ctx context.Context) (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	server := exec.CommandContext(ctx, self, "serve") //nolint:gosec // this program
	server.Stderr = os.Stderr
	end, err := server.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := server.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = end.Close() // which ends it
		_ = server.Wait()
	}
	url, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, errors.Join(errors.New("the server did not start"), err)
	}
	return strings.TrimSpace(url), stop, nil
}

// load runs an import and sees that it was repeated.
func load(ctx context.Context, client *actito.Client, file actito.InputFile, data actito.Data) (string, error) {
	var staged, sent actito.Progress
	attempts := 0
	started, err := client.ETLs.RunOnce(ctx, actito.Definition{Name: "memory", Files: []actito.InputFile{file}}, data,
		actito.OnProgress(func(p actito.Progress) {
			if p.Phase == actito.Staging {
				staged = p
				return
			}
			if p.Sent <= sent.Sent || sent.Total == 0 {
				attempts++
			}
			sent = p
		}))
	if err != nil {
		return "", err
	}
	if _, err := client.Executions.Wait(ctx, started); err != nil {
		return "", err
	}
	if attempts != 2 {
		return "", fmt.Errorf("%d attempts", attempts)
	}
	return fmt.Sprintf("%d rows, %d bytes of CSV, %d as sent, in 2 attempts", sent.Rows, staged.Sent, sent.Total), nil
}

// importRandom imports just under 100,000,000 bytes as sent that do not compress.
func importRandom(ctx context.Context, client *actito.Client) (string, error) {
	customers, err := actito.Profiles[random](client, "Customers")
	if err != nil {
		return "", err
	}
	return load(ctx, client, customers.InputFile("customers.csv"), actito.DataReader("customers.csv", io.MultiReader(
		strings.NewReader("customerID,firstName,lastName\n"), randomRows())))
}

// importLarge imports 1 GB of rows that compress well.
func importLarge(ctx context.Context, client *actito.Client) (string, error) {
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		return "", err
	}
	return load(ctx, client, customers.InputFile("customers.csv", actito.Keep), customers.Rows("customers.csv", customerRows(1e9), actito.Keep))
}

// readRejects reads back as many rejects as the server makes.
func readRejects(ctx context.Context, client *actito.Client) (string, error) {
	return read(ctx, client, func(int) int { return 0 })
}

// readSource does so with the file alongside that they came from.
func readSource(ctx context.Context, client *actito.Client) (string, error) {
	return read(ctx, client, func(reject int) int { return 2*reject + 1 }, actito.Source(actito.DataReader("customers.csv", rejectedSource())))
}

// read reads rejects whose lines in the file that they came from are known.
func read(ctx context.Context, client *actito.Client, sourceLine func(reject int) int, opts ...actito.RejectsOption) (string, error) {
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		return "", err
	}
	start, rows := time.Now(), 0
	for reject, err := range customers.Rejects(ctx, &actito.Execution{ID: rejectedExecution}, opts...) {
		if err != nil {
			return "", err
		}
		rows++
		if reject.RowErr != nil || reject.Key == "" || reject.Column != "emailAddress" || reject.SourceLine != sourceLine(rows) {
			return "", fmt.Errorf("line %d is not what the server sent: %w", reject.Line, reject.RowErr)
		}
	}
	if rows != rejectedRows {
		return "", fmt.Errorf("%d rejects", rows)
	}
	return fmt.Sprintf("%d rejects read, %.0f rows/s with the download", rows, float64(rows)/time.Since(start).Seconds()), nil
}
