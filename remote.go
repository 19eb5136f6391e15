package actito

import (
	"encoding/json"
	"slices"
)

// remote is a file that the server fetches.
type remote struct{ location, pattern string }

// Remote lets the server fetch an input file from a location, in place of data in the call. The pattern is the input
// file's FileNamePattern, or narrows it: customers_20261123.csv where that is customers_$yyyyMMdd.csv. Several files of one
// import come from one location, and others of it can be given as data. Compression says how the file lies there. What is
// in the file is not known here: no row is checked or counted, and [Once] goes by location and pattern.
//
// That both ways through the API can fetch files is documented; how a call says so is assumed.
func Remote(locationID, pattern string) ImportOption {
	return importOption(func(im *importRun) { im.remotes = append(im.remotes, remote{locationID, pattern}) })
}

// assignRemotes finds the input files that are fetched, and writes where from into what is sent.
func (im *importRun) assignRemotes(taken map[*InputFile]string) error {
	if len(im.remotes) == 0 {
		return nil
	}
	location := LocationRef{ID: im.remotes[0].location}
	for _, r := range im.remotes {
		refuse := func(detail string) error { return &ValidationError{File: r.pattern, Rule: "remote", Detail: detail} }
		switch {
		case r.location == "":
			return refuse("Remote needs the id of a location: Locations.List shows them")
		case r.pattern == "":
			return refuse("Remote needs the file name pattern of an input file")
		case r.location != location.ID:
			return refuse("two locations are named with Remote, and an import fetches from one")
		case im.location != nil && im.location.ID != location.ID:
			return refuse("the definition names another location than Remote")
		}
		if _, err := parsePattern(r.pattern); err != nil {
			return err
		}
		f, err := im.remoteFile(r.pattern)
		if err != nil {
			return err
		}
		if _, twice := im.plan[r.pattern]; twice {
			return refuse("this file is given twice")
		}
		im.plan[r.pattern] = f
		if f == nil {
			continue // the definition is not known
		}
		if f.Local != nil {
			return refuse(neverHere)
		}
		if other, twice := taken[f]; twice {
			return refuse("the definition's " + f.FileNamePattern + " is given twice, also by " + other)
		}
		if im.etlID == "" && im.definition == nil && f.FileNamePattern != r.pattern && f.FileNamePattern != "" {
			return refuse("the raw definition is sent as it is, with the pattern " + f.FileNamePattern + ": give Remote that one")
		}
		taken[f], im.fetched = r.pattern, append(im.fetched, f)
		if im.definition != nil {
			f.FileNamePattern = r.pattern
			f.fillFormat()
		}
	}
	switch {
	case im.definition != nil && im.location == nil:
		im.definition.Location = &location // assumed: a one shot names the location in its definition
	case im.etlID != "":
		return im.overrideFiles(location)
	}
	return nil
}

// remoteFile finds the input file that a pattern is of; nil if the definition is not known.
func (im *importRun) remoteFile(pattern string) (*InputFile, error) {
	if i := slices.IndexFunc(im.files, func(f InputFile) bool { return f.FileNamePattern == pattern }); i >= 0 {
		return &im.files[i], nil
	}
	return im.inputFile(pattern)
}

// overrideFiles tells a stored ETL where its files are.
//
// assumed: it takes a part with the fields that a definition has for that.
func (im *importRun) overrideFiles(location LocationRef) error {
	type file struct {
		Pattern string `json:"fileNamePattern"`
	}
	override := struct {
		Location LocationRef `json:"location"`
		Files    []file      `json:"inputFiles"`
	}{Location: location}
	for _, r := range im.remotes {
		override.Files = append(override.Files, file{r.pattern})
	}
	var err error
	im.parameters, err = json.Marshal(override)
	return err
}
