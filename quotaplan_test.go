package actito_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestPlans(t *testing.T) {
	t.Parallel()
	const open, closing, every = 9 * time.Hour, 18 * time.Hour, 30 * time.Minute
	for name, tt := range map[string]struct {
		quota actito.Quota
		at    time.Duration // since midnight in Brussels
		used  int
		want  string
	}{
		"spread what is left over the hours":     {actito.Quota{Limit: 4}, 8 * time.Hour, 0, "imports planned at 10:00, 12:30, 15:00, 17:00"},
		"leave free what is kept":                {actito.Quota{Limit: 4, KeepFree: 2}, 8 * time.Hour, 0, "imports planned at 11:00, 16:00"},
		"begin with the slot that runs":          {actito.Quota{Limit: 24}, 17*time.Hour + time.Minute, 0, "imports planned at 17:00, 17:30, 18:00"},
		"spread the rest over the rest":          {actito.Quota{Limit: 4}, 14 * time.Hour, 2, "imports planned at 15:30, 17:30"},
		"are empty when nothing is left":         {actito.Quota{Limit: 2}, 10 * time.Hour, 2, "no import is planned today any more"},
		"are empty when the hours are over":      {actito.Quota{}, 18*time.Hour + 30*time.Minute, 0, "no import is planned today any more"},
		"know the hours of the zone":             {actito.Quota{Limit: 1, Window: actito.CalendarDay("Asia/Tokyo")}, 8 * time.Hour, 0, "imports planned at 16:00"},
		"of a rolling window are in the service": {actito.Quota{Limit: 1, Window: actito.Rolling24h}, 8 * time.Hour, 0, "imports planned at 13:30"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t), actito.WithQuota(tt.quota))
				time.Sleep(tt.at - time.Hour) // the bubble begins at one
				for range tt.used {
					_, err := b.oneCustomer(t.Context())
					require.NoError(t, err)
				}
				plan, err := b.client.Quota.Plan(t.Context(), "Customers", open, closing, every)
				require.NoError(t, err)
				require.Equal(t, "table Customers: "+tt.want, plan.String())
			})
		})
	}
}

func TestAJobThatAsksAnewEachTimeKeepsToThePlan(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 5, 12, 18, 19, 30} {
		t.Run(fmt.Sprint(limit, " imports"), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Limit: limit}))
				time.Sleep(8*time.Hour + time.Second) // 09:00:01
				var runs []int
				for slot := range 19 {
					plan, err := b.client.Quota.Plan(t.Context(), "Customers", 9*time.Hour, 18*time.Hour, 30*time.Minute)
					require.NoError(t, err)
					if plan.Due(time.Now()) {
						runs = append(runs, slot)
						require.NoError(t, b.client.Quota.Adjust(t.Context(), "Customers", 1)) // an import
					}
					time.Sleep(30 * time.Minute)
				}
				require.Len(t, runs, min(limit, 19), "every import is used")
				for i := range runs[1:] {
					gap := runs[i+1] - runs[i]
					require.InDelta(t, 19/float64(min(limit, 19)), gap, 1, "evenly: %v", runs)
				}
			})
		})
	}
}

func TestAPlanIsDueInItsSlots(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	plan := actito.Plan{At: []time.Time{at}, Every: time.Hour}
	for after, due := range map[time.Duration]bool{-1: false, 0: true, time.Hour - 1: true, time.Hour: false} {
		require.Equal(t, due, plan.Due(at.Add(after)), after)
	}
}

func TestPlansNeedHoursOfOneDay(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	for _, hours := range [][3]time.Duration{
		{18 * time.Hour, 9 * time.Hour, time.Hour}, {9 * time.Hour, 9 * time.Hour, time.Hour}, {-time.Hour, 9 * time.Hour, time.Hour},
		{9 * time.Hour, 25 * time.Hour, time.Hour}, {9 * time.Hour, 18 * time.Hour, 0}, {9 * time.Hour, 18 * time.Hour, -time.Hour},
	} {
		_, err := b.client.Quota.Plan(t.Context(), "Customers", hours[0], hours[1], hours[2])
		require.ErrorIs(t, err, actito.ErrInvalid, "%v", hours)
	}
}
