package actito

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// checkTime is how long one check of [Client.Doctor] may take.
const checkTime = 30 * time.Second

// Doctor looks at everything that this client needs, and says of each what it found and which option to set or which call
// to make: the key, the environment, the clock, the form of the paths, the entity, the tables and their structures, the
// version of the profiles API, the ledger and the budget of imports, stored ETLs, handles, and temporary files.
//
//	diagnosis, err := client.Doctor(ctx, customers, orders, actito.InspectETLs("123456"))
//	fmt.Println(diagnosis)
//
// What it looks at besides the client is given as options: tables that [Profiles] and [Records] opened, whose structs are
// compared with the structures, a [Handle], and those that [InspectTables], [InspectETLs] and [KnownProfile] make.
//
// Nothing is written: every call reads, the ledger is only asked, and no file is made. A check that fails or takes longer
// than 30 s stops no other; one that needs what failed before is skipped. Calls leave [RealTime] to others: they are of
// the classes [Listing], [Polling] and [Background]. They are few: one for a token if none is held, and one to each other
// environment if the key is refused; two for entities, one per path form; two for each table, and up to four for one that
// has another kind than is looked for first or that is not found; six for the version of the profiles API; one for each
// ETL, and one or two for each of its tables that is new to the client; one or two for each handle or part of it.
//
// The report holds no key, token or value of a row, and can be pasted into a ticket. It names entities, tables,
// attributes, ETLs, files and executions. An error is returned only if the context ended, with what was found until then.
//
//actito:through EntityService.List StructureService.ProfileTable StructureService.CustomTable ProfileTable.Get ETLService.Get ExecutionService.Get ExecutionService.List
func (c *Client) Doctor(ctx context.Context, opts ...DoctorOption) (*Diagnosis, error) {
	if c == nil || c.core == nil {
		return nil, errNoClient
	}
	d := &doctor{c: c, diagnosis: &Diagnosis{Entity: c.entity, BaseURL: c.base}, failed: map[string]bool{}, structures: map[string]*Structure{}}
	for _, o := range opts {
		if o != nil {
			o.applyDoctor(d)
		}
	}
	for _, check := range d.checks() {
		if err := ctx.Err(); err != nil {
			return d.diagnosis, err
		}
		d.run(ctx, check)
	}
	return d.diagnosis, ctx.Err()
}

// DoctorOption is given to [Client.Doctor]: what to look at. Every table that [Profiles] or [Records] opened is one, and
// every [Handle].
type DoctorOption interface{ applyDoctor(*doctor) }

type doctorOption func(*doctor)

func (o doctorOption) applyDoctor(d *doctor) { o(d) }

func (t *ProfileTable[T]) applyDoctor(d *doctor) {
	if t != nil {
		d.tables = append(d.tables, &doctorTable{client: t.c, kind: ProfileTableType, name: t.table, rows: fieldsOf(t.codec)})
	}
}

func (t *CustomTable[T]) applyDoctor(d *doctor) {
	if t != nil {
		d.tables = append(d.tables, &doctorTable{client: t.c, kind: CustomTableType, name: t.table, rows: fieldsOf(t.codec)})
	}
}

func (h Handle) applyDoctor(d *doctor) { d.handles = append(d.handles, h) }

// InspectTables has [Client.Doctor] look at tables by name or id, of which no struct is there to compare.
func InspectTables(tables ...string) DoctorOption {
	return doctorOption(func(d *doctor) {
		for _, name := range tables {
			d.tables = append(d.tables, &doctorTable{client: d.c, name: name})
		}
	})
}

// InspectETLs has [Client.Doctor] look at stored definitions.
func InspectETLs(ids ...string) DoctorOption {
	return doctorOption(func(d *doctor) { d.etls = append(d.etls, ids...) })
}

// KnownProfile names a profile that exists in the first profile table that [Client.Doctor] is given. Reading it tells for
// certain which versions of the profiles API are served. Its values are not shown.
func KnownProfile(key Key) DoctorOption {
	return doctorOption(func(d *doctor) { d.known = key })
}

// DoctorLevel says how serious a finding is.
type DoctorLevel uint8

// The levels.
const (
	DoctorOK      DoctorLevel = iota
	DoctorWarning             // it works, or may, and should be looked at
	DoctorProblem             // calls fail, or imports are refused, until it is put right
	DoctorSkipped             // not looked at, for the reason that Found gives
)

func (l DoctorLevel) String() string {
	return [...]string{"ok", "warning", "problem", "skipped"}[min(l, DoctorSkipped)]
}

// DoctorFinding is one result of a check.
type DoctorFinding struct {
	Check  string // what was looked at, such as "clock" or "table Customers"
	Level  DoctorLevel
	Found  string
	Advice string // which option to set or which call to make; "" if there is nothing to do
}

// Diagnosis is what [Client.Doctor] found, in the order of its checks. It prints as a report.
type Diagnosis struct {
	Entity   string
	BaseURL  string
	Findings []DoctorFinding
}

// OK reports whether no problem was found. Warnings and skipped checks are none.
func (d *Diagnosis) OK() bool { return d.count(DoctorProblem) == 0 }

func (d *Diagnosis) count(l DoctorLevel) (n int) {
	for _, f := range d.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

// String is the report: a line for each finding, with its advice below.
func (d *Diagnosis) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "actito-go %s, entity %q at %s\n\n", Version, d.Entity, d.BaseURL)
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%-8s %s: %s\n", f.Level, f.Check, f.Found)
		if f.Advice != "" {
			fmt.Fprintf(&b, "         -> %s\n", f.Advice)
		}
	}
	fmt.Fprintf(&b, "\nproblems %d, warnings %d, skipped %d\n", d.count(DoctorProblem), d.count(DoctorWarning), d.count(DoctorSkipped))
	return b.String()
}

