package actito_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// refusal is what an error says about bad input.
type refusal struct {
	file   string
	line   int
	column string
	rule   string
}

func requireRefused(t testing.TB, want refusal, err error) {
	t.Helper()
	var invalid *actito.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, want, refusal{invalid.File, invalid.Line, invalid.Column, invalid.Rule}, err)
	require.ErrorIs(t, err, actito.ErrInvalid)
}

func TestBadFilesAreRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	const header = "customerID,emailAddress,firstName\n"
	for name, tt := range map[string]struct {
		csv  string
		want refusal
	}{
		"a byte-order mark":       {"\ufeff" + annCSV, refusal{line: 1, rule: "byte-order-mark"}},
		"too many cells":          {annCSV + "C2,b@example.com,Bob,x\n", refusal{line: 3, rule: "cell-count"}},
		"too few cells":           {annCSV + "C2\n", refusal{line: 3, rule: "cell-count"}},
		"a quote that never ends": {annCSV + "C2,\"b,Bob\n", refusal{line: 3, rule: "quote"}},
		"a quote inside a cell":   {header + "C1,a\"b,Ann\n", refusal{line: 2, column: "emailAddress", rule: "quote"}},
		"a column twice":          {"customerID,customerID\nC1,C1\n", refusal{line: 1, column: "customerID", rule: "header"}},
		"another separator":       {annSemi, refusal{line: 1, rule: "separator"}},
		"not UTF-8":               {header + "C1,x,Andr\xe9\n", refusal{line: 2, column: "firstName", rule: "utf-8"}},
		"a blank line":            {header + "\nC1,x,Ann\n", refusal{line: 2, rule: "blank-line"}},
		"a column of the mapping missing": {"customerID,emailAddress\nC1,ann@example.com\n",
			refusal{line: 1, column: "firstName", rule: "missing-column"}},
		"a column that is not mapped": {"customerID,emailAddress,firstName,vip\nC1,ann@example.com,Ann,1\n",
			refusal{line: 1, column: "vip", rule: "unmapped-column"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.want.file = "customers.csv"
			bothWays(t, func(t *testing.T, start start) {
				b := newBulk(t, inMemory(t))
				_, err := start(t.Context(), t, b, actito.DataBytes("customers.csv", []byte(tt.csv)))
				requireRefused(t, tt.want, err)
				_, err = start(t.Context(), t, b, actito.DataReader("customers.csv", iotest.OneByteReader(strings.NewReader(tt.csv))))
				requireRefused(t, tt.want, err)
				b.untouched(t)
			})
		})
	}
}

func TestColumnsOfTheServersOwnMayStandInAFile(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	text := "profileId,customerID,emailAddress,firstName,updateMoment\n99,C1,ann@example.com,Ann,2020-01-01 00:00:00\n"
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), actito.DataBytes("customers.csv", []byte(text)))
	b.loads(t, e, err)
}

func TestBadRowsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	broken := errors.New("the cursor broke")
	for name, tt := range map[string]struct {
		data func(b *bulk) actito.ImportOption
		want refusal
	}{
		"an empty key": {func(b *bulk) actito.ImportOption {
			return b.customers.Rows("customers.csv", all(annRow, customer{Email: "x@example.com", FirstName: "X"}), named)
		}, refusal{line: 2, column: "customerID", rule: "empty-key"}},
		"a value that is no text": {func(b *bulk) actito.ImportOption {
			return b.customers.Rows("customers.csv", all(annRow, annRow, customer{ID: "C3", Email: "x@example.com", FirstName: "a\x00b"}), named)
		}, refusal{line: 3, column: "firstName"}},
		"a map with a value too many": {func(*bulk) actito.ImportOption {
			return actito.DataRows("customers.csv", all(map[string]any{"customerID": "C1", "emailAddress": "a@example.com", "firstName": "A", "vip": true}), named)
		}, refusal{line: 1, column: "vip", rule: "unknown-column"}},
		"a map with a value of no known kind": {func(*bulk) actito.ImportOption {
			return actito.DataRows("customers.csv", all(map[string]any{"customerID": "C1", "emailAddress": "a@example.com", "firstName": struct{}{}}), named)
		}, refusal{line: 1, column: "firstName", rule: "type"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), tt.data(b))
			var invalid *actito.ValidationError
			require.ErrorAs(t, err, &invalid)
			if tt.want.rule == "" {
				tt.want.rule = invalid.Rule
			}
			tt.want.file = "customers.csv"
			requireRefused(t, tt.want, err)
			b.untouched(t)
		})
	}
	t.Run("a source that fails half-way", func(t *testing.T) {
		t.Parallel()
		bothWays(t, func(t *testing.T, start start) {
			b := newBulk(t, inMemory(t))
			_, err := start(t.Context(), t, b, b.customers.Rows("customers.csv", failing(broken, annRow, bobRow), named))
			require.ErrorIs(t, err, broken)
			require.ErrorContains(t, err, "customers.csv: row 3")
			_, err = start(t.Context(), t, b, actito.DataReader("customers.csv", io.MultiReader(strings.NewReader(annCSV), iotest.ErrReader(broken))))
			require.ErrorIs(t, err, broken)
			require.ErrorContains(t, err, "customers.csv")
			b.untouched(t)
		})
	})
	t.Run("no rows", func(t *testing.T) {
		t.Parallel()
		bothWays(t, func(t *testing.T, start start) {
			b := newBulk(t, inMemory(t))
			for _, opts := range [][]actito.ImportOption{
				{},
				{b.customers.Rows("customers.csv", all[customer](), named)},
				{actito.DataBytes("customers.csv", nil)},
				{actito.DataBytes("customers.csv", []byte("customerID,emailAddress,firstName\n"))},
			} {
				_, err := start(t.Context(), t, b, opts...)
				require.ErrorIs(t, err, actito.ErrNoRows)
			}
			b.untouched(t)
		})
	})
	t.Run("no file and a directory", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		b := newBulk(t, inMemory(t))
		missing := once(b.customers.InputFile("missing.csv", named))
		_, err := b.client.ETLs.RunOnce(t.Context(), missing, actito.DataFile(dir+"/missing.csv"))
		require.ErrorContains(t, err, "missing.csv")
		_, err = b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile(dir[strings.LastIndex(dir, "/")+1:], named)), actito.DataFile(dir))
		requireRefused(t, refusal{file: dir[strings.LastIndex(dir, "/")+1:], rule: "not-a-file"}, err)
		b.untouched(t)
	})
}

