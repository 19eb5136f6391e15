package benchmarks

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gocarina/gocsv"
	"github.com/jszwec/csvutil"

	"github.com/actito-go/actito"
)

// encodedRows is how many rows one file of BenchmarkEncode has.
const encodedRows = 10_000

// order is a row as this library takes it.
type order struct {
	ID      string                  `actito:"orderID,key"`
	Email   string                  `actito:"emailAddress"`
	First   string                  `actito:"firstName"`
	Last    string                  `actito:"lastName"`
	Street  string                  `actito:"street"`
	City    string                  `actito:"city"`
	Note    actito.Opt[string]      `actito:"note"`
	Phone   actito.Opt[string]      `actito:"gsmNumber"`
	Points  int                     `actito:"points"`
	Items   actito.Opt[int64]       `actito:"items"`
	Amount  float64                 `actito:"amount"`
	Paid    bool                    `actito:"paid"`
	Gift    actito.Opt[bool]        `actito:"gift"`
	Birth   actito.Opt[actito.Date] `actito:"birthDate"`
	Ordered actito.DateTime         `actito:"orderMoment"`
}

// peerOrder is the same row as the peers take it: unset is a nil pointer or an empty text.
type peerOrder struct {
	ID      string     `csv:"orderID"`
	Email   string     `csv:"emailAddress"`
	First   string     `csv:"firstName"`
	Last    string     `csv:"lastName"`
	Street  string     `csv:"street"`
	City    string     `csv:"city"`
	Note    string     `csv:"note"`
	Phone   string     `csv:"gsmNumber"`
	Points  int        `csv:"points"`
	Items   *int64     `csv:"items"`
	Amount  float64    `csv:"amount"`
	Paid    bool       `csv:"paid"`
	Gift    *bool      `csv:"gift"`
	Birth   *birthDate `csv:"birthDate"`
	Ordered moment     `csv:"orderMoment"`
}

var peerHeader = []string{"orderID", "emailAddress", "firstName", "lastName", "street", "city", "note", "gsmNumber", "points",
	"items", "amount", "paid", "gift", "birthDate", "orderMoment"}

// birthDate and moment are times with the text form of this library. gocsv asks them for it; csvutil is given functions,
// which spare it strings.
type (
	birthDate time.Time
	moment    time.Time
)

func (d *birthDate) MarshalCSV() (string, error) {
	if d == nil {
		return "", nil
	}
	return time.Time(*d).Format(time.DateOnly), nil
}

func (m moment) MarshalCSV() (string, error) { return time.Time(m).Format(time.DateTime), nil }

var csvutilForms = csvutil.NewMarshalers(
	csvutil.MarshalFunc(func(d birthDate) ([]byte, error) { return time.Time(d).AppendFormat(nil, time.DateOnly), nil }),
	csvutil.MarshalFunc(func(m moment) ([]byte, error) { return time.Time(m).AppendFormat(nil, time.DateTime), nil }),
)

// sampleOrders are rows as a shop has them: every value differs from row to row, about a third of the names and streets
// have accents, one street in four has a comma, and the optional columns are unset in a part of the rows.
func sampleOrders(b testing.TB) (orders []order, peers []peerOrder) {
	brussels, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		b.Fatal(err)
	}
	first := []string{"Ann", "Émilie", "Jan", "Zoë", "Pieter", "Marie", "Łukasz", "Sofie", "François"}
	last := []string{"Peeters", "Müller", "Janssens", "Van den Berghe", "Dupont", "Lefèvre", "De Smet", "Maes"}
	street := []string{"Rue de la Loi %d", "Kerkstraat %d, bus 4", "Chaussée de Waterloo %d", "Grote Markt %d"}
	mailbox := []string{"ann", "emilie.dupont", "j", "zoe.peeters", "info"}
	city := []string{"Bruxelles", "Antwerpen", "Liège", "Gent", "Namur", "Leuven", "Ottignies-Louvain-la-Neuve"}
	note := []string{"", "ring twice", "", `leave it "behind the door", please`, "", "appeler avant la livraison, merci d'avance"}
	begin := time.Date(2026, 1, 5, 8, 0, 0, 0, brussels)
	for i := range encodedRows {
		p := peerOrder{
			ID:    fmt.Sprintf("O-%07d", 1_000_000+i*7),
			First: first[i%len(first)], Last: last[i%len(last)], City: city[i%len(city)],
			Street: fmt.Sprintf(street[i%len(street)], 1+i*13%380), Note: note[i%len(note)],
			Points: i * 17 % 25_000, Amount: float64(499+i*7919%50_000) / 100, Paid: i%5 != 0,
			Ordered: moment(begin.Add(time.Duration(i) * 1_871 * time.Second)),
		}
		p.Email = fmt.Sprintf("%s.%d@example.com", mailbox[i%len(mailbox)], i)
		o := order{ID: p.ID, Email: p.Email, First: p.First, Last: p.Last, Street: p.Street, City: p.City, Points: p.Points,
			Amount: p.Amount, Paid: p.Paid, Ordered: actito.DateTimeOf(time.Time(p.Ordered))}
		if p.Note != "" {
			o.Note = actito.Set(p.Note)
		}
		if i%3 != 0 {
			p.Phone = fmt.Sprintf("+32470%06d", i*37%1_000_000)
			o.Phone = actito.Set(p.Phone)
		}
		if i%4 != 0 {
			p.Items = new(int64(1 + i%12))
			o.Items = actito.Set(*p.Items)
		}
		if i%2 == 0 {
			p.Gift = new(i%8 == 0)
			o.Gift = actito.Set(*p.Gift)
		}
		if i%5 != 0 {
			p.Birth = new(birthDate(time.Date(1940+i%70, time.Month(1+i%12), 1+i%28, 0, 0, 0, 0, time.UTC)))
			o.Birth = actito.Set(actito.DateOf(time.Time(*p.Birth)))
		}
		orders, peers = append(orders, o), append(peers, p)
	}
	return orders, peers
}

