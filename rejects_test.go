package actito_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/race"
)

func collect[T any](t testing.TB, rejects iter.Seq2[actito.Reject[T], error]) []actito.Reject[T] {
	t.Helper()
	var list []actito.Reject[T]
	for r, err := range rejects {
		require.NoError(t, err)
		list = append(list, r)
	}
	return list
}

// twoTables imports one good and one bad row of each table.
func (b *bulk) twoTables(t testing.TB) *actito.Execution {
	t.Helper()
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named), b.orders.InputFile("orders.csv")),
		b.customers.Rows("customers.csv", all(annRow, customer{ID: "C2", Email: "bob@nowhere", FirstName: "Bob; \"the\nbuilder\""}), named),
		b.orders.Rows("orders.csv", all(order{"O1", "C1", 1}, order{"O2", "C9", 2.5})), actito.LookUpParents(-1))
	e, err = b.ends(t, e, err)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	return e
}

func TestRejectsAreReadTypedAndUntyped(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(actitotest.ResultFilesExist)
		b.Assume(world...)
		e := b.twoTables(t)
		for name, e := range map[string]*actito.Execution{"as it ended": e, "by its id": {ID: e.ID}} {
			customers := collect(t, b.customers.Rejects(t.Context(), e))
			require.Equal(t, []actito.Reject[customer]{{
				Row:     customer{ID: "C2", Email: "bob@nowhere", FirstName: "Bob; \"the\nbuilder\""},
				Key:     "C2",
				Columns: []string{"customerID", "emailAddress", "firstName"},
				Cells:   []string{"C2", "bob@nowhere", "Bob; \"the\nbuilder\""},
				File:    "customers.csv", Line: 2, Code: "INVALID_VALUE", Column: "emailAddress",
			}}, customers, name)
			orders := collect(t, b.orders.Rejects(t.Context(), e))
			require.Len(t, orders, 1, name)
			require.Equal(t, order{"O2", "C9", 2.5}, orders[0].Row)
			require.Equal(t, "customerID", orders[0].Column)

			untyped := collect(t, b.client.Executions.Rejects(t.Context(), e))
			require.Len(t, untyped, 2, name)
			require.Equal(t, map[string]string{"orderId": "O2", "customerID": "C9", "amount": "2.5"}, untyped[1].Row)
			require.Equal(t, "orders.csv", untyped[1].File)
		}
		maps, err := actito.Records[map[string]any](b.client, "Orders")
		require.NoError(t, err)
		require.Equal(t, "C9", collect(t, maps.Rejects(t.Context(), e))[0].Row["customerID"])
		byID, err := actito.Records[order](b.client, e.Files[1].TableID)
		require.NoError(t, err)
		require.Len(t, collect(t, byID.Rejects(t.Context(), e)), 1)
	}, actitotest.IDOnlyInLocation, actitotest.TimesInUTC, actitotest.ExecutionListMissing, actitotest.FailedFilePasses)
}

func TestATableHasNoRejectsInAnImportOfAnother(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ResultFilesExist)
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.orders.InputFile("orders.csv")), b.orders.Rows("orders.csv", all(order{"O2", "C9", 2.5})))
	e, err = b.ends(t, e, err)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	require.Empty(t, collect(t, b.customers.Rejects(t.Context(), e)))
	require.Len(t, collect(t, b.orders.Rejects(t.Context(), e)), 1)
}

