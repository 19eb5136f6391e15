package actito

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
)

// QuotaService tells what is left of the imports of a table, and lets an operator put the ledger right. Tables are given
// by name or id. Its methods ask the ledger, and Actito only for a table's id, once; of a table that does not exist, the
// error matches [ErrNotFound]. All but Usage, Settle and Reopen need a store that is a [QuotaAuditor].
type QuotaService struct{ c *Client }

// Usage counts the imports of a table in the current window.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *QuotaService) Usage(ctx context.Context, table string) (Usage, error) {
	t, bucket, err := s.find(ctx, table)
	if err != nil {
		return Usage{}, err
	}
	return s.c.quota.usage(ctx, bucket, t, time.Now())
}

// find returns a table and the name of its budget.
func (s *QuotaService) find(ctx context.Context, table string) (t tableRef, bucket string, err error) {
	if t, err = s.c.table(ctx, "", table); err != nil {
		return t, "", err
	}
	licence, err := s.c.licence(ctx)
	return t, licence + t.ID, err
}

func (q *quota) auditor() (QuotaAuditor, error) {
	if a, ok := q.store.(QuotaAuditor); ok {
		return a, nil
	}
	return nil, fmt.Errorf("actito: the quota store %T is no QuotaAuditor: its books cannot be looked into", q.store)
}

// Entries lists the imports of a table that are in the ledger, oldest first. They stay there for a week. An entry that
// is held, or still begun long after its import, waits for somebody who finds out what became of it: see Settle.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *QuotaService) Entries(ctx context.Context, table string) ([]QuotaEntry, error) {
	books, err := s.c.quota.auditor()
	if err != nil {
		return nil, err
	}
	_, bucket, err := s.find(ctx, table)
	if err != nil {
		return nil, err
	}
	list, err := books.Entries(ctx, bucket)
	if err != nil {
		return nil, err
	}
	for i := range list {
		e := &list[i]
		e.Tables = slices.Clone(e.Tables)
		for k, b := range e.Tables {
			_, e.Tables[k], _ = strings.Cut(b, "/")
		}
		e.Tables = slices.DeleteFunc(e.Tables, func(b string) bool { return strings.Contains(b, "+") }) // of several together
		_, e.Once, _ = strings.Cut(e.Once, "/")
	}
	return list, nil
}

// Settle records what became of an import whose outcome the library could not tell: [Used], with its execution, or
// [Free]. The id is an entry's, or that of a [Handle] or of one of its Parts; one that is not in the ledger can be freed,
// which changes nothing, and an empty one is refused. See [QuotaStore] for what can be settled.
func (s *QuotaService) Settle(ctx context.Context, id string, o Outcome) error {
	if id == "" {
		return &ValidationError{Column: "id", Rule: "empty",
			Detail: "nothing is settled without the id of a reservation; the Handle of an import in parts has one in each of its Parts"}
	}
	err := s.c.quota.store.Settle(ctx, id, o)
	if err == nil {
		s.c.hooks.importUnit(ctx, ImportUnit{State: o.State.String()})
	}
	return err
}

// adjusted marks the entries of Adjust.
const adjusted = "adjusted-"

// Adjust counts n imports of a table more, which others made and [QuotaService.Sync] does not find, as held. A negative
// n takes back as many of those. What cannot be counted or taken back is an error, the rest is done. In a table that is
// closed nothing is counted: Actito refuses its imports already.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *QuotaService) Adjust(ctx context.Context, table string, n int) error {
	books, err := s.c.quota.auditor()
	if err != nil {
		return err
	}
	t, bucket, err := s.find(ctx, table)
	if err != nil {
		return err
	}
	q := s.c.quota
	if u, err := q.usage(ctx, bucket, t, time.Now()); err != nil {
		return err
	} else if n > 0 && time.Now().Before(u.ClosedUntil) {
		return &QuotaError{Table: t.Name, Limit: u.Limit, Used: u.Used, Held: u.Held, Closed: true, ResetAt: u.ClosedUntil}
	}
	for ; n > 0; n-- {
		r := q.reservation(time.Now())
		licence, _, _ := strings.Cut(bucket, "/")
		r.ID, r.Lease, r.Buckets = licence+"/"+adjusted+rand.Text(), r.At.Add(leaseTime), []Bucket{{Name: bucket, Limit: q.limitOf(t)}}
		if err := q.store.Reserve(ctx, r); err != nil {
			return named(err, r.Buckets, []tableRef{t})
		}
		if err := q.store.Settle(ctx, r.ID, Held()); err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	list, err := books.Entries(ctx, bucket)
	if err != nil {
		return err
	}
	r := q.reservation(time.Now())
	today := r.window(Bucket{})
	for _, e := range slices.Backward(list) {
		_, id, _ := strings.Cut(e.ID, "/")
		if n < 0 && strings.HasPrefix(id, adjusted) && today.until(e.At).After(r.At) {
			if err := q.store.Settle(ctx, e.ID, Free()); err != nil {
				return err
			}
			n++
		}
	}
	if n < 0 {
		return &ValidationError{Column: "n", Rule: "not-adjusted",
			Detail: fmt.Sprintf("%d imports fewer of table %s were asked for than Adjust had counted", -n, t.Name)}
	}
	return nil
}

// Reopen opens tables that were closed because Actito refused an import although the ledger had room. Several that were
// refused together are opened together.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *QuotaService) Reopen(ctx context.Context, tables ...string) error {
	licence, err := s.c.licence(ctx)
	if err != nil {
		return err
	}
	var refs []tableRef
	for _, table := range tables {
		t, err := s.c.table(ctx, "", table)
		if err != nil {
			return err
		}
		refs = append(refs, t)
	}
	for _, b := range s.c.quota.buckets(licence, refs) {
		if err := s.c.quota.store.Close(ctx, b.Name, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}
