package actito

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// doctorTable is a table to look at.
type doctorTable struct {
	client    *Client
	kind      TableType // "" until it is found, if only its name was given
	name      string    // or id
	rows      *doctorRows
	ref       tableRef
	structure *Structure
}

// doctorRows are the fields of a table's struct.
type doctorRows struct {
	*schema
	types map[*field]reflect.Type // of single values
}

func fieldsOf[T any](c *codec[T]) *doctorRows {
	rows := &doctorRows{&c.schema, map[*field]reflect.Type{}}
	for _, f := range c.fields {
		rows.types[f] = valueType(reflect.TypeFor[T]().FieldByIndex(f.index).Type, f.shape)
	}
	return rows
}

// valueType is the type of the single values of a field, without what its shape has around them.
func valueType(t reflect.Type, s shape) reflect.Type {
	switch s.wrap {
	case wrapPointer:
		t = t.Elem()
	case wrapOpt:
		_, value := reflect.New(t).Interface().(optional).slot()
		t = reflect.TypeOf(value).Elem()
	case wrapNone:
	}
	if s.list {
		t = t.Elem()
	}
	return t
}

func (t *doctorTable) check() string { return "table " + t.name }

// checkTable finds the table and reads its structure.
func (d *doctor) checkTable(ctx context.Context, t *doctorTable) error {
	if t.client == nil || t.client.core != d.c.core {
		d.problem("it was opened with another client, of other options", "call Doctor of its own client, or open it with this one")
		return nil
	}
	var err error
	if t.ref, err = t.client.table(ctx, t.kind, t.name); err != nil {
		if _, unlisted := errors.AsType[*unknownTableError](err); unlisted {
			return d.unlisted(ctx, t)
		}
		return err
	}
	for _, k := range []TableType{ProfileTableType, CustomTableType} {
		if ref, found := t.client.known.Load(tableKey{t.client.entity, k, t.name}); found && ref == t.ref && t.kind == "" {
			t.kind = k
		}
	}
	if t.structure, err = t.client.Structures.byID(ctx, t.kind, t.ref.ID, nil); err != nil {
		return err
	}
	d.ok(fmt.Sprintf("%s %q, id %s, has %d attributes", t.kind.words(), t.ref.Name, t.ref.ID, len(t.structure.Attributes)), "")
	return nil
}

// unlisted reports a table that the entity does not have, with the names that are most like it.
func (d *doctor) unlisted(ctx context.Context, t *doctorTable) error {
	var names []string
	for _, k := range []TableType{ProfileTableType, CustomTableType} {
		if t.kind != "" && t.kind != k {
			continue
		}
		list, err := t.client.Structures.list(ctx, k, nil)
		if err != nil {
			return err
		}
		for _, s := range list {
			names = append(names, s.Name)
		}
	}
	found := fmt.Sprintf("entity %q has no %s of this name or id", t.client.entity, t.kind.words())
	if len(names) == 0 {
		d.problem(found+", and none at all", "see that the key may read the structures, and that the entity owns the tables")
		return nil
	}
	d.problem(found+"; the nearest: "+nearest(t.name, names), "open it by one of these names; upper and lower case differ")
	return nil
}

// checkStructure compares the fields of a table's struct with its attributes: names, mandatory attributes and keys as the
// check of a file of such rows does, and the types.
func (d *doctor) checkStructure(t *doctorTable) error {
	switch {
	case t.rows == nil:
		d.skip("no struct was given: open the table with Profiles or Records, and give Doctor that")
		return nil
	case t.rows.isMap:
		d.skip("its rows are maps, which may hold any attribute")
		return nil
	}
	before := len(d.diagnosis.Findings)
	problems, err := t.columnProblems()
	if err != nil {
		return err
	}
	for _, p := range problems {
		d.add(map[bool]DoctorLevel{true: DoctorWarning, false: DoctorProblem}[p.Warning], p.String(), t.columnAdvice(p))
	}
	for _, f := range t.rows.fields {
		a := t.structure.attribute(f.name)
		switch {
		case a != nil:
			d.checkField(f, a, t.rows.types[f])
		case f.readOnly && f.section == attributeSection && !t.rows.fromServer(f.name):
			d.warning(fmt.Sprintf("%s: the table has no attribute %q, so that the field is never filled", f.goName, f.name), t.nearestTag(f.name))
		}
	}
	d.checkKeyField(t, problems)
	if len(d.diagnosis.Findings) == before {
		d.ok(fmt.Sprintf("%d fields fit", len(t.rows.fields)), "")
	}
	return nil
}

