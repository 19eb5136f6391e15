package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/actito-go/actito"
)

// patience is what a call may wait here for its turn.
func patience(random *rand.Rand) actito.CallOption {
	switch random.IntN(4) {
	case 0:
		return actito.Background()
	case 1:
		return actito.MaxWait(20 * time.Second)
	}
	return actito.MaxWait(2 * time.Minute)
}

// profiles writes and reads profiles of its own.
func (s *soak) profiles(n int, random *rand.Rand) {
	own := s.newKeys(true, 3, fmt.Sprint("C", n))
	for version := int64(1); s.again(random); version++ {
		s.profile(own[random.IntN(len(own))], version, random)
	}
}

func (s *soak) profile(k *key, version int64, random *rand.Rand) {
	ctx, cancel := s.deadline(random)
	defer cancel()
	by, how := actito.By("customerID", k.id), patience(random)
	row := customer{ID: k.id, Version: actito.Set(version)}
	if random.IntN(2) == 0 {
		row.Name = fmt.Sprint("Ann ", version)
	}
	changed := change(row.Name, version)
	switch random.IntN(10) {
	case 0, 1, 2:
		_, err := s.customers.Upsert(ctx, row, how)
		k.write(s, "profile upsert", err, false, changed)
	case 3:
		err := s.customers.Update(ctx, by, row, how)
		k.write(s, "profile update", err, true, changed)
	case 4:
		err := s.customers.Delete(ctx, by, how)
		k.write(s, "profile delete", err, false, func(state) state { return state{} })
	case 5:
		err := s.customers.Subscribe(ctx, by, "Newsletter", how)
		k.write(s, "subscribe", err, true, news("true"))
	case 6:
		err := s.customers.Unsubscribe(ctx, by, "Newsletter", how)
		// Where the answer of a first attempt was lost, that the repeat finds nothing is a success.
		k.write(s, "unsubscribe", err, false, func(st state) state {
			if !st.exists {
				return st
			}
			return news("false")(st)
		})
	default:
		got, err := s.customers.Get(ctx, by, how)
		s.count("profile get", result(err))
		switch {
		case err == nil:
			seen := state{exists: true, name: got.Name, version: text(got.Version), news: setting(got.News)}
			k.is(s, fmt.Sprintf("read %+v", seen), func(st state) bool {
				if st.news == "false" {
					st.news = "" // one who has left reads as one who never was there
				}
				return st == seen
			})
		case errors.Is(err, actito.ErrNotFound):
			k.is(s, "a read found nothing", func(st state) bool { return !st.exists })
		}
	}
}

func text(o actito.Opt[int64]) string {
	if v, ok := o.Get(); ok {
		return strconv.FormatInt(v, 10)
	}
	return ""
}

func setting(o actito.Opt[bool]) string {
	if v, ok := o.Get(); ok {
		return strconv.FormatBool(v)
	}
	return ""
}

// change sets what a row sends, and leaves the rest.
func change(name string, version int64) func(state) state {
	return func(st state) state {
		st.exists, st.version = true, strconv.FormatInt(version, 10)
		if name != "" {
			st.name = name
		}
		return st
	}
}

func news(value string) func(state) state {
	return func(st state) state {
		st.news = value
		return st
	}
}

// records writes and reads records of its own.
func (s *soak) records(n int, random *rand.Rand) {
	own := s.newKeys(false, 3, fmt.Sprint("O", n))
	for version := int64(1); s.again(random); version++ {
		s.record(own[random.IntN(len(own))], version, random)
	}
}

func (s *soak) record(k *key, version int64, random *rand.Rand) {
	ctx, cancel := s.deadline(random)
	defer cancel()
	how := patience(random)
	row := order{ID: k.id, Version: actito.Set(version)}
	if random.IntN(2) == 0 {
		row.Name = fmt.Sprint("paid ", version)
	}
	changed := change(row.Name, version)
	switch random.IntN(8) {
	case 0, 1, 2:
		_, err := s.orders.Upsert(ctx, row, how)
		k.write(s, "record upsert", err, false, changed)
	case 3:
		err := s.orders.Update(ctx, k.id, row, how)
		k.write(s, "record update", err, true, changed)
	case 4:
		err := s.orders.Delete(ctx, k.id, how)
		k.write(s, "record delete", err, false, func(state) state { return state{} })
	default:
		got, err := s.orders.Get(ctx, k.id, how)
		s.count("record get", result(err))
		switch {
		case err == nil:
			seen := state{exists: true, name: got.Name, version: text(got.Version)}
			k.is(s, fmt.Sprintf("read %+v", seen), func(st state) bool { return st == seen })
		case errors.Is(err, actito.ErrNotFound):
			k.is(s, "a read found nothing", func(st state) bool { return !st.exists })
		}
	}
}

// created is what became of creates without a key, by their pages.
type created struct {
	mu   sync.Mutex
	done map[string]bool // false: nobody knows
	not  map[string]bool
}

// creates makes records that have no key.
func (s *soak) creates(n int, random *rand.Rand) {
	for i := 0; s.again(random); i++ {
		page := fmt.Sprintf("page %d-%d", n, i)
		ctx, cancel := s.deadline(random)
		_, err := s.visits.Upsert(ctx, visit{Page: page}, patience(random))
		cancel()
		s.count("create without key", result(err))
		s.pages.mu.Lock()
		switch {
		case err == nil:
			s.pages.done[page] = true
		case errors.Is(err, actito.ErrOutcomeUnknown):
			s.pages.done[page] = false
			s.count("unknown outcomes", "create without key")
		default:
			s.pages.not[page] = true
		}
		s.pages.mu.Unlock()
	}
}

// reads lists records.
func (s *soak) reads(_ int, random *rand.Rand) {
	for s.again(random) {
		ctx, cancel := s.deadline(random)
		list, more, err := s.orders.List(ctx, actito.ListOptions{Number: 10}, patience(random))
		cancel()
		s.count("record list", result(err))
		assert.LessOrEqual(s, len(list), 10)
		assert.False(s, err != nil && (more || list != nil))
	}
}

// polls asks for what programs look at every so often.
func (s *soak) polls(_ int, random *rand.Rand) {
	for s.again(random) {
		ctx, cancel := s.deadline(random)
		switch random.IntN(3) {
		case 0:
			_, err := s.client.Executions.List(ctx, actito.ExecutionFilter{From: s.began})
			s.count("execution list", result(err))
		case 1:
			_, err := s.client.ETLs.List(ctx)
			s.count("ETL list", result(err))
		case 2:
			usage, err := s.client.Quota.Usage(ctx, itemTable(random.IntN(itemTables)))
			s.count("quota usage", result(err))
			if err == nil {
				assert.LessOrEqual(s, usage.Used+usage.Held, usage.Limit)
			}
		}
		cancel()
	}
}
