package benchmarks

import (
	"fmt"
	"io"
	"iter"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/actito-go/actito"
)

// stamp is a small row: ten million of them stay below the 100 MB that a file may have as sent.
type stamp struct {
	ID      string `actito:"customerID,key"`
	Country string `actito:"country"`
	City    string `actito:"city"`
	Points  int    `actito:"points"`
	Active  bool   `actito:"active"`
}

func stamps(n int) iter.Seq2[stamp, error] {
	return func(yield func(stamp, error) bool) {
		for i := range n {
			s := stamp{"C" + strconv.Itoa(10_000_000+i), countries[i%len(countries)], cities[i%len(cities)], i % 100, i%3 == 0}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// stampFile is the CSV file of stamps, made as it is read.
type stampFile struct {
	rows, next int
	text       []byte
}

func (f *stampFile) Read(p []byte) (int, error) {
	if f.next == 0 && f.text == nil {
		f.text = append(f.text, "customerID,country,city,points,active\n"...)
	}
	for len(f.text) < len(p) && f.next < f.rows {
		i := f.next
		f.text = append(f.text, 'C')
		f.text = strconv.AppendInt(f.text, int64(10_000_000+i), 10)
		f.text = append(append(f.text, ','), countries[i%len(countries)]...)
		f.text = append(append(f.text, ','), cities[i%len(cities)]...)
		f.text = strconv.AppendInt(append(f.text, ','), int64(i%100), 10)
		f.text = strconv.AppendBool(append(f.text, ','), i%3 == 0)
		f.text = append(f.text, '\n')
		f.next++
	}
	if len(f.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.text)
	f.text = append(f.text[:0], f.text[n:]...)
	return n, nil
}

// BenchmarkRows is what a row costs to stage, compression included, by the number of rows: of typed rows, and of a CSV
// file that is checked and compressed. peak-MB is what Go's heap held at most above what it held before.
func BenchmarkRows(b *testing.B) {
	for _, kind := range []struct {
		name string
		data func(n int) actito.Data
	}{
		{"typed", func(n int) actito.Data { return actito.DataRows("stamps.csv", stamps(n)) }},
		{"file", func(n int) actito.Data { return actito.DataReader("stamps.csv", &stampFile{rows: n}) }},
	} {
		for _, n := range []int{1e3, 1e4, 1e5, 1e6, 1e7} {
			b.Run(fmt.Sprintf("%s/rows=%d", kind.name, n), func(b *testing.B) {
				heap := watchHeap()
				for b.Loop() {
					staged, err := actito.Stage(b.Context(), kind.data(n))
					if err != nil {
						b.Fatal(err)
					}
					if rows := staged.Files()[0].Rows; rows != n {
						b.Fatalf("%d rows", rows)
					}
					if err := staged.Close(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(heap(), "peak-MB")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
			})
		}
	}
}

// watchHeap looks at the heap until the function that it returns is called, which tells how far it grew.
func watchHeap() (grownMB func() float64) {
	runtime.GC()
	size := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := size()
	peak := before
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, size())
			case <-stop:
				return
			}
		}
	})
	return func() float64 {
		close(stop)
		watch.Wait()
		return float64(max(peak, size())-before) / 1e6
	}
}
