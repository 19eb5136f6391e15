package main

import (
	"context"
	"errors"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

// busyDay fills the day up to now: executions of schedules and of other teams, and imports of this program, of which
// one loses its answer on the way.
func busyDay(ctx context.Context, client *actito.Client, fake *actitotest.Server) error {
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		return err
	}
	now := time.Now().In(zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	for _, other := range []struct {
		at     time.Duration
		tables []string
	}{
		{2 * time.Hour, []string{shop.Customers, shop.Orders}}, // a nightly schedule
		{6*time.Hour + 30*time.Minute, []string{shop.Orders}},
		{7*time.Hour + 15*time.Minute, []string{shop.Orders}},
	} {
		if at := midnight.Add(other.at); at.Before(now) {
			fake.Clock().Set(at)
			fake.AddExecution(shop.Entity, other.tables...)
		}
	}
	fake.Clock().Set(now)

	customers, err := actito.Profiles[map[string]any](client, shop.Customers)
	if err != nil {
		return err
	}
	if customers, err = customers.KeyedBy("customerID"); err != nil {
		return err
	}
	definition := actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv", actito.Columns("customerID", "firstName"))}}
	data := actito.DataBytes("customers.csv", []byte("customerID,firstName\nC1,Ann\n"))
	for range 2 {
		if _, err := client.ETLs.RunOnce(ctx, definition, data, actito.Keep); err != nil {
			return err
		}
	}
	fake.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	if _, err := client.ETLs.RunOnce(ctx, definition, data, actito.Keep); !errors.Is(err, actito.ErrOutcomeUnknown) {
		return errors.Join(errors.New("the fake did not lose its answer"), err)
	}
	return nil
}