func TestFilesThatDoNotFitTheDefinitionAreRefused(t *testing.T) {
	t.Parallel()
	ann := func(name string) actito.ImportOption { return actito.DataBytes(name, []byte(annCSV)) }
	for name, tt := range map[string]struct {
		patterns []string
		data     []actito.ImportOption
		want     refusal
	}{
		"a required file is missing":       {[]string{"a.csv", "b.csv"}, []actito.ImportOption{ann("a.csv")}, refusal{file: "b.csv", rule: "missing-file"}},
		"an unknown file":                  {[]string{"a.csv"}, []actito.ImportOption{ann("a.csv"), ann("b.csv")}, refusal{file: "b.csv", rule: "file-name"}},
		"a name in another case":           {[]string{"a.csv"}, []actito.ImportOption{ann("A.csv")}, refusal{file: "A.csv", rule: "file-name"}},
		"a pattern is no regexp":           {[]string{"a.csv"}, []actito.ImportOption{ann("aXcsv")}, refusal{file: "aXcsv", rule: "file-name"}},
		"the same file twice":              {[]string{"a.csv"}, []actito.ImportOption{ann("a.csv"), ann("a.csv")}, refusal{file: "a.csv", rule: "file-name"}},
		"two files for one pattern":        {[]string{"a_$dd.csv"}, []actito.ImportOption{ann("a_01.csv"), ann("a_02.csv")}, refusal{file: "a_02.csv", rule: "file-name"}},
		"one file for two patterns":        {[]string{"a_$dd.csv", "a_$MM.csv"}, []actito.ImportOption{ann("a_01.csv")}, refusal{file: "a_01.csv", rule: "file-name"}},
		"a name that is a path":            {[]string{"a.csv"}, []actito.ImportOption{ann("x/a.csv")}, refusal{rule: "file-name"}},
		"a separator that is not declared": {[]string{"a.csv"}, []actito.ImportOption{actito.DataBytes("a.csv", []byte(annSemi), actito.SeparatedBy(';'))}, refusal{file: "a.csv", rule: "separator"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			var files []actito.InputFile
			for _, p := range tt.patterns {
				f := b.customers.InputFile(p, named)
				f.Format.Separator = ","
				files = append(files, f)
			}
			_, err := b.client.ETLs.RunOnce(t.Context(), once(files...), tt.data...)
			requireRefused(t, tt.want, err)
			_, err = b.client.ETLs.Trigger(t.Context(), b.stored(t, files...), tt.data...)
			requireRefused(t, tt.want, err)
			b.untouched(t)
		})
	}
	t.Run("the same file twice where the definition is not known", func(t *testing.T) {
		t.Parallel()
		b := newBulk(t, inMemory(t))
		staged, err := actito.Stage(t.Context(), actito.DataBytes("a.csv", []byte(annCSV)))
		require.NoError(t, err)
		defer staged.Close()
		etl := b.stored(t, b.customers.InputFile("a.csv", named))
		b.Fail(actitotest.OpETLGet, actitotest.Status(403))
		_, err = b.client.ETLs.Trigger(t.Context(), etl, actito.Loads("Customers"), staged, ann("a.csv"))
		requireRefused(t, refusal{file: "a.csv", rule: "file-name"}, err)
		b.untouched(t)
	})
}

