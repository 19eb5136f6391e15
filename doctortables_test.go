package actito_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func openAs[T any](table string) func(*testing.T, *actito.Client) []actito.DoctorOption {
	return func(t *testing.T, c *actito.Client) []actito.DoctorOption {
		opened, err := actito.Profiles[T](c, table)
		require.NoError(t, err)
		return []actito.DoctorOption{opened}
	}
}

func recordsAs[T any](table string) func(*testing.T, *actito.Client) []actito.DoctorOption {
	return func(t *testing.T, c *actito.Client) []actito.DoctorOption {
		opened, err := actito.Records[T](c, table)
		require.NoError(t, err)
		return []actito.DoctorOption{opened}
	}
}

func byName(tables ...string) func(*testing.T, *actito.Client) []actito.DoctorOption {
	return func(*testing.T, *actito.Client) []actito.DoctorOption {
		return []actito.DoctorOption{actito.InspectTables(tables...)}
	}
}

func TestDoctorFindsWhatIsWrongWithTables(t *testing.T) {
	t.Parallel()
	const customers, structure = "table Customers", "structure of Customers"
	for name, a := range map[string]ailment{
		"one that is not there": {look: openAs[shopper]("customer"), check: "table customer", level: actito.DoctorProblem,
			found: `entity "MyEntity" has no profile table of this name or id; the nearest: "Customers"`, advice: "one of these names",
			skipped: []string{"structure of customer", "budget of customer"}},
		"one of another type": {look: recordsAs[purchase]("Customers"), check: customers, level: actito.DoctorProblem,
			found: `no custom table of this name or id; the nearest: "Orders"`, advice: "one of these names"},
		"a name of no type": {look: byName("Ordres"), check: "table Ordres", level: actito.DoctorProblem,
			found: `no table of this name or id; the nearest: "Orders", "Customers"`, advice: "one of these names"},
		"a structure that cannot be read": {look: openCustomers, check: customers, level: actito.DoctorProblem, found: "403", advice: "rights",
			upset: func(_ *testing.T, w *ward) { w.Fail(actitotest.OpProfileTableGet, actitotest.Status(403)) }},
		"one of another client": {check: customers, level: actito.DoctorProblem, found: "another client", advice: "Doctor of its own client",
			look: func(t *testing.T, _ *actito.Client) []actito.DoctorOption {
				return openCustomers(t, newWard(t).client(t, "THEKEY", "MyEntity"))
			}},
		"nothing":                    {look: byName("16"), check: "table 16", found: `profile table "Customers", id 16, has 15 attributes`},
		"nothing, of a custom table": {look: byName("Orders"), check: "table Orders", found: `custom table "Orders", id a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8`},
		"no struct":                  {look: byName("Customers"), check: structure, level: actito.DoctorSkipped, found: "no struct was given"},
		"maps":                       {look: openAs[map[string]any]("Customers"), check: structure, level: actito.DoctorSkipped, found: "maps"},
		"an attribute that is not there": {check: structure, level: actito.DoctorProblem, found: `column "firstname": the table has no attribute of this name`, advice: `nearest attributes: "firstName"`,
			look: openAs[struct {
				ID   string `actito:"customerID,key"`
				Name string `actito:"firstname"`
			}]("Customers")},
		"an attribute that would be read": {check: structure, level: actito.DoctorWarning, found: `no attribute "brithDate", so that the field is never filled`, advice: `nearest attributes: "birthDate"`,
			look: openAs[struct {
				ID    string      `actito:"customerID,key"`
				Birth actito.Date `actito:"brithDate,readonly"`
			}]("Customers")},
		"a mandatory attribute without field": {check: structure, level: actito.DoctorProblem, found: `column "customerID": no column holds this attribute`, advice: "`actito:\"customerID\"`",
			look: openAs[struct {
				Email string `actito:"emailAddress,key"`
			}]("Customers")},
		"a mandatory attribute that is only read": {check: structure, level: actito.DoctorProblem, found: `column "customerID": no column holds this attribute`, advice: "customerID",
			look: openAs[struct {
				ID    string `actito:"customerID,readonly"`
				Email string `actito:"emailAddress,key"`
			}]("Customers")},
		"no field that is unique": {check: structure, level: actito.DoctorWarning, found: "no column holds a unique attribute", advice: `one of: "customerID", "emailAddress"`,
			look: openAs[struct {
				Name string `actito:"firstName"`
			}]("Customers")},
		"no key": {check: structure, level: actito.DoctorWarning, found: "no upsert is repeated", advice: "KeyedBy",
			look: openAs[struct {
				ID string `actito:"customerID"`
			}]("Customers")},
		"a key that is not unique": {check: structure, level: actito.DoctorProblem, found: `the key "gsmNumber" is not unique`, advice: `unique are: "customerID", "emailAddress"`,
			look: openAs[struct {
				ID    string `actito:"customerID"`
				Phone string `actito:"gsmNumber,key"`
			}]("Customers")},
		"a key that is only read": {check: structure, level: actito.DoctorProblem, found: "the key is readonly", advice: "unique are",
			look: openAs[struct {
				Profile string `actito:"profileId,key,readonly"`
				ID      string `actito:"customerID"`
			}]("Customers")},
		"a key of a custom table that is another": {check: "structure of Orders", level: actito.DoctorProblem, found: `the key is "customerID", and the table's is "orderId"`, advice: "that one",
			look: recordsAs[struct {
				ID       string `actito:"orderId"`
				Customer string `actito:"customerID,key"`
			}]("Orders")},
		"no key of a custom table": {check: "structure of Orders", level: actito.DoctorProblem, found: "no column holds the key orderId", advice: `one of: "orderId"`,
			look: recordsAs[struct {
				Customer string `actito:"customerID"`
			}]("Orders")},
		"one value for several": {check: structure, level: actito.DoctorProblem, found: `attribute "interests" holds several values`, advice: "a slice",
			look: openAs[struct {
				ID        string `actito:"customerID,key"`
				Interests string `actito:"interests"`
			}]("Customers")},
		"several values for one": {check: structure, level: actito.DoctorProblem, found: `attribute "firstName" holds one value`, advice: "a single value",
			look: openAs[struct {
				ID    string   `actito:"customerID,key"`
				Names []string `actito:"firstName"`
			}]("Customers")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.isFound(t)
		})
	}
}

