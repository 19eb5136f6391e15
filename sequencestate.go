package actito

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// SequenceState is how far a [Sequence] is, for [ETLService.ResumeSequence]. It is written and read as JSON, and holds no
// personal data: names of steps, files and tables, ids, counts, hashes of files, and the reasons of refusals.
type SequenceState struct {
	Steps []SavedStep `json:"steps"` // in the order of the sequence
}

// SavedStep is how far a step is.
type SavedStep struct {
	Name       string   `json:"name"`
	Entity     string   `json:"entity"`
	ETL        string   `json:"etl,omitempty"`        // "" for a one shot
	Reserved   []string `json:"reserved,omitempty"`   // ids of reservations, made before the first step started
	Content    string   `json:"content,omitempty"`    // hash of its files, as they were given
	Handle     *Handle  `json:"handle,omitempty"`     // from before its first byte was sent
	Executions []string `json:"executions,omitempty"` // once the server has accepted it; with [SplitAbove], of each part
}

// sequenceVersion is that of a SequenceState's JSON. Fields that are added and may be ignored do not change it.
const sequenceVersion = 1

// MarshalJSON writes the state with a version.
func (s SequenceState) MarshalJSON() ([]byte, error) {
	type fields SequenceState
	return json.Marshal(struct {
		Version int `json:"version"`
		fields
	}{sequenceVersion, fields(s)})
}

// UnmarshalJSON refuses a state that a later version of this module wrote and this one would misread.
func (s *SequenceState) UnmarshalJSON(data []byte) error {
	type fields SequenceState
	var read struct {
		Version int `json:"version"`
		fields
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("actito: decode the state of a sequence: %w", err)
	}
	if read.Version != sequenceVersion {
		return fmt.Errorf("actito: decode the state of a sequence: it is of version %d, and this version of the module knows %d only: "+
			"resume it with the version that wrote it", read.Version, sequenceVersion)
	}
	*s = SequenceState(read.fields)
	return nil
}

func (s *SavedStep) started() bool { return s.Handle != nil || len(s.Executions) > 0 }

// check refuses the state of another sequence.
func (s *SequenceState) check(now SequenceState) error {
	refuse := func(step, detail string) error {
		return &ValidationError{Column: step, Rule: "sequence-state", Detail: detail}
	}
	if len(s.Steps) != len(now.Steps) {
		return refuse("Steps", fmt.Sprintf("the state is of a sequence of %d steps, and this one has %d", len(s.Steps), len(now.Steps)))
	}
	for i, is := range now.Steps {
		was := s.Steps[i]
		switch {
		case was.Name != is.Name:
			return refuse(is.Name, fmt.Sprintf("the state is of another sequence: it has %q in this place", was.Name))
		case was.ETL != is.ETL || was.Entity != is.Entity:
			return refuse(is.Name, "the state is of another sequence: it has another ETL or entity for this step")
		}
	}
	return nil
}

// contentHash identifies the files of a step, as they were given.
func contentHash(files []StagedFile) string {
	hash := sha256.New()
	sorted := slices.SortedFunc(slices.Values(files), func(a, b StagedFile) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Part-b.Part)
	})
	for _, f := range sorted {
		hash.Write(f.hash[:])
	}
	return hex.EncodeToString(hash.Sum(nil))
}