// doctor is one call of Doctor.
type doctor struct {
	c         *Client
	tables    []*doctorTable
	etls      []string
	handles   []Handle
	known     Key
	temp      string // where temporary files lie; "" for the system's directory
	diagnosis *Diagnosis

	current    string          // the check that runs
	failed     map[string]bool // checks with a problem, and those that were skipped
	secrets    []string        // the key, if it is at hand, and the token
	refused    bool            // the server knows no such key
	entities   []Entity        // that the form of the client's paths gave
	structures map[string]*Structure
}

// doctorCheck is one check. Those that it needs come before it.
type doctorCheck struct {
	name  string
	needs []string
	run   func(context.Context) error // an error is a problem
}

func (d *doctor) checks() []doctorCheck {
	list := []doctorCheck{
		{"key", nil, d.checkKey},
		{"environment", nil, d.checkEnvironment},
		{"path form", []string{"key"}, d.checkPathForm},
		{"clock", nil, d.checkClock},
		{"entity", []string{"path form"}, d.checkEntity},
	}
	for _, t := range d.tables {
		list = append(list, doctorCheck{t.check(), []string{"entity"}, func(ctx context.Context) error { return d.checkTable(ctx, t) }})
	}
	list = append(list, doctorCheck{"profiles API", []string{"key"}, d.checkProfilesAPI})
	for _, t := range d.tables {
		list = append(list, doctorCheck{"structure of " + t.name, []string{t.check()}, func(context.Context) error { return d.checkStructure(t) }})
	}
	list = append(list, doctorCheck{"ledger", []string{"key"}, d.checkLedger})
	for _, t := range d.tables {
		list = append(list, doctorCheck{"budget of " + t.name, []string{t.check(), "ledger"}, func(ctx context.Context) error { return d.checkBudget(ctx, t) }})
	}
	for _, id := range d.etls {
		list = append(list, doctorCheck{"ETL " + id, []string{"entity"}, func(ctx context.Context) error { return d.checkETL(ctx, id) }})
	}
	for i, h := range d.handles {
		name := fmt.Sprintf("handle %d", i+1)
		list = append(list, doctorCheck{name, []string{"entity", "ledger"}, func(ctx context.Context) error { return d.checkHandle(ctx, h) }})
	}
	return append(list, doctorCheck{"temporary files", nil, d.checkTemporaryFiles})
}

// run runs a check, unless what it needs has failed.
func (d *doctor) run(ctx context.Context, check doctorCheck) {
	d.current = check.name
	for _, need := range check.needs {
		if d.failed[need] {
			d.needs(need)
			return
		}
	}
	bounded, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	err := check.run(bounded)
	switch {
	case err == nil || ctx.Err() != nil:
	case bounded.Err() != nil:
		d.problem("no answer within "+checkTime.String(), "see that the network and the store are there, and call Doctor again")
	default:
		d.problem(shownError(err), d.adviceFor(err))
	}
}

func (d *doctor) ok(found, advice string)      { d.add(DoctorOK, found, advice) }
func (d *doctor) warning(found, advice string) { d.add(DoctorWarning, found, advice) }
func (d *doctor) problem(found, advice string) { d.add(DoctorProblem, found, advice) }
func (d *doctor) skip(why string)              { d.add(DoctorSkipped, why, "") }
func (d *doctor) needs(check string) {
	d.skip("it needs the check of the " + check + ", which found a problem or was skipped")
}

func (d *doctor) add(l DoctorLevel, found, advice string) {
	if l >= DoctorProblem {
		d.failed[d.current] = true
	}
	d.diagnosis.Findings = append(d.diagnosis.Findings, DoctorFinding{d.clean(d.current), l, d.clean(found), d.clean(advice)})
}

// clean keeps keys and tokens out of the report, whoever says them, and each finding on a line of its own.
func (d *doctor) clean(s string) string {
	return strings.Join(strings.FieldsFunc(hide(s, d.secrets), func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}

// shownError is the text of an error. Those of this library show no values; others, such as a store's, are masked.
func shownError(err error) string {
	const most = 400
	text := err.Error()
	_, isCall := errors.AsType[*APIError](err)
	_, isRefusal := errors.AsType[*ValidationError](err)
	_, isUnknown := errors.AsType[*unknownTableError](err)
	if !isCall && !isRefusal && !isUnknown {
		text = shown(text, nil, most)
	}
	return shorten(strings.TrimPrefix(text, "actito: "), most)
}

// adviceFor tells what to do about a call that failed.
func (d *doctor) adviceFor(err error) string {
	e, isCall := errors.AsType[*APIError](err)
	switch {
	case errors.Is(err, ErrBusy):
		return "the licence's pace is used up: try again when less is sent, or see WithRateLimit"
	case !isCall:
		return ""
	case e.Status == 0:
		return "see that this machine reaches " + d.c.base + ": DNS, firewall, proxy and certificates"
	case e.Status == 401 || e.Status == 403 || e.Status == 404:
		return "the key may not be allowed to read this: see its rights in Actito's UI"
	case e.Status == 429 || e.Status >= 500:
		return "the service cannot answer at the moment: try again later"
	}
	return ""
}