// typed is a row with one attribute beside the key.
type typed[T any, U any] struct {
	ID string `actito:"customerID,key"`
	V  T      `actito:"points"`
	W  U      `actito:"birthDate"`
}

func TestDoctorComparesTypes(t *testing.T) {
	t.Parallel()
	type (
		date = actito.Opt[actito.Date]
		text = actito.Opt[string]
	)
	for name, tt := range map[string]struct {
		look  func(*testing.T, *actito.Client) []actito.DoctorOption
		found string // "" if it fits
		level actito.DoctorLevel
	}{
		"what fits":               {look: openAs[typed[int, date]]("Customers")},
		"behind a pointer":        {look: openAs[typed[*uint8, *actito.Date]]("Customers")},
		"texts":                   {look: openAs[typed[text, string]]("Customers")},
		"a fraction":              {openAs[typed[actito.Opt[float64], date]]("Customers"), `attribute "points" is INTEGER, and the field's values are float64`, actito.DoctorProblem},
		"a boolean for a number":  {openAs[typed[*bool, date]]("Customers"), `attribute "points" is INTEGER, and the field's values are bool`, actito.DoctorProblem},
		"an instant for a day":    {openAs[typed[int, actito.DateTime]]("Customers"), `attribute "birthDate" is BIRTHDATE, and the field's values are actito.DateTime`, actito.DoctorProblem},
		"a number for a day":      {openAs[typed[int, int]]("Customers"), `attribute "birthDate" is BIRTHDATE, and the field's values are int`, actito.DoctorProblem},
		"a day for a number":      {openAs[typed[date, date]]("Customers"), `attribute "points" is INTEGER, and the field's values are actito.Date`, actito.DoctorProblem},
		"numbers that may be any": {look: openAs[typed[int64, actito.Date]]("Customers")},
		"a number for a text": {openAs[struct {
			ID   string `actito:"customerID,key"`
			Name int    `actito:"firstName"`
		}]("Customers"), `attribute "firstName" is FIRSTNAME, and the field's values are int`, actito.DoctorWarning},
		"a day for an instant": {openAs[struct {
			ID   string      `actito:"customerID,key"`
			Seen actito.Date `actito:"lastSeen"`
		}]("Customers"), `attribute "lastSeen" is TIMESTAMP, and the field's values are actito.Date`, actito.DoctorProblem},
		"a number for a boolean": {openAs[struct {
			ID string `actito:"customerID,key"`
			In int    `actito:"optedIn"`
		}]("Customers"), `attribute "optedIn" is BOOLEAN, and the field's values are int`, actito.DoctorProblem},
		"a boolean for an amount, in a list of which there is none": {openAs[struct {
			ID    string             `actito:"customerID,key"`
			Spent actito.Opt[[]bool] `actito:"spent"`
		}]("Customers"), `attribute "spent" holds one value`, actito.DoctorProblem},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := ailment{look: tt.look, check: "structure of Customers", level: tt.level, found: tt.found}
			if a.advice = "use "; tt.found == "" {
				a.found, a.advice = "3 fields fit", ""
			}
			a.isFound(t)
		})
	}
}

