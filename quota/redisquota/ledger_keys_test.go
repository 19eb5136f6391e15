package redisquota

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestKeysThatAreNotTheLedgersAreNotTouched(t *testing.T) {
	t.Parallel()
	const ledger = "{actito:4711}:ledger"
	for name, tt := range map[string]struct {
		do   func(p redis.Pipeliner)
		want []string
	}{
		"text at the ledger's": {func(p redis.Pipeliner) {
			p.Del(t.Context(), ledger, ledger+":lapses", ledger+":bookings")
			p.Set(t.Context(), ledger, "mine", 0)
		}, []string{"key " + ledger + " is a string"}},
		"text at another": {func(p redis.Pipeliner) {
			p.Set(t.Context(), ledger+":bookings", "mine", 0)
		}, []string{"key " + ledger + ":bookings is a string"}},
		"a hash of others": {func(p redis.Pipeliner) {
			p.HDel(t.Context(), ledger, "format")
		}, []string{"key " + ledger + " is no ledger", "restore", ledger + ":lapses"}},
		"the ledger is gone":    {func(p redis.Pipeliner) { p.Del(t.Context(), ledger) }, []string{"key " + ledger + " is gone", "restore"}},
		"the lapses are gone":   {func(p redis.Pipeliner) { p.Del(t.Context(), ledger+":lapses") }, []string{"key " + ledger + ":lapses is gone"}},
		"the bookings are gone": {func(p redis.Pipeliner) { p.Del(t.Context(), ledger+":bookings") }, []string{"key " + ledger + ":bookings is gone"}},
		"of a newer version": {func(p redis.Pipeliner) {
			p.HSet(t.Context(), ledger, "format", "2")
		}, []string{"key " + ledger, "a newer version of this package wrote it: its format is 2, and this version reads 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withEachRedis(t, func(t *testing.T, l *sharedLedger) {
				l.books(t)
				_, err := l.rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error { tt.do(p); return nil })
				require.NoError(t, err)
				before := dump(t, l.rdb)
				for _, call := range anyCalls(l.Store) {
					err := call.make(t.Context())
					for _, want := range tt.want {
						require.ErrorContains(t, err, want)
					}
					require.ErrorContains(t, err, "redisquota: "+call.op+`: licence "4711": `)
				}
				require.Equal(t, before, dump(t, l.rdb))
			})
		})
	}
}

func TestAUnitThatIsDamagedIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ unit, want string }{
		"no JSON":             {`{"id":`, `is damaged in its field "unit 4711/b"`},
		"a number":            {`1`, `is damaged in its field "unit 4711/b"`},
		"another":             {`{"id":"4711/a","state":"held","counts":1,"tables":["4711/16"]}`, `is damaged in its field "unit 4711/b"`},
		"in an unknown state": {`{"id":"4711/b","state":"lent","counts":1,"tables":["4711/16"]}`, `is damaged in its field "unit 4711/b"`},
		"without a time":      {`{"id":"4711/b","state":"held","tables":["4711/16"]}`, `is damaged in its field "unit 4711/b"`},
		"without tables":      {`{"id":"4711/b","state":"held","counts":1}`, `is damaged in its field "unit 4711/b"`},
		"gone":                {"", `has no unit "4711/b", which is booked`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withEachRedis(t, func(t *testing.T, l *sharedLedger) {
				l.books(t)
				const ledger = "{actito:4711}:ledger"
				require.NoError(t, l.rdb.HSet(t.Context(), ledger, "unit 4711/b", tt.unit).Err())
				if tt.unit == "" {
					require.NoError(t, l.rdb.HDel(t.Context(), ledger, "unit 4711/b").Err())
				}
				before := dump(t, l.rdb)
				err := l.Reserve(t.Context(), askFor("c"))
				require.ErrorContains(t, err, "key "+ledger+" "+tt.want+": restore the ledger")
				_, err = l.Usage(t.Context(), "4711/16")
				require.ErrorContains(t, err, tt.want)
				require.Equal(t, before, dump(t, l.rdb))
			})
		})
	}
}

