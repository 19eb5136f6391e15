package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
)

// source is a CSV file: at a path, or the sample if there is none.
type source struct{ path, sample string }

func (s source) open() (fs.File, error) {
	if s.path != "" {
		return os.Open(s.path)
	}
	return samples.Open(s.sample)
}

// rows reads a file row by row, so that it is never held in memory.
func rows[T any](from source, read func(cell func(column string) string) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		file, err := from.open()
		if err != nil {
			yield(none, err)
			return
		}
		defer file.Close()
		in := csv.NewReader(file)
		header, err := in.Read()
		if err != nil {
			yield(none, fmt.Errorf("header: %w", err))
			return
		}
		columns := map[string]int{}
		for i, name := range header {
			columns[name] = i
		}
		for {
			cells, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(none, err)
				return
			}
			row := read(func(column string) string {
				i, found := columns[column]
				if !found || cells[i] == "NULL" { // as some databases write a missing value
					return ""
				}
				return cells[i]
			})
			if !yield(row, nil) {
				return
			}
		}
	}
}

func readCustomer(cell func(string) string) Customer {
	country := place(cell("country"))
	return Customer{
		ID:      cell("customerID"),
		Company: cell("companyName"),
		Contact: cell("contactName"),
		Country: country.code,
		Phone:   country.international(cell("phone")),
	}
}

func readOrder(cell func(string) string) Order {
	return Order{
		ID:       cell("orderID"),
		Customer: cell("customerID"),
		Date:     day(cell("orderDate")),
		Shipped:  day(cell("shippedDate")),
		Freight:  strings.ReplaceAll(cell("freight"), ",", "."),
		ShipTo:   place(cell("shipCountry")).code,
	}
}

// day takes off a time of day.
func day(text string) string {
	date, _, _ := strings.Cut(text, " ")
	return date
}

// country is a country as Actito wants it, and the prefix of its phone numbers.
type country struct{ code, prefix string }

// place finds a country by its name. One that it does not know stays as it is, for the check to report.
func place(name string) country {
	c, known := map[string]country{
		"argentina": {"AR", "+54"}, "austria": {"AT", "+43"}, "belgium": {"BE", "+32"}, "brazil": {"BR", "+55"},
		"canada": {"CA", "+1"}, "denmark": {"DK", "+45"}, "finland": {"FI", "+358"}, "france": {"FR", "+33"},
		"germany": {"DE", "+49"}, "ireland": {"IE", "+353"}, "italy": {"IT", "+39"}, "mexico": {"MX", "+52"},
		"norway": {"NO", "+47"}, "poland": {"PL", "+48"}, "portugal": {"PT", "+351"}, "spain": {"ES", "+34"},
		"sweden": {"SE", "+46"}, "switzerland": {"CH", "+41"}, "uk": {"GB", "+44"}, "usa": {"US", "+1"}, "venezuela": {"VE", "+58"},
	}[strings.ToLower(name)]
	if !known {
		return country{code: name}
	}
	return c
}

// international writes a phone number with the country's prefix in front. What does not look like one stays as it is.
// Serious numbers deserve a library.
func (c country) international(phone string) string {
	if c.prefix == "" || phone == "" || strings.Trim(phone, "0123456789 -./()") != "" {
		return phone
	}
	digits := strings.NewReplacer(" ", "", "-", "", ".", "", "/", "", "(", "", ")", "").Replace(phone)
	return c.prefix + strings.TrimLeft(digits, "0")
}
