package actito_test

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// ward is a fake with the store's tables, whichever host is asked, and clients that Doctor looks at.
type ward struct {
	*actitotest.Server
	change func(*http.Request) *http.Response // answers in place of the fake, unless it is nil or gives nil
}

func newWard(t testing.TB, opts ...actitotest.Option) *ward {
	t.Helper()
	w := &ward{Server: newStore(t, append([]actitotest.Option{actitotest.InMemory(), actitotest.WithAPIKeys("THEKEY")}, opts...)...)}
	w.Assume(actitotest.ExecutionListExists, actitotest.NamesInExecutions)
	return w
}

// RoundTrip implements [http.RoundTripper].
func (w *ward) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.change != nil {
		if answer := w.change(r); answer != nil {
			return answer, nil
		}
	}
	return w.Transport().RoundTrip(r)
}

// client is one of env0, whose tokens and calls the fake answers.
func (w *ward) client(t testing.TB, key, entity string, opts ...actito.Option) *actito.Client {
	t.Helper()
	client, err := actito.New(key, entity, append([]actito.Option{actito.WithEnvironment(actito.Env0),
		actito.WithHTTPClient(&http.Client{Transport: w}), actito.WithRetry(actito.RetryPolicy{Tries: 1})}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// examine calls Doctor, and sees that nothing was written.
func (w *ward) examine(t testing.TB, client *actito.Client, opts ...actito.DoctorOption) *actito.Diagnosis {
	t.Helper()
	before := len(w.Requests())
	d, err := client.Doctor(t.Context(), append([]actito.DoctorOption{actito.TempDir(t.TempDir())}, opts...)...)
	require.NoError(t, err)
	for _, r := range w.Requests()[before:] {
		assert.Equal(t, http.MethodGet, r.Method, "%s", r.Template)
		assert.Empty(t, r.Body)
	}
	return d
}

// finding is the first of a check.
func finding(t testing.TB, d *actito.Diagnosis, check string) actito.DoctorFinding {
	t.Helper()
	for _, f := range d.Findings {
		if f.Check == check {
			return f
		}
	}
	require.Fail(t, "no finding of "+check, "%s", d)
	return actito.DoctorFinding{}
}

// answered is an answer in place of the fake's.
func answered(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body: io.NopCloser(strings.NewReader(body))}
}

// shelf is a ledger that processes could share, and that can be out of reach.
type shelf struct {
	*actito.MemoryStore
	err    error
	writes atomic.Int32
}

func newShelf(err error) *shelf {
	return &shelf{MemoryStore: actito.NewMemoryStore(time.Now).(*actito.MemoryStore), err: err}
}

func (s *shelf) Usage(ctx context.Context, bucket string) (actito.Usage, error) {
	if s.err != nil {
		return actito.Usage{}, s.err
	}
	return s.MemoryStore.Usage(ctx, bucket)
}

func (s *shelf) Reserve(ctx context.Context, r actito.Reservation) error {
	s.writes.Add(1)
	return s.MemoryStore.Reserve(ctx, r)
}

func (s *shelf) Settle(ctx context.Context, id string, o actito.Outcome) error {
	s.writes.Add(1)
	return s.MemoryStore.Settle(ctx, id, o)
}

func (s *shelf) Close(ctx context.Context, bucket string, until time.Time) error {
	s.writes.Add(1)
	return s.MemoryStore.Close(ctx, bucket, until)
}

func TestDoctorFindsNothingWrongWithWhatFits(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	store := newShelf(nil)
	client := w.client(t, "THEKEY", "MyEntity", actito.WithQuota(actito.Quota{Store: store}))
	d := w.examine(t, client, profiles[shopper](t, client), records[purchase](t, client))
	for _, f := range d.Findings {
		assert.Equal(t, actito.DoctorOK, f.Level, "%s: %s", f.Check, f.Found)
	}
	assert.True(t, d.OK())
	assert.Len(t, w.Requests(), 1+2+2*2+6, "the calls that its documentation counts")
}

func TestTheProfileOfAnotherEntitysTableIsReadThere(t *testing.T) {
	t.Parallel()
	w := newWard(t, actitotest.WithEntities("MyEntity", "Abroad"))
	w.AddProfileTable("Abroad", actitotest.Table{Name: "Members", Attributes: []actitotest.Attribute{{Name: "memberID", Type: "STRING", Unique: true}}})
	type member struct {
		ID string `actito:"memberID,key"`
	}
	client := w.client(t, "THEKEY", "MyEntity")
	members, err := actito.Profiles[member](client.Entity("Abroad"), "Members")
	require.NoError(t, err)
	_, err = members.Upsert(t.Context(), member{"M1"})
	require.NoError(t, err)
	d := w.examine(t, client, members, actito.KnownProfile(actito.By("memberID", "M1")))
	require.Equal(t, actito.DoctorOK, finding(t, d, "profiles API").Level, "%s", d)
}

// ailment is one thing that is wrong, and what Doctor says of it.
type ailment struct {
	key, entity string // "THEKEY" and "MyEntity" if they are empty
	opts        []actito.Option
	server      []actitotest.Option
	upset       func(t *testing.T, w *ward)
	look        func(t *testing.T, c *actito.Client) []actito.DoctorOption
	check       string
	level       actito.DoctorLevel
	found       string
	advice      string
	skipped     []string // checks that cannot be made then
}

func (a ailment) isFound(t *testing.T) {
	w := newWard(t, a.server...)
	if a.upset != nil {
		a.upset(t, w)
	}
	client := w.client(t, cmp.Or(a.key, "THEKEY"), cmp.Or(a.entity, "MyEntity"), a.opts...)
	var look []actito.DoctorOption
	if a.look != nil {
		look = a.look(t, client)
	}
	d := w.examine(t, client, look...)
	f := finding(t, d, a.check)
	assert.Equal(t, a.level, f.Level, "%s", d)
	assert.Contains(t, f.Found, a.found)
	assert.Contains(t, f.Advice, a.advice)
	assert.Equal(t, a.advice == "", f.Advice == "", f.Advice)
	for _, check := range a.skipped {
		assert.Equal(t, actito.DoctorSkipped, finding(t, d, check).Level, check)
	}
	assert.NotContains(t, d.String(), cmp.Or(a.key, "THEKEY"))
	finding(t, d, "temporary files") // the last check is always made
}

func openCustomers(t *testing.T, c *actito.Client) []actito.DoctorOption {
	return []actito.DoctorOption{profiles[shopper](t, c)}
}

// without answers 404 for paths that have a part.
func without(part string) func(*testing.T, *ward) {
	return func(_ *testing.T, w *ward) {
		w.change = func(r *http.Request) *http.Response {
			if strings.Contains(r.URL.Path, part) {
				return answered(404, `{"status":404,"message":"there is nothing at this path"}`)
			}
			return nil
		}
	}
}

func TestDoctorFindsWhatIsWrongWithTheAccess(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]ailment{
		"a wrong key": {key: "ANOTHERKEY", check: "key", level: actito.DoctorProblem, found: "refuses the key", advice: "New or WithAPIKeyFunc",
			skipped: []string{"path form", "entity", "table Customers", "structure of Customers", "profiles API", "ledger", "budget of Customers"},
			look:    openCustomers},
		"a key that no environment takes": {key: "ANOTHERKEY", check: "environment", level: actito.DoctorProblem, found: "no other environment", advice: "new key"},
		"a key of another environment": {check: "environment", level: actito.DoctorProblem, found: "the key belongs to ENV-3, https://api3.actito.com, and the client is made for ENV-0",
			advice: "make it with WithEnvironment(actito.Env3)", skipped: []string{"path form", "entity"},
			upset: func(_ *testing.T, w *ward) {
				w.change = func(r *http.Request) *http.Response {
					if r.URL.Host != "api3.actito.com" {
						return answered(401, `{"status":401,"message":"no such key"}`)
					}
					return nil
				}
			}},
		"a host that does not answer": {check: "key", level: actito.DoctorProblem, found: "get token", advice: "see that this machine reaches https://api.actito.com", skipped: []string{"environment", "clock"},
			upset: func(_ *testing.T, w *ward) { w.Fail(actitotest.OpToken, actitotest.Refuse()) }},
		"a service that fails": {check: "path form", level: actito.DoctorProblem, found: "503", advice: "try again later", skipped: []string{"entity"},
			upset: func(_ *testing.T, w *ward) {
				w.Fail(actitotest.OpEntityList, actitotest.Status(503), actitotest.Status(503))
			}},
		"a revoked key while a token is held": {check: "path form", level: actito.DoctorProblem, found: "401", advice: "rights", skipped: []string{"entity"},
			upset: func(_ *testing.T, w *ward) {
				w.Fail(actitotest.OpEntityList, actitotest.Times(4, actitotest.Status(401)))
			}},
		"a clock that is far off": {check: "clock", level: actito.DoctorProblem, found: "behind the server's: imports are refused", advice: "NTP",
			upset: func(_ *testing.T, w *ward) { w.Clock().Advance(10*time.Minute + time.Second) }},
		"a clock that is off": {check: "clock", level: actito.DoctorWarning, found: "ahead of the server's: around midnight", advice: "NTP",
			upset: func(_ *testing.T, w *ward) { w.Clock().Advance(-3 * time.Minute) }},
		"an entity that is spelled otherwise": {entity: "myentitty", check: "entity", level: actito.DoctorProblem, found: `no entity "myentitty"; the nearest: "MyEntity", "YourEntity", "Shop"`,
			advice: "give New, or Client.Entity", server: []actitotest.Option{actitotest.WithEntities("Shop", "YourEntity", "MyEntity", "SomethingElse")},
			skipped: []string{"table Customers", "ETL 1", "profiles API"}, look: func(t *testing.T, c *actito.Client) []actito.DoctorOption {
				return append(openCustomers(t, c), actito.InspectETLs("1"))
			}},
		"a key without rights": {check: "entity", level: actito.DoctorProblem, found: "no entity at all", advice: "rights",
			upset: func(_ *testing.T, w *ward) { w.Fail(actitotest.OpEntityList, jsonAnswer(`{"entities":[]}`)) }},
		"only paths without category": {check: "path form", level: actito.DoctorProblem, found: "only paths without category (/v5/…) are served", advice: "use WithUnprefixedPaths",
			server: []actitotest.Option{actitotest.UnprefixedOnly()}, skipped: []string{"entity", "table Customers"}, look: openCustomers},
		"only paths without category, for profiles": {check: "profiles API", level: actito.DoctorProblem, found: "version 4 without category served; version 5 without category served", advice: "use WithUnprefixedPaths, without WithProfilesV5",
			server: []actitotest.Option{actitotest.UnprefixedOnly()}, look: openCustomers},
		"only paths with category": {check: "path form", level: actito.DoctorProblem, found: "only paths with their category", advice: "leave WithUnprefixedPaths out",
			server: []actitotest.Option{actitotest.PrefixedOnly()}, opts: []actito.Option{actito.WithUnprefixedPaths()}},
		"only paths with category, for profiles of version 5": {check: "profiles API", level: actito.DoctorProblem, found: "version 5 without category not served",
			advice: "use neither", server: []actitotest.Option{actitotest.PrefixedOnly()}, look: openCustomers,
			opts: []actito.Option{actito.WithUnprefixedPaths(), actito.WithProfilesV5()}},
		"only version 5": {check: "profiles API", level: actito.DoctorProblem, found: "version 4 with category, is not served", advice: "use WithProfilesV5, without WithUnprefixedPaths",
			upset: without("/profiles/v4/"), look: openCustomers, server: []actitotest.Option{actitotest.PrefixedOnly()}},
		"only version 5 without category": {check: "profiles API", level: actito.DoctorProblem, found: "version 4 without category not served; version 5 without category served", advice: "use WithUnprefixedPaths and WithProfilesV5",
			upset: without("v4/entity/MyEntity/table"), look: openCustomers, server: []actitotest.Option{actitotest.UnprefixedOnly()}},
		"only version 4": {check: "profiles API", level: actito.DoctorProblem, found: "version 5 with category, is not served", advice: "use neither",
			upset: without("v5/entities/MyEntity/profile-tables/Customers/profiles"), look: openCustomers, opts: []actito.Option{actito.WithProfilesV5()}},
		"answers that do not tell": {check: "profiles API", level: actito.DoctorWarning, found: "do not tell", advice: "KnownProfile",
			upset: func(_ *testing.T, w *ward) {
				w.change = func(r *http.Request) *http.Response {
					if strings.Contains(r.URL.Path, "/Customers/profile") {
						return answered(404, "")
					}
					return nil
				}
			}, look: openCustomers},
		"a known profile that is not there": {check: "profiles API", level: actito.DoctorProblem, found: "no read of the known profile", advice: "see that the profile exists",
			look: func(t *testing.T, c *actito.Client) []actito.DoctorOption {
				return append(openCustomers(t, c), actito.KnownProfile(actito.By("emailAddress", "ann@example.com")))
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.isFound(t)
		})
	}
}

func TestAKeyOfAnAddressOfOnesOwnIsSentNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	var elsewhere atomic.Int32
	w.change = func(r *http.Request) *http.Response {
		if r.URL.Host != "proxy.test" {
			elsewhere.Add(1)
		}
		return nil
	}
	client, err := actito.New("ANOTHERKEY", "MyEntity", actito.WithBaseURL("https://proxy.test"), actito.WithHTTPClient(&http.Client{Transport: w}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	f := finding(t, w.examine(t, client), "environment")
	assert.Equal(t, actito.DoctorSkipped, f.Level)
	assert.Zero(t, elsewhere.Load())
}
