package redisquota

import (
	"context"
	_ "embed"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/actito-go/actito"
)

// A limiter has one conversation with Redis at a time. Each message says all that is true of the limiter's calls, so
// that nothing depends on what Redis still knows, or on whether it heard the message before.

//go:embed pace.lua
var paceSource string

var pace = redis.NewScript(paceSource)

const (
	soon     = 25 * time.Millisecond  // when the first in the queue asks again for a slot
	later    = 100 * time.Millisecond // when the others do
	longest  = time.Second            // when anybody asks again, whatever was foreseen
	silence  = 5 * time.Second        // who waits and does not ask for that long is dead
	tryAgain = time.Second            // when Redis is asked again during an outage
)

// message is what pace.lua is told. Durations are in milliseconds.
type message struct {
	Me      string `json:"me"`
	Window  int64  `json:"window"`
	Lease   int64  `json:"lease"`
	Silence int64  `json:"silence"`
	Soon    int64  `json:"soon"`
	Later   int64  `json:"later"`

	Calls         int `json:"calls"`
	RealTimeCalls int `json:"realTimeCalls"`
	Concurrent    int `json:"concurrent"`
	RealTimeSlots int `json:"realTimeSlots"`
	Transfers     int `json:"transfers"` // a transfer starts while fewer than this are in flight

	Unused  []string  `json:"unused,omitempty"`
	Started []started `json:"started,omitempty"`
	Held    []string  `json:"held,omitempty"`
	Asks    []ask     `json:"asks,omitempty"`
}

type started struct {
	ID  string `json:"id"`
	Age int64  `json:"age"`
}

type ask struct {
	ID       string       `json:"id"`
	Class    actito.Class `json:"class"`
	Patience int64        `json:"patience"` // it gives up rather than wait longer; negative: it does not wait
}

// answer is what pace.lua says.
type answer struct {
	Starts  map[string]bool  `json:"starts"`
	TooLate map[string]int64 `json:"tooLate"` // how long they would have to wait
	Pause   int64            `json:"pause"`
}

// outage is a time in which Redis does not answer.
type outage struct {
	tried   time.Time                     // when it last was found not to
	waiting map[string]context.CancelFunc // by id of those who wait alone: sends them back to Redis
}

// say sees to it that Redis hears what has just become true, and returns what is closed once it did, or once that
// failed. During an outage Redis is tried only now and then.
func (l *Limiter) say() (heard <-chan struct{}) {
	if l.news == nil {
		l.news = make(chan struct{})
	}
	switch {
	case l.talking:
	case l.outage == nil || time.Since(l.outage.tried) >= tryAgain:
		l.talking = true
		go l.talk()
	default:
		l.plan()
	}
	return l.news
}

// talk tells Redis until there is no more news.
func (l *Limiter) talk() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.news != nil {
		heard, asked := l.news, time.Now()
		l.news = nil
		m := l.message()
		a, err := l.ask(m)
		if err != nil {
			l.lose(err)
		} else {
			l.hear(m, a, asked)
		}
		close(heard)
		if l.outage != nil {
			break
		}
	}
	l.talking = false
	l.plan()
}

// plan sets the timer for when Redis is to be told even without news.
func (l *Limiter) plan() {
	var in time.Duration
	switch {
	case l.outage != nil && len(l.outage.waiting)+len(l.held)+len(l.late) > 0:
		in = time.Until(l.outage.tried.Add(tryAgain))
	case l.outage == nil && len(l.waiting) > 0:
		in = l.pause
	case l.outage == nil && len(l.held) > 0:
		in = l.lease / 3
	default:
		if l.timer != nil {
			l.timer.Stop()
		}
		return
	}
	if l.timer != nil {
		l.timer.Reset(in)
		return
	}
	l.timer = time.AfterFunc(in, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.say()
	})
}

func (l *Limiter) message() message {
	m := message{
		Me:            l.me,
		Window:        (l.window + tolerance).Milliseconds(),
		Lease:         l.lease.Milliseconds(),
		Silence:       silence.Milliseconds(),
		Soon:          soon.Milliseconds(),
		Later:         later.Milliseconds(),
		Calls:         l.rate.CallsPerMinute,
		RealTimeCalls: l.rate.RealTimeCalls,
		Concurrent:    l.rate.Concurrent,
		RealTimeSlots: l.rate.RealTimeSlots,
		Transfers:     l.rate.Concurrent - min(2, l.rate.Concurrent-1),
		Unused:        l.unused,
	}
	for len(l.late) > 0 && time.Since(l.late[0].at) > l.window {
		l.late = l.late[1:]
	}
	for _, s := range l.late {
		m.Started = append(m.Started, started{s.id, time.Since(s.at).Milliseconds()})
	}
	for id := range l.held {
		m.Held = append(m.Held, id)
	}
	for id, c := range l.waiting {
		m.Asks = append(m.Asks, ask{id, c.Class, c.patience()})
	}
	return m
}

// ask asks Redis, with l.mu unlocked meanwhile. If that takes too long, those who wait do so no longer, whatever the
// client of Redis does.
func (l *Limiter) ask(m message) (a answer, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	answered := false
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !answered {
			l.lose(ctx.Err())
		}
	})
	defer stop()

	l.mu.Unlock()
	var text string
	told, err := json.Marshal(m)
	if err == nil {
		text, err = pace.Run(ctx, l.rdb, l.keys, told).Text()
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &a)
	}
	l.mu.Lock()
	answered = true
	return a, err
}

// hear does what Redis answered.
func (l *Limiter) hear(m message, a answer, asked time.Time) {
	l.unused = l.unused[len(m.Unused):]
	l.late = l.late[len(m.Started):]
	for id := range a.Starts {
		c := l.waiting[id]
		if c == nil { // it has left meanwhile
			l.unused = append(l.unused, id)
			l.say()
			continue
		}
		delete(l.waiting, id)
		l.held[id] = c
		c.turn <- turn{asked: asked}
	}
	for id, wait := range a.TooLate {
		if c := l.waiting[id]; c != nil {
			delete(l.waiting, id)
			c.turn <- turn{err: &actito.BusyError{Op: c.Op, Class: c.Class, Wait: time.Duration(wait) * time.Millisecond}}
		}
	}
	l.pause = min(time.Duration(a.Pause)*time.Millisecond, longest)
	if out := l.outage; out != nil {
		l.outage = nil
		for _, back := range out.waiting {
			back()
		}
		l.logger.Info("redisquota: Redis answers again: calls are paced together with all others of the licence", slog.String("licence", l.licence))
	}
}

// lose begins an outage, or goes on with it.
func (l *Limiter) lose(err error) {
	if l.outage == nil {
		l.outage = &outage{waiting: map[string]context.CancelFunc{}}
		l.logger.Warn("redisquota: Redis cannot be reached: this process paces its calls alone until it answers again",
			slog.String("licence", l.licence), slog.Any("error", err))
	}
	l.outage.tried = time.Now()
	for id, c := range l.waiting {
		delete(l.waiting, id)
		c.turn <- turn{err: errAgain}
	}
}