func TestRejectsThatCannotBeDownloaded(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ResultFilesMissing)
	e := b.twoTables(t)
	failed := 0
	for _, err := range b.customers.Rejects(t.Context(), e) {
		require.ErrorContains(t, err, "rejected 1 rows and has no file")
		require.ErrorIs(t, err, actito.ErrNotFound)
		failed++
	}
	for _, err := range b.client.Executions.Rejects(t.Context(), e) {
		require.ErrorContains(t, err, "rejected 2 rows and has no file")
		failed++
	}
	require.Equal(t, 2, failed)
	for _, result := range b.customers.Repair(t.Context(), e, func(r actito.Reject[customer]) (customer, bool) { return r.Row, true }) {
		require.ErrorIs(t, result.Err, actito.ErrNotFound)
		failed++
	}
	require.Equal(t, 3, failed)
	_, err := b.client.Executions.WriteRepair(t.Context(), e, "customers.csv", io.Discard)
	require.ErrorIs(t, err, actito.ErrNotFound)
	_, err = b.client.Executions.Summarize(t.Context(), e)
	require.ErrorIs(t, err, actito.ErrNotFound)

	// Where there are none, there is nothing to miss.
	e, err = b.oneCustomer(t.Context())
	require.NoError(t, err)
	require.Empty(t, collect(t, b.customers.Rejects(t.Context(), e)))
	require.Empty(t, collect(t, b.customers.Rejects(t.Context(), b.loads(t, e, nil))))
	only, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named), b.orders.InputFile("orders.csv")),
		b.customers.Rows("customers.csv", all(annRow), named), b.orders.Rows("orders.csv", all(order{"O2", "C9", 2.5})), actito.LookUpParents(-1))
	only, err = b.ends(t, only, err)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	require.Empty(t, collect(t, b.customers.Rejects(t.Context(), only)))

	// A server that says there are some, and not how many.
	b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"7","status":"WITH_ERROR"}`))
	failed = 0
	for _, err := range b.customers.Rejects(t.Context(), &actito.Execution{ID: e.ID}) {
		require.ErrorIs(t, err, actito.ErrNotFound)
		failed++
	}
	require.Equal(t, 1, failed)
	b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"7","status":"RUNNING"}`))
	for _, err := range b.customers.Rejects(t.Context(), &actito.Execution{ID: e.ID}) {
		require.ErrorContains(t, err, "before it ends")
		failed++
	}
	require.Equal(t, 2, failed)
	for _, e := range []*actito.Execution{nil, {}} {
		require.Empty(t, collect(t, b.customers.Rejects(t.Context(), e)))
	}
}

// archive packs files, pairs of name and text.
func archive(t testing.TB, files ...string) string {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for i := 0; i < len(files); i += 2 {
		entry, err := w.Create(files[i])
		require.NoError(t, err)
		_, err = io.WriteString(entry, files[i+1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return packed.String()
}

// rejecting is a shop whose execution 7 has this error file, of rows that the server did not count.
func rejecting(t testing.TB, file string) (*bulk, *actito.Execution) {
	t.Helper()
	b := newBulk(t, inMemory(t))
	b.Fail(actitotest.OpErrorFile, actitotest.Times(9, actitotest.Status(200).WithBody("application/zip", file)))
	return b, &actito.Execution{ID: "7", Status: actito.StatusWithError, Files: []actito.FileResult{{Name: "o.csv", Table: actito.CustomTableType}}}
}

func TestRejectsFilesInEveryForm(t *testing.T) {
	t.Parallel()
	o1 := order{"O1", "C1", 1.5}
	for name, tt := range map[string]struct {
		files []string
		want  []order
		line  int
	}{
		"commas":                        {[]string{"o.csv", "orderId,customerID,amount,errorCode,errorColumn\nO1,C1,1.5,E,amount\n"}, []order{o1}, 2},
		"semicolons and CRLF":           {[]string{"o.csv", "orderId;customerID;amount;errorCode;errorColumn\r\nO1;C1;1.5;E;amount\r\n"}, []order{o1}, 2},
		"tabs, no last line end":        {[]string{"o.csv", "orderId\tcustomerID\tamount\terrorCode\terrorColumn\nO1\tC1\t1.5\tE\tamount"}, []order{o1}, 2},
		"a separator beyond ASCII":      {[]string{"o.csv", "orderId§customerID§amount§errorCode§errorColumn\nO1§C1§1.5§E§amount"}, []order{o1}, 2},
		"everything in quotes":          {[]string{"o.csv", "\"orderId\";\"customerID\";\"amount\";\"errorCode\";\"errorColumn\"\n\"O1\";\"C1\";\"1.5\";\"E\";\"amount\"\n"}, []order{o1}, 2},
		"a byte-order mark":             {[]string{"o.csv", "\ufefforderId,customerID,amount,errorCode,errorColumn\nO1,C1,1.5,E,amount\n"}, []order{o1}, 2},
		"a header of several lines":     {[]string{"o.csv", "orderId,\"a\nb\",customerID,amount,errorCode,errorColumn\nO1,x,C1,1.5,E,amount\n"}, []order{o1}, 3},
		"a column named errorCode, too": {[]string{"o.csv", "orderId;my_errorCode;customerID;amount;errorCode;errorColumn\nO1;x;C1;1.5;E;amount\n"}, []order{o1}, 2},
		"columns in another order":      {[]string{"o.csv", "amount,x,orderId,customerID,errorCode,errorColumn\n1.5,y,O1,C1,E,amount\n"}, []order{o1}, 2},
		"in a folder, with others":      {[]string{"folder/", "", "empty.csv", "", "folder/o.csv", "orderId,customerID,amount,errorCode,errorColumn\nO1,C1,1.5,E,amount\n"}, []order{o1}, 2},
		"ISO-8859-1":                    {[]string{"o.csv", "orderId,customerID,amount,errorCode,errorColumn\nO1,Ren\xe9,1.5,E,amount\n"}, []order{{"O1", "René", 1.5}}, 2},
		"a header only":                 {[]string{"o.csv", "orderId,customerID,amount,errorCode,errorColumn\n"}, nil, 0},
		"no file":                       {nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, e := rejecting(t, archive(t, tt.files...))
			list := collect(t, b.orders.Rejects(t.Context(), e))
			require.Len(t, list, len(tt.want))
			for i, r := range list {
				require.NoError(t, r.RowErr)
				require.Equal(t, tt.want[i], r.Row)
				require.Equal(t, []any{"o.csv", tt.line, "E", "amount"}, []any{r.File, r.Line, r.Code, r.Column})
				require.Len(t, r.Cells, len(r.Columns))
			}
		})
	}
}

func TestARowThatCannotBeReadDoesNotEndTheRejects(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t, "o.csv", "orderId,customerID,amount,errorCode,errorColumn\nO1,C1,secret,E,amount\nO2,C2,2,E,\n"))
	list := collect(t, b.orders.Rejects(t.Context(), e))
	require.Len(t, list, 2)
	require.ErrorContains(t, list[0].RowErr, "amount")
	require.NotContains(t, list[0].RowErr.Error(), "secret")
	require.Equal(t, "O1", list[0].Row.ID)
	require.Equal(t, []string{"O1", "C1", "secret"}, list[0].Cells)
	require.NoError(t, list[1].RowErr)
	require.Empty(t, list[1].Column)
}

