package main

import (
	"encoding/base64"
	"io"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/actito-go/actito"
)

// random is a row whose names do not compress, but for what base64 adds.
type random struct {
	ID        string `actito:"customerID,key"`
	FirstName string `actito:"firstName"`
	LastName  string `actito:"lastName"`
}

// randomLength is that of the rows of importRandom as text, of which about three quarters are left once compressed.
const randomLength = 129_680_000

// randomRows makes CSV lines of random text.
type randomRows struct {
	source *rand.ChaCha8
	line   []byte
	unread []byte // of line
	row    int
	left   int
}

func newRandomRows() *randomRows {
	return &randomRows{source: rand.NewChaCha8([32]byte{1}), left: randomLength}
}

func (r *randomRows) Read(p []byte) (int, error) {
	if len(r.unread) == 0 {
		if r.left <= 0 {
			return 0, io.EOF
		}
		var bytes [144]byte
		_, _ = r.source.Read(bytes[:]) // it never fails
		r.row++
		r.line = strconv.AppendInt(r.line[:0], int64(r.row), 10)
		r.line = base64.RawURLEncoding.AppendEncode(append(r.line, ','), bytes[:72])
		r.line = base64.RawURLEncoding.AppendEncode(append(r.line, ','), bytes[72:])
		r.line = append(r.line, '\n')
		r.unread = r.line
		r.left -= len(r.line)
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// customer is a row of 15 columns.
type customer struct {
	ID        string                  `actito:"customerID,key"`
	Email     string                  `actito:"emailAddress"`
	FirstName string                  `actito:"firstName"`
	LastName  string                  `actito:"lastName"`
	Street    string                  `actito:"street"`
	City      string                  `actito:"city"`
	Country   string                  `actito:"country"`
	Language  string                  `actito:"motherLanguage"`
	Birth     actito.Date             `actito:"birthDate"`
	Phone     actito.Opt[string]      `actito:"gsmNumber"`
	Points    int                     `actito:"points"`
	Spent     float64                 `actito:"spent"`
	VIP       bool                    `actito:"vip"`
	Since     actito.DateTime         `actito:"since"`
	Last      actito.Opt[actito.Date] `actito:"lastOrder"`
}

// customerText is about the length of a customer's line.
const customerText = 152

func customerAt(i int) customer {
	names := [...]string{"Ann", "Zoë", "René", "Łukasz", "Marie-Claire", "Bob"}
	streets := [...]string{"Rue de l'Église; 1", "Kerkstraat 22", "Grand-Place 3, bte 4", "\"De Linde\" 7"}
	row := customer{
		ID: "C" + strconv.Itoa(100_000_000+i), Email: "customer" + strconv.Itoa(i) + "@example.com",
		FirstName: names[i%len(names)], LastName: "Peeters" + strconv.Itoa(i/1000), Street: streets[i%len(streets)],
		City: "Louvain-la-Neuve", Country: "BE", Language: "FR",
		Birth:  actito.NewDate(1950+i/1000%50, time.Month(1+i%12), 12),
		Points: i % 6 * 100, Spent: float64(i%12) * 9.95, VIP: i%7 == 0,
		Since: actito.DateTimeOf(time.Date(2020, 1, 1, 0, i/1000, 0, 0, time.UTC)),
	}
	if i%3 == 0 {
		row.Phone = actito.Set("+32470123456")
	}
	return row
}

// customerRows makes rows of about so many bytes of CSV.
func customerRows(bytes int) iter.Seq2[customer, error] {
	return func(yield func(customer, error) bool) {
		for i := range bytes / customerText {
			if !yield(customerAt(i), nil) {
				return
			}
		}
	}
}