// columnProblems is what [ETLService.Check] says about files whose columns are the struct's.
func (t *doctorTable) columnProblems() (found []Problem, err error) {
	run := &checkRun{c: t.client, report: &CheckReport{Files: make([]CheckedFile, 1)}, yield: func(p Problem, _ error) bool {
		found = append(found, p)
		return true
	}}
	f := &fileCheck{check: run, data: Data{typed: true}, input: &InputFile{Mode: CreateUpdate}, table: t.ref, structure: t.structure}
	f.sink = newSink(&f.data, f)
	return found, f.begin(t.rows.sentNames(), nil)
}

func (t *doctorTable) columnAdvice(p Problem) string {
	switch p.Rule {
	case "unknown-attribute":
		return t.nearestTag(p.Column)
	case "mandatory":
		return fmt.Sprintf("add a field with the tag `actito:%q`, or send only updates of rows that exist", p.Attribute)
	case "empty-key":
		return "add a field for one of: " + t.uniques() + "; give it the tag option key"
	}
	return ""
}

func (t *doctorTable) nearestTag(name string) string {
	var names []string
	for _, a := range t.structure.Attributes {
		names = append(names, a.Name)
	}
	return "correct the field's tag; the nearest attributes: " + nearest(name, names) + ". Structure.GoStruct prints a struct that fits"
}

// uniques lists the attributes by which rows can be found.
func (t *doctorTable) uniques() string {
	var names []string
	for i := range t.structure.Attributes {
		a := &t.structure.Attributes[i]
		if t.structure.unique(a) && !t.rows.fromServer(a.Name) {
			names = append(names, fmt.Sprintf("%q", a.Name))
		}
	}
	if len(names) == 0 {
		return "no attribute, since none is unique"
	}
	return strings.Join(names, ", ")
}

// checkField compares a field's type with its attribute's.
func (d *doctor) checkField(f *field, a *Attribute, t reflect.Type) {
	if f.list != a.MultiValued {
		holds, use := "one value", "a single value"
		if a.MultiValued {
			holds, use = "several values", "a slice"
		}
		d.problem(fmt.Sprintf("%s: attribute %q holds %s, and the field does not fit", f.goName, a.Name, holds), "use "+use)
	}
	want := a.goType()
	if fit, sure := fits(f.kind, t, want); !fit {
		level := DoctorProblem
		if !sure {
			level = DoctorWarning
		}
		d.add(level, fmt.Sprintf("%s: attribute %q is %s, and the field's values are %s", f.goName, a.Name, typeOfValues(a), t),
			"use "+want+", in actito.Opt where it can be unset or cleared")
	}
}

func typeOfValues(a *Attribute) string {
	if a.ValueType == "" {
		return a.Type
	}
	return a.ValueType
}

// fits reports whether values of a Go type can be those of an attribute, whose type goType names. Text can: its form is
// for the check of the data. If they cannot, sure tells whether the server is known to refuse them.
func fits(k kind, t reflect.Type, want string) (fit, sure bool) {
	isDate, isDateTime := t == reflect.TypeFor[Date](), k == dateTimeKind
	isNumber := k == intKind || k == uintKind || k == floatKind || k == numberKind
	isText := k <= marshalerKind && !isDate
	switch want {
	case "int64":
		return isText || isNumber && k != floatKind, true
	case "float64":
		return isText || isNumber, true
	case "bool":
		return isText || k == boolKind, true
	case "actito.Date":
		return isText || isDate, true
	case "actito.DateTime":
		return isText || isDateTime, true
	}
	return isText || isDate || isDateTime, false // assumed: a text may take a number or boolean as well
}

