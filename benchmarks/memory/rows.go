package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
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

// lines is a file that is made while it is read.
type lines struct {
	next   func(line []byte) []byte // appends a line, and nothing at the end
	line   []byte
	unread []byte // of line
}

func (l *lines) Read(p []byte) (int, error) {
	if len(l.unread) == 0 {
		l.line = l.next(l.line[:0])
		l.unread = l.line
	}
	if len(l.unread) == 0 {
		return 0, io.EOF
	}
	n := copy(p, l.unread)
	l.unread = l.unread[n:]
	return n, nil
}

// randomRows makes CSV lines of random text.
func randomRows() io.Reader {
	source := rand.NewChaCha8([32]byte{1})
	row, left := 0, randomLength
	return &lines{next: func(line []byte) []byte {
		if left <= 0 {
			return line
		}
		var bytes [144]byte
		_, _ = source.Read(bytes[:]) // it never fails
		row++
		line = strconv.AppendInt(line, int64(row), 10)
		line = base64.RawURLEncoding.AppendEncode(append(line, ','), bytes[:72])
		line = base64.RawURLEncoding.AppendEncode(append(line, ','), bytes[72:])
		line = append(line, '\n')
		left -= len(line)
		return line
	}}
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

// rejectedHeader are the columns of the file whose rows are rejected.
const rejectedHeader = "customerID,emailAddress,firstName,lastName,street,city,country,motherLanguage,birthDate,points"

// appendRejected appends the cells of the i-th rejected row. Its address has no domain.
func appendRejected(line []byte, i int) []byte {
	c := customerAt(i)
	return fmt.Appendf(line, "%s,%s,%s,%s,%q,%s,%s,%s,%s,%d", c.ID, strings.Replace(c.Email, ".com", "", 1), c.FirstName, c.LastName,
		strings.ReplaceAll(c.Street, `"`, ""), c.City, c.Country, c.Language, c.Birth, c.Points)
}

// rejectedSource is the file whose rows were rejected, but for every other row: that was loaded.
func rejectedSource() io.Reader {
	row := 0
	return io.MultiReader(strings.NewReader(rejectedHeader+"\n"), &lines{next: func(line []byte) []byte {
		if row == 2*rejectedRows {
			return line
		}
		if row++; row%2 == 1 {
			line = append(line, "loaded-"...)
		}
		return append(appendRejected(line, (row-1)/2), '\n')
	}})
}
