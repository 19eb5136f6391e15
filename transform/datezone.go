package transform

import (
	"fmt"
	"time"
)

// zone is a time zone.
type zone struct{ location *time.Location }

func readZone(name string) (*zone, error) {
	location, err := time.LoadLocation(name)
	if err != nil || location == time.Local {
		return nil, Refuse(fmt.Sprintf("there is no time zone %.100q: it has a name such as Europe/Brussels", name))
	}
	return &zone{location}, nil
}

// offset is that of the zone at an instant in Unix seconds, in seconds east of UTC.
func (z *zone) offset(at int64) int64 {
	_, seconds := time.Unix(at, 0).In(z.location).Zone()
	return int64(seconds)
}

// instant is the first at which the clocks show a time, which is given as if they showed UTC. There may be none.
func (z *zone) instant(shown int64) (int64, bool) {
	const day = 24 * 60 * 60
	t := time.Unix(shown-day, 0).In(z.location) // no zone is as far from UTC
	for {
		_, seconds := t.Zone()
		start, end := t.ZoneBounds()
		at := shown - int64(seconds)
		switch {
		case !start.IsZero() && at < start.Unix():
			return 0, false
		case end.IsZero() || at < end.Unix():
			return at, true
		}
		t = end
	}
}
