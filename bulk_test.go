package actito_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// bulk is the shop with a client, in memory, so that its tests can run in virtual time.
type bulk struct {
	*actitotest.Server
	client    *actito.Client
	customers *actito.ProfileTable[customer]
	orders    *actito.CustomTable[order]
}

func newBulk(t testing.TB, server *actitotest.Server, opts ...actito.Option) *bulk {
	t.Helper()
	b := &bulk{Server: server}
	b.client = newClient(t, server, append([]actito.Option{actito.WithHTTPClient(&http.Client{Transport: server.Transport()})}, opts...)...)
	var err error
	b.customers, err = actito.Profiles[customer](b.client, "Customers")
	require.NoError(t, err)
	b.orders, err = actito.Records[order](b.client, "Orders")
	require.NoError(t, err)
	return b
}

func inMemory(t testing.TB, opts ...actitotest.Option) *actitotest.Server {
	t.Helper()
	return newShop(t, append([]actitotest.Option{actitotest.InMemory()}, opts...)...)
}

// starts are the calls that came to the server to start an import.
func (b *bulk) starts() []actitotest.Request {
	return b.Requests(actitotest.OpRunOnce, actitotest.OpETLTrigger)
}

// untouched fails if anything was sent or counted.
func (b *bulk) untouched(t testing.TB) {
	t.Helper()
	require.Empty(t, b.starts())
	require.Empty(t, b.Imports())
	b.counted(t, "Customers", 0, 0)
	b.counted(t, "Orders", 0, 0)
}

func (b *bulk) counted(t testing.TB, table string, used, held int) {
	t.Helper()
	usage, err := b.client.Quota.Usage(t.Context(), table)
	require.NoError(t, err)
	require.Equal(t, used, usage.Used, "used of %s", table)
	require.Equal(t, held, usage.Held, "held of %s", table)
}

// stored creates an ETL.
func (b *bulk) stored(t testing.TB, files ...actito.InputFile) string {
	t.Helper()
	id, err := b.client.ETLs.Create(t.Context(), actito.Definition{Name: "stored", Files: files})
	require.NoError(t, err)
	return id
}

// once is a one shot definition.
func once(files ...actito.InputFile) actito.Definition {
	return actito.Definition{Name: "once", Files: files}
}

// ends waits for an execution that was started.
func (b *bulk) ends(t testing.TB, e *actito.Execution, err error) (*actito.Execution, error) {
	t.Helper()
	require.NoError(t, err)
	require.NotEmpty(t, e.ID)
	return b.client.Executions.Wait(t.Context(), e)
}

// loads waits for an execution that was started and loads everything.
func (b *bulk) loads(t testing.TB, e *actito.Execution, err error) *actito.Execution {
	t.Helper()
	e, err = b.ends(t, e, err)
	require.NoError(t, err)
	return e
}

var (
	annRow  = customer{ID: "C1", Email: "ann@example.com", FirstName: "Ann"}
	bobRow  = customer{ID: "C2", Email: "bob@example.com", FirstName: "Bob"}
	annCSV  = "customerID,emailAddress,firstName\nC1,ann@example.com,Ann\n"
	annSemi = strings.ReplaceAll(annCSV, ",", ";")
	named   = actito.Columns("customerID", "emailAddress", "firstName")
)

func brussels(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	return zone
}

// parts are the parts of a form, archives unpacked.
type parts struct {
	definition json.RawMessage
	files      map[string]string // CSV text by name
	order      []string
}

func sent(t testing.TB, r actitotest.Request) parts {
	t.Helper()
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	require.NoError(t, err)
	form := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"])
	p := parts{files: map[string]string{}}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return p
		}
		require.NoError(t, err)
		content, err := io.ReadAll(part)
		require.NoError(t, err)
		if part.FormName() == "parameters" {
			require.Equal(t, "application/json", part.Header.Get("Content-Type"))
			p.definition = content
			continue
		}
		require.Equal(t, "application/zip", part.Header.Get("Content-Type"))
		archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		require.Len(t, archive.File, 1)
		entry, err := archive.File[0].Open()
		require.NoError(t, err)
		text, err := io.ReadAll(entry)
		require.NoError(t, err)
		p.files[archive.File[0].Name] = string(text)
		p.order = append(p.order, archive.File[0].Name)
	}
}

// failing yields the rows and then an error.
func failing[T any](err error, rows ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
		var none T
		yield(none, err)
	}
}

// inEveryWorld runs a test with the fake's own answers to some questions, with each of the opposite ones, and with all
// of them at once. The other questions are answered as the environment says.
func inEveryWorld(t *testing.T, test func(t *testing.T, world ...actitotest.Assumption), opposites ...actitotest.Assumption) {
	t.Helper()
	t.Run("the usual world", func(t *testing.T) { t.Parallel(); test(t, worldWith(opposites)...) })
	for _, o := range opposites {
		t.Run(worldNames[o], func(t *testing.T) { t.Parallel(); test(t, worldWith(opposites, o)...) })
	}
	t.Run("all opposites", func(t *testing.T) { t.Parallel(); test(t, opposites...) })
}

// worldWith answers each question: those of chosen with the opposite, the others as the fake does by itself.
func worldWith(opposites []actitotest.Assumption, chosen ...actitotest.Assumption) []actitotest.Assumption {
	world := slices.Clone(opposites)
	for i, o := range world {
		if !slices.Contains(chosen, o) {
			world[i] = o - 1
		}
	}
	return world
}

var worldNames = map[actitotest.Assumption]string{
	actitotest.EmptyCellsClear:      "empty cells clear",
	actitotest.QuotaRolling:         "the quota rolls",
	actitotest.FailedRunsFree:       "failed runs are free",
	actitotest.FailedFilePasses:     "files after a failed one are loaded",
	actitotest.KeysWithoutCase:      "keys have no case",
	actitotest.ExistingInvalid:      "existing is invalid",
	actitotest.IDOnlyInLocation:     "the id is in Location only",
	actitotest.ExecutionListMissing: "executions cannot be listed",
	actitotest.NamesMissing:         "executions tell no names",
	actitotest.ResultFilesMissing:   "there are no result files",
	actitotest.TimesInUTC:           "times are in UTC",
}

var everyOpposite = slices.DeleteFunc(actitotest.Assumptions(), func(a actitotest.Assumption) bool { return a%2 == 0 })

// start starts an import of customers in one of the two ways.
type start func(ctx context.Context, t testing.TB, b *bulk, opts ...actito.ImportOption) (*actito.Execution, error)

// bothWays runs a test with a stored ETL and with one shots; both load customers.csv with the columns of annCSV.
func bothWays(t *testing.T, test func(t *testing.T, start start)) {
	t.Helper()
	t.Run("triggered", func(t *testing.T) {
		t.Parallel()
		ids := map[*bulk]string{}
		test(t, func(ctx context.Context, t testing.TB, b *bulk, opts ...actito.ImportOption) (*actito.Execution, error) {
			t.Helper()
			if ids[b] == "" {
				ids[b] = b.stored(t, b.customers.InputFile("customers.csv", named))
			}
			return b.client.ETLs.Trigger(ctx, ids[b], opts...)
		})
	})
	t.Run("one shot", func(t *testing.T) {
		t.Parallel()
		test(t, func(ctx context.Context, t testing.TB, b *bulk, opts ...actito.ImportOption) (*actito.Execution, error) {
			t.Helper()
			return b.client.ETLs.RunOnce(ctx, once(b.customers.InputFile("customers.csv", named)), opts...)
		})
	})
}
