package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
)

type demonstration struct {
	js       jetstream.JetStream
	stream   jetstream.Stream
	consumer *consumer
	feed     *feed.Feed
	fake     *actitotest.Server
	out      io.Writer
}

// events are ten sign-ups, a change of each, an opt-out and an erasure.
func events() (all []Event) {
	names := []string{"Ann", "Bob", "Cid", "Dan", "Eva", "Fay", "Gus", "Hal", "Ida", "Jan"}
	for i, name := range names {
		all = append(all, Event{Customer: Customer{
			ID: fmt.Sprintf("C%d", i+1), Email: strings.ToLower(name) + "@example.com", FirstName: name, Newsletter: actito.Set(true),
		}})
	}
	for i, name := range names {
		all = append(all, Event{Customer: Customer{ID: fmt.Sprintf("C%d", i+1), FirstName: name + "a"}})
	}
	return append(all,
		Event{Customer: Customer{ID: "C1", Newsletter: actito.Set(false)}},
		Event{Customer: Customer{ID: "C2"}, Erased: true},
	)
}

// publish sends events, and what is none. The first one is sent twice, as by a publisher who got no answer: the stream
// keeps one by its ID.
func (d demonstration) publish(ctx context.Context, all []Event) error {
	for i, e := range append(all[:1:1], all...) {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := d.js.Publish(ctx, "customers."+e.ID, data, jetstream.WithMsgID(fmt.Sprintf("shop-%d", max(i, 1)))); err != nil {
			return err
		}
	}
	_, err := d.js.Publish(ctx, "customers.C3", []byte("C3 has moved"), jetstream.WithMsgID("crm-1"))
	return err
}

func demonstrate(ctx context.Context, d demonstration) error {
	all := events()
	if err := d.publish(ctx, all); err != nil {
		return err
	}
	kept, err := d.stream.Info(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%d messages were published, one of them twice: the stream has %d.\n", len(all)+2, kept.State.Msgs)

	results := make(chan result, kept.State.Msgs)
	d.consumer.handled = func(r result) { results <- r }
	d.consumer.beforeCommit = dieOver(kept.State.FirstSeq + 2)
	d.consumer.beforeAck = dieOver(kept.State.FirstSeq + 3)
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- work(working, d.stream, d.consumer, d.feed, time.Second) }() // 30 s is usual: somebody looks on
	became := map[result]int{}
	for range kept.State.Msgs {
		select {
		case r := <-results:
			became[r]++
		case err := <-ended:
			return errors.Join(err, ctx.Err())
		}
	}
	for _, r := range []result{handedOver, skipped, refused} {
		fmt.Fprintf(d.out, "   %2d %s\n", became[r], r)
	}
	err = d.delivered(ctx)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	d.compare(all)
	return nil
}

// dieOver dies at the first delivery of the message with a number: it is neither acknowledged nor given back.
func dieOver(sequence uint64) func(jetstream.Msg) error {
	return func(m jetstream.Msg) error {
		meta, err := m.Metadata()
		if err == nil && meta.Sequence.Stream == sequence && meta.NumDelivered == 1 {
			err = errDied
		}
		return err
	}
}

// delivered waits until the outbox is empty.
func (d demonstration) delivered(ctx context.Context) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		stats, err := d.feed.Stats(ctx)
		if err != nil {
			return err
		}
		if l := stats.Lanes[0]; l.Dead > 0 {
			return fmt.Errorf("lane %s: %d rows are parked", l.Lane, l.Dead)
		} else if l.Pending == 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// compare shows what the fake has against what the events say, one after the other.
func (d demonstration) compare(all []Event) {
	want := map[string]string{}
	emails, consents := map[string]string{}, map[string]bool{}
	for _, e := range all {
		if e.Erased {
			delete(want, e.ID)
			continue
		}
		if e.Email != "" {
			emails[e.ID] = e.Email
		}
		if yes, ok := e.Newsletter.Get(); ok {
			consents[e.ID] = yes
		}
		if e.FirstName != "" {
			want[e.ID] = e.FirstName
		}
	}
	for id, name := range want {
		want[id] = fmt.Sprint(emails[id], " ", name, " ", consents[id])
	}
	have := map[string]string{}
	for _, p := range d.fake.Profiles(shop.Customers) {
		have[p.Attributes["customerID"]] = fmt.Sprint(p.Attributes["emailAddress"], " ", p.Attributes["firstName"], " ", p.Subscriptions["Newsletter"])
	}
	same := "as the messages say"
	if !maps.Equal(want, have) {
		same = "NOT as the messages say"
	}
	fmt.Fprintf(d.out, "Customers in Actito: %d, %s.\n", len(have), same)
}