// dump is all that Redis has, but for when it expires.
func dump(t *testing.T, rdb redis.UniversalClient) map[string]any {
	t.Helper()
	keys, err := rdb.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	all := make(map[string]any)
	for _, key := range keys {
		switch kind := rdb.Type(t.Context(), key).Val(); kind {
		case "hash":
			all[key] = rdb.HGetAll(t.Context(), key).Val()
		case "zset":
			all[key] = rdb.ZRangeWithScores(t.Context(), key, 0, -1).Val()
		default:
			all[key] = rdb.Get(t.Context(), key).Val()
		}
	}
	return all
}

func TestKeysOfALedgerExpireWhenTheyDoNotMatterAnyMore(t *testing.T) {
	t.Parallel()
	withEachRedis(t, func(t *testing.T, l *sharedLedger) {
		expire := func(want time.Duration) {
			t.Helper()
			keys, err := l.rdb.Keys(t.Context(), "*").Result()
			require.NoError(t, err)
			require.ElementsMatch(t, []string{"{actito:4711}:ledger", "{actito:4711}:ledger:lapses", "{actito:4711}:ledger:bookings"}, keys)
			for _, key := range keys {
				require.InDelta(t, want.Seconds(), l.rdb.TTL(t.Context(), key).Val().Seconds(), 60, key)
			}
		}
		const day = 24 * time.Hour
		l.books(t)
		expire(8 * day)
		require.NoError(t, l.Close(t.Context(), "4711/16", time.Now().Add(30*day)))
		expire(31 * day)
		require.NoError(t, l.Begin(t.Context(), "4711/b"))
		expire(31 * day)
	})
}

func TestTheLedgerStaysBounded(t *testing.T) {
	t.Parallel()
	withEachRedis(t, func(t *testing.T, l *sharedLedger) {
		now := time.Now()
		l.now = func() time.Time { return now }
		confirm(t, l, "4711")
		var sizes []int64
		for range 10 {
			for range 3 {
				now = now.Add(8 * time.Hour)
				r := askFor(now.String())
				r.At, r.Lease, r.Once = now, now.Add(time.Minute), "4711/"+now.String()
				require.NoError(t, l.Reserve(t.Context(), r))
				require.NoError(t, l.Settle(t.Context(), r.ID, actito.Used(now.String())))
			}
			size, err := l.rdb.HLen(t.Context(), "{actito:4711}:ledger").Result()
			require.NoError(t, err)
			sizes = append(sizes, size, l.rdb.ZCard(t.Context(), "{actito:4711}:ledger:lapses").Val(), l.rdb.ZCard(t.Context(), "{actito:4711}:ledger:bookings").Val())
		}
		assert.Equal(t, sizes[21:24], sizes[27:30], "after a week it is as large as it gets")
	})
}

func TestNamesOfACallAreOfOneLicence(t *testing.T) {
	t.Parallel()
	l := newLedger(t, &redis.Options{Addr: miniredis.RunT(t).Addr()})
	for name, tt := range map[string]struct {
		change func(r *actito.Reservation)
		want   string
	}{
		"a bucket of another":     {func(r *actito.Reservation) { r.Buckets[0].Name = "42/16" }, `the names "4711/a" and "42/16" are of two licences`},
		"a bucket without":        {func(r *actito.Reservation) { r.Buckets[0].Name = "16" }, `the names "4711/a" and "16" are of two licences`},
		"a key of another":        {func(r *actito.Reservation) { r.Once = "42/key" }, `the names "4711/a" and "42/key" are of two licences`},
		"no ID":                   {func(r *actito.Reservation) { r.ID = "" }, `the name "" is empty but for its licence`},
		"a bucket without a name": {func(r *actito.Reservation) { r.Buckets[0].Name = "4711/" }, `the name "4711/" is empty but for its licence`},
		"a zero byte":             {func(r *actito.Reservation) { r.Buckets[0].Name = "4711/1\x006" }, `the name "4711/1\x006" is not UTF-8 without zero bytes`},
		"no UTF-8":                {func(r *actito.Reservation) { r.Once = "4711/\xff" }, `the name "4711/\xff" is not UTF-8 without zero bytes`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := askFor("a")
			tt.change(&r)
			require.ErrorContains(t, l.Reserve(t.Context(), r), tt.want)
			require.Empty(t, dump(t, l.rdb))
		})
	}
}
