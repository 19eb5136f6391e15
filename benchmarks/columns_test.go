package benchmarks

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/jszwec/csvutil"

	"github.com/actito-go/actito"
)

// wideRows is how many rows BenchmarkColumns takes at a time.
const wideRows = 1_000

// BenchmarkColumns is what a row costs, by the number of its columns: as CSV, as a staged archive, and read from the
// JSON of a list of records. One of its steps is a thousand rows.
func BenchmarkColumns(b *testing.B) {
	benchmarkColumns[columns5](b)
	benchmarkColumns[columns15](b)
	benchmarkColumns[columns100](b)
}

func benchmarkColumns[T any](b *testing.B) {
	rows := wide[T]()
	columns := reflect.TypeFor[T]().NumField()
	run := func(name string, f func(b *testing.B) error) {
		b.Run(fmt.Sprintf("%s/columns=%d", name, columns), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(b); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/wideRows, "ns/row")
		})
	}
	run("encode/actito", func(*testing.B) error { return actito.WriteCSV(io.Discard, actito.FromSlice(rows)) })
	run("encode/csvutil", func(*testing.B) error {
		out := csv.NewWriter(io.Discard)
		enc := csvutil.NewEncoder(out)
		for i := range rows {
			if err := enc.Encode(&rows[i]); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	})
	run("stage/actito", func(b *testing.B) error {
		staged, err := actito.Stage(b.Context(), actito.DataRows("rows.csv", actito.FromSlice(rows)))
		if err != nil {
			return err
		}
		return staged.Close()
	})

	answer := recordsJSON(b, rows)
	client, err := actito.New("key", "MyEntity", actito.WithHTTPClient(&http.Client{Transport: canned(answer)}),
		actito.WithBaseURL("http://127.0.0.1"), actito.WithLimiter(actito.NoRateLimit{}))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	table, err := actito.Records[T](client, "Rows")
	if err != nil {
		b.Fatal(err)
	}
	run("decode/actito", func(b *testing.B) error {
		list, _, err := table.List(b.Context(), actito.ListOptions{Number: wideRows})
		if err == nil && len(list) != wideRows {
			err = fmt.Errorf("%d rows", len(list))
		}
		return err
	})
	run("decode/stdlib", func(*testing.B) error {
		var list recordList
		return json.Unmarshal(answer, &list)
	})
}

// recordList is what a program without a library decodes into; it still has to find and convert each value.
type recordList struct {
	Records []struct {
		Properties []attribute `json:"properties"`
	} `json:"records"`
}

// wide are rows whose values differ.
func wide[T any]() []T {
	rows := make([]T, wideRows)
	for i := range rows {
		v := reflect.ValueOf(&rows[i]).Elem()
		for c := range v.NumField() {
			n := i*7919 + c*104_729
			switch f := v.Field(c); f.Kind() {
			case reflect.String:
				f.SetString(fmt.Sprintf("text %d", n))
			case reflect.Int:
				f.SetInt(int64(n))
			case reflect.Float64:
				f.SetFloat(float64(n) / 100)
			case reflect.Bool:
				f.SetBool(n%2 == 0)
			}
		}
	}
	return rows
}

func recordsJSON[T any](b *testing.B, rows []T) []byte {
	list := recordList{}
	for i := range rows {
		v := reflect.ValueOf(rows[i])
		record := struct {
			Properties []attribute `json:"properties"`
		}{}
		for c := range v.NumField() {
			record.Properties = append(record.Properties, attribute{strings.ToLower(v.Type().Field(c).Name), v.Field(c).Interface()})
		}
		list.Records = append(list.Records, record)
	}
	answer, err := json.Marshal(list)
	if err != nil {
		b.Fatal(err)
	}
	return answer
}

// canned is a service that gives one answer, and tokens.
type canned []byte

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	body := []byte(c)
	if req.URL.Path == "/auth/token" {
		body = []byte(`{"accessToken":"token","tokenType":"bearer","expiresIn":"900s"}`)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}
