package feedday

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// never is the staleness of what has not arrived.
const never = time.Duration(math.MaxInt64)

// notes are what becomes of a demand.
type notes struct {
	t      *testing.T
	demand *demand
	began  time.Time // the midnight before it

	mu       sync.Mutex
	signups  []time.Duration // staleness, or never
	orders   []time.Duration
	headers  []time.Duration // when they arrived
	lines    []uint8         // that have not arrived, one bit each
	open     int             // that have not arrived
	imports  map[string]int
	imported int // rows
}

func newNotes(t *testing.T, d *demand, began time.Time) *notes {
	return &notes{t: t, demand: d, began: began,
		signups: slices.Repeat([]time.Duration{never}, len(d.signups)), orders: slices.Repeat([]time.Duration{never}, len(d.orders)),
		headers: slices.Repeat([]time.Duration{never}, len(d.orders)), lines: slices.Repeat([]uint8{1<<linesOfOrder - 1}, len(d.orders)),
		open: len(d.signups) + len(d.orders), imports: map[string]int{}}
}

// Keys name what they are about by its place in the demand: signups have s, customers that order b.
func signupKey(i int) string  { return "s" + strconv.Itoa(i) }
func buyerKey(i int) string   { return "b" + strconv.Itoa(i) }
func orderKey(i int) string   { return strconv.Itoa(i) }
func lineKey(i, n int) string { return strconv.Itoa(i) + "-" + strconv.Itoa(n) }
func number(text string) int  { n, _ := strconv.Atoi(text); return n }

// arrived notes that the service has a row, perhaps again.
func (n *notes) arrived(table, key string, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := now.Sub(n.began)
	switch {
	case table == "Orders":
		i := number(key)
		n.headers[i] = min(n.headers[i], at)
	case table == "Lines":
		order, place, _ := strings.Cut(key, "-")
		i := number(order)
		if n.headers[i] > at {
			n.t.Errorf("line %s arrived before its header", key)
		}
		n.lines[i] &^= 1 << number(place)
		if n.lines[i] == 0 && n.orders[i] == never {
			n.orders[i] = at - n.demand.orders[i]
			n.open--
		}
	case key[0] == 's':
		if i := number(key[1:]); n.signups[i] == never {
			n.signups[i] = at - n.demand.signups[i]
			n.open--
		}
	}
}

// started notes an import.
func (n *notes) started(table string, rows int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.imports[table]++
	n.imported += rows
}

func (n *notes) left() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open
}

// figures are a line of the table.
type figures struct {
	signups, orders quantiles
	calls           string
	imports         string
}

type quantiles struct {
	p50, p99, max time.Duration
	lost, all     int
}

func quantilesOf(staleness []time.Duration) (q quantiles) {
	if len(staleness) == 0 {
		return q
	}
	sorted := slices.Sorted(slices.Values(staleness))
	q.all = len(sorted)
	arrived := len(sorted)
	for arrived > 0 && sorted[arrived-1] == never {
		arrived--
	}
	q.lost = q.all - arrived
	at := func(share float64) time.Duration { return sorted[min(q.all-1, int(share*float64(q.all)))] }
	q.p50, q.p99, q.max = at(0.5), at(0.99), sorted[q.all-1]
	return q
}

func (q quantiles) String() string { return short(q.p50) + " | " + short(q.p99) }

// lost is how much of the signups and of the orders never arrived, or empty if nothing.
func (f figures) lost() string {
	if f.signups.lost+f.orders.lost == 0 {
		return ""
	}
	share := func(q quantiles) float64 { return 100 * float64(q.lost) / float64(max(1, q.all)) }
	return fmt.Sprintf("%.1f %% / %.1f %%", share(f.signups), share(f.orders))
}

// short writes a duration as people would.
func short(d time.Duration) string {
	switch {
	case d == never:
		return "never"
	case d < 0:
		return ""
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d <= 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

func (n *notes) figures(calls int) figures {
	return figures{quantilesOf(n.signups), quantilesOf(n.orders), strconv.Itoa(calls),
		fmt.Sprintf("%d/%d/%d", n.imports["Customers"], n.imports["Orders"], n.imports["Lines"])}
}
