package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/actito-go/actito"
)

const (
	opening, closing = 8 * time.Hour, 20 * time.Hour
	every            = 30 * time.Minute // of opening hours, and of a column of the day
)

// show draws a table's budget, and its day.
func show(ctx context.Context, out io.Writer, quota *actito.QuotaService, table string, now time.Time) error {
	usage, err := quota.Usage(ctx, table)
	if err != nil {
		return err
	}
	entries, err := quota.Entries(ctx, table)
	if err != nil {
		return err
	}
	plan, err := quota.Plan(ctx, table, opening, closing, every)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n  %s\n", usage, bar(usage))
	fmt.Fprintf(out, "  00    03    06    09    12    15    18    21    24\n  %s\n", day(entries, plan, now.In(zone)))
	return nil
}

// bar is the budget.
func bar(u actito.Usage) string {
	return strings.Repeat("■", u.Used) + strings.Repeat("▣", u.Held) + strings.Repeat("□", u.Left-u.Kept) + strings.Repeat("◇", u.Kept)
}

// day is what was imported today, and what is planned. Of several imports in half an hour it shows how many they are.
func day(entries []actito.QuotaEntry, plan actito.Plan, now time.Time) string {
	var columns [48]string
	column := func(t time.Time) int {
		t = t.In(now.Location())
		return int((time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute) / every)
	}
	for i := range columns {
		columns[i] = "·"
	}
	for _, t := range plan.At {
		columns[column(t)] = "○"
	}
	var imports [48]int
	for _, e := range entries {
		if at := e.At.In(now.Location()); at.Format(time.DateOnly) != now.Format(time.DateOnly) {
			continue
		}
		i := column(e.At)
		imports[i]++
		switch {
		case imports[i] > 1:
			columns[i] = fmt.Sprint(min(imports[i], 9))
		case e.State == "used":
			columns[i] = "■"
		default:
			columns[i] = "▣"
		}
	}
	at := column(now)
	return strings.Join(columns[:at], "") + "│" + strings.Join(columns[at:], "")
}
