package main

import (
	"testing"
)

const twoRuns = `goos: linux
BenchmarkEncode/actito-2  	 100	 1000 ns/op	 12.50 MB/s
BenchmarkEncode/stdlib-2  	 100	 3000 ns/op	 4 MB/s
BenchmarkEncode/actito-2  	 100	 2000 ns/op	 14.50 MB/s
BenchmarkEncode/stdlib-2  	 100	 3000 ns/op	 6 MB/s
PASS
`

func TestTheTableHasMediansAndTheRatioToThePeer(t *testing.T) {
	t.Parallel()
	r := results{values: map[string]map[string][]float64{}}
	r.add(twoRuns)
	want := "| | ns/op | MB/s | time / actito's |\n|---|--:|--:|--:|\n| actito | 1,500 | 13.5 |  |\n| stdlib | 3,000 | 5.00 | 2.00 |\n\nMedians of 2 runs.\n"
	if got := r.table(10); got != want {
		t.Fatalf("%s\nnot\n%s", got, want)
	}
}

func TestTheMedianIsTheMiddleOrBetweenTheTwoOfIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{9, 1, 2}, 2}, {[]float64{100, 1, 2, 4}, 3}, {[]float64{7}, 7}} {
		if got := median(c.values); got != c.want {
			t.Errorf("%v: %v", c.values, got)
		}
	}
}

func TestATableIsWrittenBetweenItsMarkers(t *testing.T) {
	t.Parallel()
	file := "a\n<!-- report: x -->\nold\n<!-- end: x -->\nz\n"
	got, err := fill([]byte(file), "x", "new\n")
	if want := "a\n<!-- report: x -->\nnew\n<!-- end: x -->\nz\n"; err != nil || string(got) != want {
		t.Fatalf("%s %v", got, err)
	}
	if _, err := fill([]byte(file), "y", "new\n"); err == nil {
		t.Fatal("a marker that is missing is not told")
	}
}