func TestDoctorFindsWhatIsWrongWithTheLedger(t *testing.T) {
	t.Parallel()
	at := func(q actito.Quota) []actito.Option { return []actito.Option{actito.WithQuota(q)} }
	down := newShelf(errors.New("dial ann@example.com: connection refused"))
	full := newShelf(nil)
	for i := range 2 {
		r := actito.Reservation{ID: string(rune('a' + i)), Buckets: []actito.Bucket{{Name: "1/16", Limit: 2}}, At: time.Now(),
			Lease: time.Now().Add(time.Hour), From: time.Now().Add(-time.Hour), ResetAt: time.Now().Add(time.Hour)}
		require.NoError(t, full.MemoryStore.Reserve(t.Context(), r))
		require.NoError(t, full.Begin(t.Context(), r.ID))
	}
	closed := newShelf(nil)
	require.NoError(t, closed.MemoryStore.Close(t.Context(), "1/16", time.Now().Add(time.Hour)))
	for name, a := range map[string]ailment{
		"in memory": {check: "ledger", level: actito.DoctorWarning, found: "in this process's memory", advice: "filequota, sqlquota or redisquota"},
		"shared": {opts: at(actito.Quota{Store: newShelf(nil)}), check: "ledger",
			found: `the store *actito_test.shelf can be read, and shares its books under licence "1"`},
		"out of reach": {opts: at(actito.Quota{Store: down}), look: openCustomers, check: "ledger", level: actito.DoctorProblem,
			found: "cannot be read: dial [e-mail]: connection refused", advice: "until then no import is started", skipped: []string{"budget of Customers"}},
		"out of reach, which does not matter": {opts: at(actito.Quota{Store: down, FailOpen: true}), check: "ledger", level: actito.DoctorProblem,
			found: "cannot be read", advice: "uncounted, since Quota.FailOpen"},
		"not to be looked into": {opts: at(actito.Quota{Store: justStore{newShelf(nil)}}), check: "ledger", level: actito.DoctorWarning,
			found: "cannot be looked into", advice: "QuotaAuditor"},
		"a budget": {opts: at(actito.Quota{Store: newShelf(nil)}), look: openCustomers, check: "budget of Customers",
			found: "0 of 12 imports used, 0 held, 12 left, resets at "},
		"a budget that is used up": {opts: at(actito.Quota{Store: full, Limit: 2}), look: openCustomers, check: "budget of Customers", level: actito.DoctorProblem,
			found: "0 of 2 imports used, 2 held, 0 left", advice: "wait for the reset"},
		"a budget in doubt": {opts: at(actito.Quota{Store: full}), look: openCustomers, check: "budget of Customers", level: actito.DoctorWarning,
			found: "2 held, 10 left", advice: "Executions.Reconcile"},
		"a budget for urgent imports": {opts: at(actito.Quota{Store: full, Limit: 3, KeepFree: 1}), look: openCustomers, check: "budget of Customers", level: actito.DoctorWarning,
			found: "1 left (1 of them for urgent ones)", advice: "Urgent"},
		"a table that is closed": {opts: at(actito.Quota{Store: closed}), look: openCustomers, check: "budget of Customers", level: actito.DoctorProblem,
			found: "closed until", advice: "Quota.Reopen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.isFound(t)
		})
	}
	t.Cleanup(func() {
		assert.Zero(t, down.writes.Load()+full.writes.Load()+closed.writes.Load(), "the ledger was only asked")
	})
}

