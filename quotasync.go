package actito

import (
	"context"
	"errors"
	"slices"
	"time"
)

// found marks the entries of Sync.
const found = "found-"

// SyncReport is what [QuotaService.Sync] found.
type SyncReport struct {
	Executions int          // on the service, in the current window
	Counted    int          // of them that were not in the ledger
	Unassigned []*Execution // those of them whose tables the service does not tell, maybe not yet: they are not counted
}

// Sync counts the executions of the current window that the service lists and the ledger does not know: those of
// schedules, of the UI, of other teams and programs, in all entities that the key can see. It costs a call per entity,
// one for the list of them, and one for each table and definition that is new to the client. An import whose outcome is
// unknown is counted twice if its execution is found, until it is settled.
//
// The list is assumed to exist, and its times to be in the zone of [WithTimeZone]; where the service has no list, the
// error matches [ErrNotFound].
//
//actito:through StructureService.ProfileTable StructureService.CustomTable EntityService.List ETLService.Get ExecutionService.List
func (s *QuotaService) Sync(ctx context.Context) (SyncReport, error) {
	var report SyncReport
	books, err := s.c.quota.auditor()
	if err != nil {
		return report, err
	}
	licence, err := s.c.licence(ctx)
	if err != nil {
		return report, err
	}
	now := time.Now()
	r := s.c.quota.reservation(now)
	since := r.From
	if rolling := now.Add(-r.Rolling); since.IsZero() || r.Rolling > 0 && rolling.Before(since) {
		since = rolling
	}
	entities, err := s.c.Entities.List(ctx, Background())
	if err != nil {
		return report, err
	}
	for _, entity := range entities {
		c := s.c.Entity(entity.Name)
		list, err := c.Executions.List(ctx, ExecutionFilter{From: since}, Background())
		if err != nil {
			return report, err
		}
		for _, e := range list {
			report.Executions++
			tables, err := c.tablesOf(ctx, e)
			if err != nil {
				return report, err
			}
			r.ID, r.At, r.Buckets = licence+found+e.ID, now, c.quota.buckets(licence, tables)
			if !e.Start.IsZero() && e.Start.Before(now) {
				r.At = e.Start
			}
			added, err := books.Count(ctx, r, e.ID)
			if err != nil {
				return report, err
			}
			switch {
			case added && len(tables) == 0:
				report.Unassigned = append(report.Unassigned, e)
			case added:
				report.Counted++
			}
		}
	}
	return report, nil
}

// tablesOf finds the tables that an execution loads: by its files, else by its definition. None if neither tells.
func (c *Client) tablesOf(ctx context.Context, e *Execution) ([]tableRef, error) {
	type destination struct {
		table TableType
		id    string
	}
	var loads []destination
	for _, f := range e.Files {
		loads = append(loads, destination{f.Table, f.TableID})
	}
	if len(loads) == 0 && e.ETLID != "" {
		d, err := c.ETLs.Get(ctx, e.ETLID, Background())
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if err == nil {
			for _, f := range d.Files {
				loads = append(loads, destination{f.Destination.Table, f.Destination.TableID})
			}
		}
	}
	var tables []tableRef
	for _, d := range loads {
		if d.id == "" {
			return nil, nil
		}
		t, err := c.table(ctx, d.table, d.id)
		if errors.Is(err, ErrNotFound) {
			t, err = tableRef{ID: d.id, Name: d.id}, nil // it was deleted since, or belongs to another entity
		}
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(tables, func(other tableRef) bool { return other.ID == t.ID }) {
			tables = append(tables, t)
		}
	}
	return tables, nil
}
