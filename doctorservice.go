package actito

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// checkKey finds out whether a token can be had.
func (d *doctor) checkKey(ctx context.Context) error {
	if source, own := d.c.tokens.source.(*keySource); own {
		if key, err := source.key(ctx); err == nil && key != "" {
			d.secrets = append(d.secrets, key)
		}
	}
	token, err := d.c.tokens.Token(ctx, 0)
	if err == nil {
		d.secrets = append(d.secrets, token)
		named := "it names no licence"
		if licence := licenceOf(token); licence != "" {
			named = "it names licence " + licence
		}
		d.ok("a token was given; "+named, "")
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	err = tokenFailed(err)
	d.refused = errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden)
	if d.refused {
		d.problem("the server refuses the key", "see below whether another environment takes it; else make a new key in Actito's UI, for New or WithAPIKeyFunc")
		return nil
	}
	return err
}

// environmentOf is the environment with an address; "" for an address of the user's own.
func environmentOf(base string) Environment {
	for _, e := range environments {
		if e.URL() == base {
			return e
		}
	}
	return ""
}

var environments = [...]Environment{Env0, Env1, Env3, Preprod}

// option is how the environment is chosen.
func (e Environment) option() string {
	return "WithEnvironment(actito." + map[Environment]string{Env0: "Env0", Env1: "Env1", Env3: "Env3", Preprod: "Preprod"}[e] + ")"
}