// encoders write all rows as one file with a header.
func encoders(b testing.TB) map[string]func(w io.Writer) error {
	orders, peers := sampleOrders(b)
	return map[string]func(w io.Writer) error{
		"actito":     func(w io.Writer) error { return actito.WriteCSV(w, actito.FromSlice(orders)) },
		"stdlib":     func(w io.Writer) error { return encodeByHand(w, peers) },
		"csvutil":    func(w io.Writer) error { return encodeCSVUtil(w, peers) },
		"gocsv":      func(w io.Writer) error { return gocsv.Marshal(peers, w) },
		"mapsprintf": func(w io.Writer) error { return encodeMaps(w, peers) },
	}
}

// BenchmarkEncode is typed rows to a CSV file, whose bytes are the same from all but for the case of booleans.
func BenchmarkEncode(b *testing.B) {
	all := encoders(b)
	for _, name := range []string{"actito", "stdlib", "csvutil", "gocsv", "mapsprintf"} {
		b.Run(name, func(b *testing.B) {
			var size bytes.Buffer
			if err := all[name](&size); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if err := all[name](io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*encodedRows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func TestEncodersWriteTheSameFile(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for name, encode := range encoders(t) {
		var file strings.Builder
		if err := encode(&file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		files[name] = strings.NewReplacer("TRUE", "true", "FALSE", "false").Replace(file.String())
	}
	want := strings.SplitAfter(files["actito"], "\n")
	for name, file := range files {
		got := strings.SplitAfter(file, "\n")
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Fatalf("%s: line %d of %d is %q, not %q", name, i+1, len(got), got[min(i, len(got)-1)], want[i])
			}
		}
	}
}

// encodeByHand is the program that somebody writes who knows the type and encoding/csv.
func encodeByHand(w io.Writer, rows []peerOrder) error {
	out := csv.NewWriter(w)
	if err := out.Write(peerHeader); err != nil {
		return err
	}
	cells := make([]string, len(peerHeader))
	for i := range rows {
		r := &rows[i]
		clear(cells)
		copy(cells, []string{r.ID, r.Email, r.First, r.Last, r.Street, r.City, r.Note, r.Phone, strconv.Itoa(r.Points)})
		if r.Items != nil {
			cells[9] = strconv.FormatInt(*r.Items, 10)
		}
		cells[10] = strconv.FormatFloat(r.Amount, 'f', -1, 64)
		cells[11] = strconv.FormatBool(r.Paid)
		if r.Gift != nil {
			cells[12] = strconv.FormatBool(*r.Gift)
		}
		if r.Birth != nil {
			cells[13] = time.Time(*r.Birth).Format(time.DateOnly)
		}
		cells[14] = time.Time(r.Ordered).Format(time.DateTime)
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func encodeCSVUtil(w io.Writer, rows []peerOrder) error {
	out := csv.NewWriter(w)
	enc := csvutil.NewEncoder(out)
	enc.WithMarshalers(csvutilForms)
	for i := range rows {
		if err := enc.Encode(&rows[i]); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// encodeMaps is the way of Go clients of other bulk APIs: a row becomes a map, and each of its values is printed. The
// maps are written out here; those clients make them by reflection.
func encodeMaps(w io.Writer, rows []peerOrder) error {
	out := csv.NewWriter(w)
	if err := out.Write(peerHeader); err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		m := map[string]any{
			"orderID": r.ID, "emailAddress": r.Email, "firstName": r.First, "lastName": r.Last, "street": r.Street, "city": r.City,
			"note": r.Note, "gsmNumber": r.Phone, "points": r.Points, "amount": r.Amount, "paid": r.Paid,
			"orderMoment": time.Time(r.Ordered).Format(time.DateTime),
		}
		if r.Items != nil {
			m["items"] = *r.Items
		}
		if r.Gift != nil {
			m["gift"] = *r.Gift
		}
		if r.Birth != nil {
			m["birthDate"] = time.Time(*r.Birth).Format(time.DateOnly)
		}
		cells := make([]string, 0, len(m))
		for _, name := range peerHeader {
			value, set := m[name]
			if !set {
				value = ""
			}
			cells = append(cells, fmt.Sprintf("%v", value))
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