type justStore struct{ actito.QuotaStore }

func TestALicenceThatATokenDoesNotNameIsAProblemOfASharedLedger(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.change = func(r *http.Request) *http.Response {
		if r.URL.Path == "/auth/token" {
			return answered(200, `{"accessToken":"T"}`)
		}
		if strings.HasSuffix(r.URL.Path, "/entities") {
			return answered(200, `{"entities":[{"id":1,"name":"MyEntity"}]}`)
		}
		return nil
	}
	client := w.client(t, "THEKEY", "MyEntity", actito.WithQuota(actito.Quota{Store: newShelf(nil)}))
	f := finding(t, w.examine(t, client), "ledger")
	assert.Equal(t, actito.DoctorProblem, f.Level)
	assert.Contains(t, f.Found, "Quota.Licence")
}

func TestACheckThatHangsStopsNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWard(t)
		client := w.client(t, "THEKEY", "MyEntity", actito.WithQuota(actito.Quota{Store: standing{newShelf(nil)}}))
		w.Fail(actitotest.OpCustomTableList, actitotest.Hang())
		began := time.Now()
		d := w.examine(t, client, records[purchase](t, client), profiles[shopper](t, client))
		assert.Equal(t, time.Minute, time.Since(began), "of two checks that hang")
		for check, level := range map[string]actito.DoctorLevel{"table Orders": actito.DoctorProblem, "structure of Orders": actito.DoctorSkipped,
			"structure of Customers": actito.DoctorOK, "ledger": actito.DoctorProblem, "budget of Customers": actito.DoctorSkipped, "temporary files": actito.DoctorOK} {
			assert.Equal(t, level, finding(t, d, check).Level, "%s", d)
		}
		assert.Contains(t, finding(t, d, "ledger").Found, "no answer within 30s")
	})
}

// standing is a store that never answers.
type standing struct{ *shelf }

func (standing) Usage(ctx context.Context, _ string) (actito.Usage, error) {
	<-ctx.Done()
	return actito.Usage{}, ctx.Err()
}

func TestDoctorEndsWithItsContextAndTellsWhatItFound(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWard(t)
		client := w.client(t, "THEKEY", "MyEntity")
		w.Fail(actitotest.OpCustomTableList, actitotest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d, err := client.Doctor(ctx, records[purchase](t, client))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, actito.DoctorOK, finding(t, d, "entity").Level)
		assert.Equal(t, "entity", d.Findings[len(d.Findings)-1].Check)
	})
}

func TestDoctorOfNoClientIsAnError(t *testing.T) {
	t.Parallel()
	_, err := new(actito.Client).Doctor(t.Context(), nil)
	require.ErrorContains(t, err, "there is no client")
}