// checkKeyField says whether the struct's key finds rows.
func (d *doctor) checkKeyField(t *doctorTable, problems []Problem) {
	key := t.rows.keyField
	told := slices.ContainsFunc(problems, func(p Problem) bool { return p.Rule == "empty-key" })
	if key == nil {
		if !told {
			d.warning("the struct has no key, so that no upsert is repeated whose outcome is open", "give a field the tag option key, or see KeyedBy; unique are: "+t.uniques())
		}
		return
	}
	a := t.structure.attribute(key.name)
	switch custom := t.kind == CustomTableType; {
	case key.readOnly || t.rows.fromServer(key.name):
		d.problem(fmt.Sprintf("%s: the key is readonly, so that no upsert works", key.goName), "give another field the tag option key; unique are: "+t.uniques())
	case a == nil: // reported
	case custom && t.structure.PrimaryKey != "" && a.Name != t.structure.PrimaryKey:
		d.problem(fmt.Sprintf("%s: the key is %q, and the table's is %q", key.goName, a.Name, t.structure.PrimaryKey), "give the field of that one the tag option key")
	case !t.structure.unique(a):
		d.problem(fmt.Sprintf("%s: the key %q is not unique, so that no row is found by it", key.goName, a.Name), "give another field the tag option key; unique are: "+t.uniques())
	}
}

// checkLedger finds out where imports are counted, and whether that can be read.
func (d *doctor) checkLedger(ctx context.Context) error {
	q := d.c.quota
	if q.inMemory() {
		d.warning("imports are counted in this process's memory, which forgets with it and is shared with nobody",
			"give WithQuota a Store that outlives processes, of filequota, sqlquota or redisquota, before imports are started")
		return nil
	}
	licence, err := d.c.licence(ctx)
	if err != nil {
		return err
	}
	bucket := licence + "doctor" // nothing is ever booked in it
	for _, t := range d.tables {
		if t.structure != nil {
			bucket = licence + t.ref.ID
			break
		}
	}
	if _, err := q.store.Usage(ctx, bucket); err != nil {
		if ctx.Err() != nil {
			return err
		}
		what := "see that it is there: until then no import is started"
		if q.failOpen {
			what = "see that it is there: until then imports start uncounted, since Quota.FailOpen is set"
		}
		d.problem(fmt.Sprintf("the store %T cannot be read: %s", q.store, shownError(err)), what)
		return nil
	}
	if _, err := q.auditor(); err != nil {
		d.warning(fmt.Sprintf("the store %T can be read, but its books cannot be looked into", q.store), "let it be a QuotaAuditor: Sync, Entries and Reconcile need that")
		return nil //nolint:nilerr // it is reported
	}
	d.ok(fmt.Sprintf("the store %T can be read, and shares its books under licence %q", q.store, strings.TrimSuffix(licence, "/")), "")
	return nil
}

// checkBudget tells what is left of a table's imports.
func (d *doctor) checkBudget(ctx context.Context, t *doctorTable) error {
	u, err := t.client.Quota.Usage(ctx, t.ref.ID)
	if err != nil {
		return err
	}
	found := strings.TrimPrefix(u.String(), "table "+u.Table+": ")
	switch {
	case time.Now().Before(u.ClosedUntil):
		d.problem(found, "Actito refused an import that the ledger had room for: Quota.Sync counts what others started, Quota.Reopen opens the table")
	case u.Left == 0:
		d.problem(found, "wait for the reset, or set Quota.Limit or Quota.Limits if the licence takes more")
	case u.Left <= u.Kept:
		d.warning(found, "what is left is for imports that are Urgent")
	case u.Held > 0:
		d.warning(found, "imports that are held are being sent, or in doubt: Quota.Entries lists them, Executions.Reconcile settles one by its Handle")
	default:
		d.ok(found, "")
	}
	return nil
}
