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

// instant is the first at which the clocks show a time, which is given as if they showed UTC. There may be none. The
// offsets of the days around it are all that come into question: zones are not as far from UTC, and do not change twice
// in between. [time.Time.ZoneBounds] cannot tell, since it errs about the last day of leap years from 2040 on.
func (z *zone) instant(shown int64) (first int64, found bool) {
	const day = 24 * 60 * 60
	for _, seconds := range [...]int64{z.offset(shown - day), z.offset(shown + day)} {
		at := shown - seconds
		if z.offset(at) == seconds && (!found || at < first) {
			first, found = at, true
		}
	}
	return first, found
}