func TestWhatAStoredDefinitionWouldMisreadIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*actito.InputFile)
		rule   string
	}{
		"another encoding":         {func(f *actito.InputFile) { f.Encoding = actito.ISO88591 }, "encoding"},
		"another compression":      {func(f *actito.InputFile) { f.Compression = actito.GZIP }, "compression"},
		"another separator":        {func(f *actito.InputFile) { f.Format.Separator = ";" }, "separator"},
		"a separator of two bytes": {func(f *actito.InputFile) { f.Format.Separator = "§" }, "separator"},
		"other line ends":          {func(f *actito.InputFile) { f.Format.EndOfLine = "\r\n" }, "line-end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			f := b.customers.InputFile("customers.csv", named)
			tt.change(&f)
			etl := b.stored(t, f) // it may be meant for files that come otherwise
			staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(annCSV)))
			require.NoError(t, err)
			defer staged.Close()
			declared := actito.DataBytes("customers.csv", []byte(annCSV), actito.Encoded(actito.UTF8), actito.Pack(actito.ZIP))
			for _, data := range []actito.ImportOption{staged, declared} {
				_, err = b.client.ETLs.Trigger(t.Context(), etl, data)
				var invalid *actito.ValidationError
				require.ErrorAs(t, err, &invalid)
				require.Equal(t, tt.rule, invalid.Rule)
				require.Equal(t, "customers.csv", invalid.File)
			}
			b.untouched(t)
		})
	}
}

func TestIncompleteDefinitionsAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*actito.InputFile)
		want   string
	}{
		"no pattern":         {func(f *actito.InputFile) { f.FileNamePattern = "" }, "FileNamePattern"},
		"no kind of table":   {func(f *actito.InputFile) { f.Destination.Table = "" }, "Table type"},
		"an unknown kind":    {func(f *actito.InputFile) { f.Destination.Table = "TABLE" }, "Table type"},
		"no table":           {func(f *actito.InputFile) { f.Destination.TableID = "" }, "TableID"},
		"no mapping":         {func(f *actito.InputFile) { f.Mapping = nil }, "Mapping"},
		"an unknown table":   {func(f *actito.InputFile) { f.Destination.TableID = "Clients" }, "Clients"},
		"an unknown column":  {func(f *actito.InputFile) { *f = derive(f, actito.Columns("customerID", "vip")) }, "vip"},
		"a read-only column": {func(f *actito.InputFile) { *f = derive(f, actito.Columns("creationMoment")) }, "creationMoment"},
		"a consent":          {func(f *actito.InputFile) { *f = derive(f, actito.Columns("subscriptions#Newsletter")) }, "WithSubscriptions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			f := b.customers.InputFile("customers.csv", named)
			tt.change(&f)
			data := actito.DataBytes("customers.csv", []byte(annCSV))
			_, err := b.client.ETLs.RunOnce(t.Context(), once(f), data)
			require.ErrorContains(t, err, tt.want)
			_, err = b.client.ETLs.Create(t.Context(), once(f))
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, b.client.ETLs.Replace(t.Context(), "1", once(f)), tt.want)
			require.Empty(t, b.Requests(actitotest.OpETLCreate, actitotest.OpETLReplace))
			b.untouched(t)
		})
	}
	b := newBulk(t, inMemory(t))
	_, err := b.client.ETLs.RunOnce(t.Context(), once(), actito.DataBytes("customers.csv", []byte(annCSV)))
	require.ErrorContains(t, err, "no file")
}

// derive makes an input file of the customers with other columns.
func derive(f *actito.InputFile, opts ...actito.ColumnOption) actito.InputFile {
	client, err := actito.New("key", "MyEntity", actito.WithEnvironment(actito.Preprod))
	if err != nil {
		panic(err)
	}
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		panic(err)
	}
	return customers.InputFile(f.FileNamePattern, opts...)
}

func TestACallerWhoLeavesWhileStagingStartsNothing(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		b.counted(t, "Customers", 0, 0) // the table is known from now on
		ctx, cancel := context.WithCancel(t.Context())
		rows := func(yield func(customer, error) bool) {
			cancel()
			_ = yield(annRow, nil) && yield(bobRow, nil)
		}
		_, err := start(ctx, t, b, b.customers.Rows("customers.csv", rows, named))
		require.ErrorIs(t, err, context.Canceled)
		b.untouched(t)
	})
}