func TestWhoLeavesTheRejectsEarlyIsLeftAlone(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t,
		"a.csv", "orderId,customerID,amount,errorCode,errorColumn\nO1,C1,1,E,amount\nO2,C1,2,E,amount\n",
		"b.csv", "not a rejects file"))
	for r, err := range b.orders.Rejects(t.Context(), e) {
		require.NoError(t, err)
		require.Equal(t, "O1", r.Row.ID)
		break
	}
	seen := 0
	for r, err := range b.orders.Rejects(t.Context(), e) { // a second loop downloads again
		if seen++; seen == 3 {
			require.ErrorContains(t, err, "cannot be read")
			require.Zero(t, r)
		}
	}
	require.Equal(t, 3, seen)
}

func TestBrokenRejectsFilesAreErrors(t *testing.T) {
	t.Parallel()
	whole := archive(t, "o.csv", "orderId,customerID,amount,errorCode,errorColumn\n"+strings.Repeat("O1,C1,1.5,E,amount\n", 99))
	flipped := []byte(whole)
	flipped[60] ^= 0xff
	encrypted, link := []byte(archive(t, "o.csv", "")), []byte(archive(t, "o.csv", "/etc/passwd"))
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1
	entry := link[bytes.Index(link, []byte("PK\x01\x02")):]
	entry[5], entry[41] = 3, 0xA0 // made on Unix, where it is a symbolic link
	for name, file := range map[string]string{
		"no archive":            "orderId,errorCode,errorColumn\n",
		"a cut archive":         whole[:len(whole)/2],
		"a damaged archive":     string(flipped),
		"no columns of errors":  archive(t, "o.csv", "orderId,amount\nO1,1\n"),
		"a quote in a cell":     archive(t, "o.csv", "orderId,errorCode,errorColumn\nO\"1,E,x\n"),
		"a row without end":     archive(t, "o.csv", "orderId,errorCode,errorColumn\n\""+strings.Repeat("O1,E,x\n", 1<<20)),
		"too many files":        archive(t, slices.Repeat([]string{"o.csv", ""}, 1001)...),
		"a name that climbs":    archive(t, "../o.csv", "orderId,errorCode,errorColumn\n"),
		"a name from the root":  archive(t, "/o.csv", "orderId,errorCode,errorColumn\n"),
		"a name of Windows":     archive(t, `a\..\o.csv`, "orderId,errorCode,errorColumn\n"),
		"a name with a drive":   archive(t, "C:o.csv", "orderId,errorCode,errorColumn\n"),
		"a name in two lines":   archive(t, "o\n.csv", "orderId,errorCode,errorColumn\n"),
		"a name with NUL":       archive(t, "o\x00.csv", "orderId,errorCode,errorColumn\n"),
		"a bomb":                archive(t, "o.csv", "orderId,errorCode,errorColumn\n"+strings.Repeat("O1,E,x\n", 10<<20)),
		"a forged size":         forged(archive(t, "o.csv", "orderId,errorCode,errorColumn\nO1,E,x\n")),
		"an encrypted file":     string(encrypted),
		"a link":                string(link),
		"an archive in it":      archive(t, "o.csv", whole),
		"a quote without end":   archive(t, "o.csv", "orderId,errorCode,errorColumn\n\"O1,E,x\n"),
		"only columns of error": archive(t, "o.csv", "errorCode,errorColumn\nE,x\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, e := rejecting(t, file)
			var errs []error
			for _, err := range b.orders.Rejects(t.Context(), e) {
				if err != nil {
					errs = append(errs, err)
				}
			}
			require.Len(t, errs, 1)
			require.ErrorContains(t, errs[0], "cannot be read")
			require.ErrorContains(t, errs[0], map[string]string{
				"a row without end":   "longer than",
				"too many files":      "more than 1000",
				"a name that climbs":  "out of the archive",
				"a name with a drive": "out of the archive",
				"a bomb":              "unpacks to",
				"an encrypted file":   "its file 1 is encrypted",
				"a link":              "its file 1 is a link",
			}[name])
		})
	}
	t.Run("a download that breaks off", func(t *testing.T) {
		t.Parallel()
		b := newBulk(t, inMemory(t))
		e := b.twoTables(t)
		b.Fail(actitotest.OpErrorFile, actitotest.CutAnswer(10))
		failed := 0
		for _, err := range b.orders.Rejects(t.Context(), e) {
			require.ErrorContains(t, err, "download rejects")
			failed++
		}
		require.Equal(t, 1, failed)
	})
}

