package actito

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Handle tells an import that is about to be sent, so that this process or another can find out later what became of
// it: see [OnPrepared], [ExecutionService.Resume] and [ExecutionService.Reconcile]. It is written and read as JSON, and
// holds no personal data: names of files and tables, counts, and the reasons of refusals, but no values and no keys.
type Handle struct {
	ID       string       `json:"id,omitempty"` // of the reservation in the ledger
	Entity   string       `json:"entity,omitempty"`
	ETLID    string       `json:"etlId,omitempty"`  // "" for a one shot
	Mark     string       `json:"mark,omitempty"`   // what its execution can be told by; "" if it carries nothing such
	Tables   []string     `json:"tables,omitempty"` // ids of those that it loads
	Files    []HandleFile `json:"files,omitempty"`
	Fetched  bool         `json:"fetched,omitempty"` // the server fetches other files, of which nobody here knows the rows
	Refused  []Refusal    `json:"refused,omitempty"` // without keys
	Prepared time.Time    `json:"prepared,omitzero"` // before the first byte was sent
	Ended    time.Time    `json:"ended,omitzero"`    // when the call was given up; zero if that is not known

	Uncounted bool `json:"uncounted,omitempty"` // what the ledger has not seen may have been sent all the same: see [Quota].FailOpen

	// Of a part of an import that takes several:
	NotSent     bool     `json:"notSent,omitempty"`     // an earlier part failed, and this one was given up
	ExecutionID string   `json:"executionId,omitempty"` // it was accepted; without ID, of a former call with the same [Once] key
	Parts       []Handle `json:"parts,omitempty"`       // with [SplitAbove], in the order of the rows; ID is "" then
}

// HandleFile is a file of an import.
type HandleFile struct {
	Name     string `json:"name"`
	Rows     int    `json:"rows"`
	Table    string `json:"table,omitempty"` // id; "" if the library does not know the definition, and so are the next two
	Optional bool   `json:"optional,omitempty"`
	Mode     Mode   `json:"mode,omitempty"`
}

// sent counts the rows of each file; nil if the server fetches some.
func (h Handle) sent() map[string]int {
	if h.Fetched {
		return nil
	}
	rows := make(map[string]int, len(h.Files))
	for _, f := range h.Files {
		rows[f.Name] += f.Rows
	}
	return rows
}

// given are the files of an execution, for [ImportError.Again]; nil if the server fetches some.
func (h Handle) given() []HandleFile {
	if h.Fetched {
		return nil
	}
	return h.Files
}

// handleVersion is that of a Handle's JSON. Fields that are added and may be ignored do not change it.
const handleVersion = 1

// MarshalJSON writes the handle with a version.
func (h Handle) MarshalJSON() ([]byte, error) {
	type fields Handle
	return json.Marshal(struct {
		Version int `json:"version"`
		fields
	}{handleVersion, fields(h)})
}

// UnmarshalJSON refuses a handle that a later version of this module wrote and this one would misread.
func (h *Handle) UnmarshalJSON(data []byte) error {
	type fields Handle
	var read struct {
		Version int `json:"version"`
		fields
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("actito: decode a handle: %w", err)
	}
	if read.Version != handleVersion {
		return fmt.Errorf("actito: decode a handle: it is of version %d, and this version of the module knows %d only: "+
			"resume it with the version that wrote it", read.Version, handleVersion)
	}
	*h = Handle(read.fields)
	return nil
}

// String shows the handle in a line for a log.
func (h Handle) String() string {
	var b strings.Builder
	what := "one shot"
	if h.ETLID != "" {
		what = "ETL " + h.ETLID
	}
	fmt.Fprintf(&b, "import by %s", what)
	if len(h.Parts) > 0 {
		fmt.Fprintf(&b, " in %d parts", len(h.Parts))
	}
	for i, f := range h.Files {
		fmt.Fprintf(&b, "%s %s (%d rows)", map[bool]string{true: " of", false: ","}[i == 0], f.Name, f.Rows)
	}
	fmt.Fprintf(&b, ", prepared at %s", h.Prepared.Format(time.RFC3339))
	if h.ID != "" {
		fmt.Fprintf(&b, ", reservation %s", h.ID)
	}
	return b.String()
}

// OnPrepared is given a [Handle] once the day's imports are reserved and before the first byte is sent, so that it can
// be stored: after a crash, [ExecutionService.Resume] continues from it, in another process too. It is called once, and
// not at all if nothing is going to be sent. Its error ends the import: nothing is sent or counted.
//
// It must return within the 15 minutes of the reservation. One that runs out before the first byte, as at midnight, is
// not made again, since the handle names it: the error matches [ErrReservationLost], and the import can be started anew.
func OnPrepared(f func(Handle) error) ImportOption {
	return importOption(func(im *importRun) {
		if im.prepared = nil; f == nil {
			return
		}
		im.prepared = func(h Handle) error {
			if err := f(h); err != nil {
				return within(err, "OnPrepared ended the import")
			}
			return nil
		}
	})
}

// A mark is what an import carries that no other does. It is plain text that may stand in names. The same letters
// follow markName behind a one shot's name and markArchive in the name of a ZIP archive, so that an execution that shows
// one of them also tells which of the two the service shows.
const (
	markName    = "run-"
	markArchive = "zip-"
)

// newMark makes the letters of a mark: 80 random bits.
func newMark() string { return rand.Text()[:16] }

var anyMark = regexp.MustCompile(`(run-|zip-)([A-Z2-7]{16})`)

// markLetters returns the letters of a Handle's Mark.
func markLetters(mark string) string { return mark[min(len(mark), len(markName)):] }