func (d *doctor) checkEnvironment(ctx context.Context) error {
	own := environmentOf(d.c.base)
	source, isKey := d.c.tokens.source.(*keySource)
	switch {
	case !d.failed["key"] && own != "":
		d.ok(d.c.base+", which is "+string(own)+", takes the key", "")
		return nil
	case !d.failed["key"]:
		d.ok(d.c.base+", which is no environment's address, takes the key", "")
		return nil
	case !d.refused:
		d.skip("whether the key belongs to " + d.c.base + " is not known, since no answer says so")
		return nil
	case !isKey:
		d.skip("the tokens come from a TokenSource: there is no key to try elsewhere")
		return nil
	case own == "":
		d.skip(d.c.base + " is no environment's address, and a key of it is not sent elsewhere: DiscoverEnvironment does")
		return nil
	}
	key, err := source.key(ctx)
	if err != nil {
		return err
	}
	for _, e := range environments {
		if e == own {
			continue
		}
		cfg, err := configure([]Option{WithHTTPClient(d.c.http), WithLogger(d.c.log)})
		if err != nil {
			return err
		}
		if cfg.ask(ctx, e, key) == nil {
			d.problem("the key belongs to "+string(e)+", "+e.URL()+", and the client is made for "+string(own), "make it with "+e.option())
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	d.problem("no other environment takes the key either", "make a new key in Actito's UI, or see whether this one was copied in full")
	return nil
}

// checkClock compares clocks by the latest answer, whatever that was about.
func (d *doctor) checkClock(context.Context) error {
	ahead, known := d.c.clock.skew()
	side := "ahead of"
	if ahead < 0 {
		ahead, side = -ahead, "behind"
	}
	off := fmt.Sprintf("this machine's clock is %s %s the server's", ahead.Round(time.Second), side)
	switch {
	case !known:
		d.skip("no answer with a Date came")
	case ahead > mostSkew:
		d.problem(off+": imports are refused (ErrClockSkew)", "set the clock, by NTP for instance")
	case ahead > margin:
		d.warning(off+": around midnight imports may be counted on the wrong day", "set the clock, by NTP for instance")
	case ahead > 0:
		d.ok(off+", which does no harm", "")
	default:
		d.ok("this machine's clock and the server's agree to the second", "")
	}
	return nil
}

// formOf is a form of paths in words, and what to do to use it.
func formOf(unprefixed bool) (words, option string) {
	if unprefixed {
		return "without category (/v5/…)", "use WithUnprefixedPaths"
	}
	return "with their category (/entities/v5/…)", "leave WithUnprefixedPaths out"
}

// checkPathForm reads the list of entities, which every licence has, in both forms.
func (d *doctor) checkPathForm(ctx context.Context) error {
	own, ownErr := d.listEntities(ctx, d.c.unprefixed)
	if err := ctx.Err(); err != nil {
		return err
	}
	_, otherErr := d.listEntities(ctx, !d.c.unprefixed)
	if err := ctx.Err(); err != nil {
		return err
	}
	words, _ := formOf(d.c.unprefixed)
	others, option := formOf(!d.c.unprefixed)
	switch {
	case ownErr == nil && otherErr == nil:
		d.ok("paths "+words+", as the client is made, are served; those "+others+" too", "")
	case ownErr == nil:
		d.ok("paths "+words+", as the client is made, are served; those "+others+" are not", "")
	case otherErr == nil:
		d.problem("only paths "+others+" are served, and the client is made for the others", option)
	default:
		return ownErr
	}
	d.entities = own
	return nil
}

func (d *doctor) listEntities(ctx context.Context, bare bool) ([]Entity, error) {
	path := pathEntities
	if bare {
		path = unprefixed(path)
	}
	r := request{op: "list entities", method: http.MethodGet, path: path, verbatim: true, repeatable: true, single: true, class: Listing}
	return d.c.Entities.read(ctx, &r, nil)
}

func (d *doctor) checkEntity(context.Context) error {
	var names []string
	for _, e := range d.entities {
		names = append(names, e.Name)
	}
	switch {
	case slices.Contains(names, d.c.entity):
		d.ok("the key sees it", "")
	case len(names) == 0:
		d.problem("the key sees no entity at all", "see the rights of the key in Actito's UI")
	default:
		d.problem(fmt.Sprintf("the key sees no entity %q; the nearest: %s", d.c.entity, nearest(d.c.entity, names)),
			"give New, or Client.Entity, one of these names; upper and lower case differ")
	}
	return nil
}

// nearest lists the names that are most like one, quoted.
func nearest(name string, names []string) string {
	names = slices.Clone(names)
	distance := map[string]int{}
	for _, n := range names {
		distance[n] = edits(strings.ToLower(name), strings.ToLower(n))
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
	var quoted []string
	for _, n := range names[:min(3, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	return strings.Join(quoted, ", ")
}

// edits is how many letters must be added, dropped or changed to make one text of another.
func edits(a, b string) int {
	row := make([]int, utf8.RuneCountInString(b)+1)
	for j := range row {
		row[j] = j
	}
	i := 0
	for _, x := range a {
		i++
		before, j := row[0], 0
		row[0] = i
		for _, y := range b {
			j++
			change := before
			if x != y {
				change++
			}
			before = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(row)-1]
}

// profileRoad is one way to a single profile.
type profileRoad struct {
	unprefixed, v5 bool
	served         roadState
	status         int // 0: no answer
}

type roadState uint8

const (
	roadUnknown roadState = iota
	roadServed
	roadMissing
)

func (r profileRoad) String() string {
	version, form := "version 4", "with category"
	if r.v5 {
		version = "version 5"
	}
	if r.unprefixed {
		form = "without category"
	}
	return version + " " + form
}

// options are those that a client needs to take this road.
func (r profileRoad) options() string {
	switch {
	case r.unprefixed && r.v5:
		return "use WithUnprefixedPaths and WithProfilesV5"
	case r.unprefixed:
		return "use WithUnprefixedPaths, without WithProfilesV5"
	case r.v5:
		return "use WithProfilesV5, without WithUnprefixedPaths"
	}
	return "use neither WithUnprefixedPaths nor WithProfilesV5"
}

// checkProfilesAPI reads one profile on all four roads. A profile that does not exist and a road that does not are both
// answered 404, so that a road with a version that certainly does not exist is asked for comparison.
func (d *doctor) checkProfilesAPI(ctx context.Context) error {
	at := slices.IndexFunc(d.tables, func(t *doctorTable) bool { return t.kind == ProfileTableType })
	if at < 0 {
		d.skip("it needs a profile table: give one to Doctor")
		return nil
	}
	if !d.failed["path form"] { // else the other form is looked at all the same
		for _, need := range []string{"entity", d.tables[at].check()} {
			if d.failed[need] {
				d.needs(need)
				return nil
			}
		}
	}
	table, key := d.tables[at].name, cmp.Or(d.known, ByID("0")) // assumed: no profile has this id
	segment, err := key.segment()
	if err != nil {
		return err
	}
	ask := func(path string, bare bool) *APIError {
		if bare {
			path = unprefixed(path)
		}
		r := request{op: "get profile", method: http.MethodGet, path: path, segments: []string{escape(table), segment},
			verbatim: true, repeatable: true, single: true, class: Listing, private: []string{key.value}}
		_, err := d.tables[at].client.send(ctx, &r, nil)
		if err == nil {
			return nil
		}
		e, isCall := errors.AsType[*APIError](err)
		if !isCall {
			e = &APIError{Err: err}
		}
		return e
	}
	var roads []profileRoad
	for _, bare := range []bool{false, true} {
		nowhere := ask(strings.Replace(pathProfile, "/v4/", "/v0/", 1), bare)
		for _, v5 := range []bool{false, true} {
			path := pathProfile
			if v5 {
				path = pathProfileV5
			}
			road := profileRoad{unprefixed: bare, v5: v5}
			road.served, road.status = d.judge(ask(path, bare), nowhere)
			if err := ctx.Err(); err != nil {
				return err
			}
			roads = append(roads, road)
		}
	}
	d.reportRoads(roads)
	return nil
}

// judge says whether a road is there, by its answer and that of a road that is not.
func (d *doctor) judge(e, nowhere *APIError) (roadState, int) {
	switch {
	case e == nil:
		return roadServed, http.StatusOK
	case e.Status == 0 || e.Status == http.StatusUnauthorized || e.Status == http.StatusTooManyRequests:
		return roadUnknown, e.Status
	case e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusGone || e.Status == http.StatusNotImplemented:
		return roadMissing, e.Status
	case nowhere == nil || nowhere.Status == 0 || e.Status >= http.StatusInternalServerError:
		return roadUnknown, e.Status
	case nowhere.Status == e.Status && withoutPaths(nowhere.Message) == withoutPaths(e.Message):
		return roadMissing, e.Status
	case d.known != Key{} && e.Status == http.StatusNotFound:
		return roadMissing, e.Status
	}
	return roadServed, e.Status
}

// withoutPaths drops the words of a message that repeat the path.
func withoutPaths(message string) string {
	words := slices.DeleteFunc(strings.Fields(message), func(w string) bool { return strings.Contains(w, "/") })
	return strings.Join(words, " ")
}

func (d *doctor) reportRoads(roads []profileRoad) {
	var told []string
	var own, better profileRoad
	for _, r := range roads {
		state := map[roadState]string{roadServed: "served", roadMissing: "not served",
			roadUnknown: "not known, by status " + strconv.Itoa(r.status)}[r.served]
		told = append(told, r.String()+" "+state)
		if r.unprefixed == d.c.unprefixed && r.v5 == d.c.profilesV5 {
			own = r
		}
		if r.served == roadServed && better.served != roadServed {
			better = r
		}
	}
	list := strings.Join(told, "; ")
	switch {
	case own.served == roadServed:
		d.ok("the client's, "+own.String()+", is served. All: "+list, "")
	case better.served == roadServed && own.served == roadMissing:
		d.problem("the client's, "+own.String()+", is not served. All: "+list, better.options())
	case d.known == Key{}:
		d.warning("answers do not tell whether the client's, "+own.String()+", is served. All: "+list, "give Doctor a profile that exists, by KnownProfile")
	default:
		d.problem("no read of the known profile was answered as if it were served. All: "+list, "see that the profile exists, and that the key may read the table")
	}
}