// forged is the archive of one file with 1 as its unpacked size.
func forged(archive string) string {
	at := strings.Index(archive, "PK\x01\x02") + 24
	return archive[:at] + "\x01\x00\x00\x00" + archive[at+4:]
}

func TestLargeRejectsLeaveNoFileBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("open files are listed in /proc")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var text strings.Builder
	text.WriteString("orderId,customerID,amount,errorCode,errorColumn\n")
	rows := race.Less(4000)
	random := make([]byte, 3<<10)
	for i := range rows {
		_, _ = rand.Read(random) // it never fails
		text.WriteString(strconv.Itoa(i) + "," + base64.StdEncoding.EncodeToString(random) + ",1,E,amount\n")
	}
	b, e := rejecting(t, archive(t, "o.csv", text.String()))
	open := func() (files []string) {
		descriptors, err := filepath.Glob("/proc/self/fd/*")
		require.NoError(t, err)
		for _, d := range descriptors {
			if target, err := os.Readlink(d); err == nil && strings.HasPrefix(target, dir) {
				files = append(files, target)
			}
		}
		return files
	}
	n := 0
	for r, err := range b.orders.Rejects(t.Context(), e) {
		require.NoError(t, err)
		require.Equal(t, n+2, r.Line)
		if n++; n == 1 {
			require.Len(t, open(), 1, "it is large enough for a file")
		}
	}
	require.Equal(t, rows, n)
	for _, err := range b.orders.Rejects(t.Context(), e) {
		require.NoError(t, err)
		break
	}
	require.Empty(t, open())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
