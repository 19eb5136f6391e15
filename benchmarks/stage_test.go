package benchmarks

import (
	"archive/zip"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/actito-go/actito"
)

// stagedRows is how many rows one file of BenchmarkStage has.
const stagedRows = 1_000_000

// visit is a row of the file that BenchmarkStage makes.
type visit struct {
	ID       string                  `actito:"visitID,key"`
	Email    string                  `actito:"emailAddress"`
	First    string                  `actito:"firstName"`
	Last     string                  `actito:"lastName"`
	Address  string                  `actito:"address"`
	City     string                  `actito:"city"`
	Country  string                  `actito:"country"`
	Remark   actito.Opt[string]      `actito:"remark"`
	Minutes  int                     `actito:"minutes"`
	Pages    int64                   `actito:"pages"`
	Spent    float64                 `actito:"spent"`
	Discount actito.Opt[float64]     `actito:"discount"`
	Returned bool                    `actito:"returned"`
	Birth    actito.Opt[actito.Date] `actito:"birthDate"`
	Began    actito.DateTime         `actito:"beganMoment"`
}

var (
	visitHeader = []string{"visitID", "emailAddress", "firstName", "lastName", "address", "city", "country", "remark", "minutes",
		"pages", "spent", "discount", "returned", "birthDate", "beganMoment"}
	firstNames = []string{"Ann", "Zoé", "Jürgen", "Chloë", "Bob", "Łukasz", "Marie-Thérèse", "François"}
	lastNames  = []string{"Peeters", "D'Hondt", "Müller", "van den Berg", "Lefèvre", "O'Neill", "Dupont"}
	cities     = []string{"Liège", "Gent", "Köln", "Sint-Niklaas", "Besançon"}
	countries  = []string{"BE", "FR", "DE", "NL"}
)

// visits makes the rows, each from its number: the same for all.
func visits() iter.Seq2[visit, error] {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func(yield func(visit, error) bool) {
		for i := range stagedRows {
			h := uint64(i+1) * 0x9e3779b97f4a7c15
			v := visit{
				ID:       "V-" + strconv.FormatUint(h>>24, 36),
				First:    firstNames[h>>8%uint64(len(firstNames))],
				Last:     lastNames[h>>16%uint64(len(lastNames))],
				City:     cities[h>>24%uint64(len(cities))],
				Country:  countries[h>>32%uint64(len(countries))],
				Minutes:  int(h >> 40 % 240),
				Pages:    int64(h >> 48 % 1000),
				Spent:    float64(h>>20%1_000_000) / 100,
				Returned: h>>60&1 == 1,
				Began:    actito.DateTimeOf(start.Add(time.Duration(h>>30%31_536_000) * time.Second)),
			}
			v.Email = v.ID + "@example.com"
			v.Address = "Rue de la Gare " + strconv.Itoa(int(h>>12%300)) + ", bus " + strconv.Itoa(int(h>>22%20)) // needs quotes
			if i%3 == 0 {
				v.Remark = actito.Set(`said "très bien"; left`)
			}
			if i%4 != 0 {
				v.Discount = actito.Set(float64(h>>28%100) / 4)
			}
			if i%5 != 0 {
				v.Birth = actito.Set(actito.DateOf(start.AddDate(-20-int(h>>33%60), 0, int(h>>44%365))))
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// BenchmarkStage makes the ZIP archive of a file of a million rows, in a temporary file.
func BenchmarkStage(b *testing.B) {
	b.Run("actito", func(b *testing.B) {
		for b.Loop() {
			staged, err := actito.Stage(b.Context(), actito.DataRows("visits.csv", visits(), actito.Keep))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(staged.Files()[0].Size)/1e6, "MB")
			if err := staged.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*stagedRows)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("stdlib", func(b *testing.B) {
		for b.Loop() {
			size, err := stageStdlib(b)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(size)/1e6, "MB")
		}
		b.ReportMetric(float64(b.N*stagedRows)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("rows", func(b *testing.B) { // what making the rows costs both
		for b.Loop() {
			for v, err := range visits() {
				if err != nil || v.ID == "" {
					b.Fatal(err)
				}
			}
		}
	})
}

// stageStdlib writes the same file with the standard library and returns the archive's size.
func stageStdlib(b *testing.B) (int64, error) {
	f, err := os.CreateTemp(b.TempDir(), "")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	archive := zip.NewWriter(f)
	entry, err := archive.Create("visits.csv")
	if err != nil {
		return 0, err
	}
	w := csv.NewWriter(entry)
	if err := w.Write(visitHeader); err != nil {
		return 0, err
	}
	record := make([]string, len(visitHeader))
	for v, err := range visits() {
		if err != nil {
			return 0, err
		}
		remark, _ := v.Remark.Get()
		discount, birth := "", ""
		if d, ok := v.Discount.Get(); ok {
			discount = strconv.FormatFloat(d, 'f', -1, 64)
		}
		if d, ok := v.Birth.Get(); ok {
			birth = d.String()
		}
		record = append(record[:0], v.ID, v.Email, v.First, v.Last, v.Address, v.City, v.Country, remark, strconv.Itoa(v.Minutes),
			strconv.FormatInt(v.Pages, 10), strconv.FormatFloat(v.Spent, 'f', -1, 64), discount, strconv.FormatBool(v.Returned), birth,
			v.Began.Time().Format(time.DateTime))
		if err := w.Write(record); err != nil {
			return 0, err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return 0, fmt.Errorf("writing: %w", err)
	}
	if err := archive.Close(); err != nil {
		return 0, err
	}
	return f.Seek(0, io.SeekCurrent)
}
