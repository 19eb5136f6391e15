package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/feed"
)

// Customer is a row of the profile table. Whoever says nothing about the newsletter keeps what they chose before.
type Customer struct {
	ID         string           `actito:"customerID,key" json:"id"`
	Email      string           `actito:"emailAddress" json:"email,omitzero"`
	FirstName  string           `actito:"firstName" json:"firstName,omitzero"`
	Newsletter actito.Opt[bool] `actito:"subscriptions#Newsletter" json:"newsletter,omitzero"`
}

// Event is a message of the stream: what is new of a customer, on the subject customers.ID.
type Event struct {
	Customer
	Erased bool `json:"erased,omitzero"` // and nothing may be kept
}

// partitions is how many messages are handed over at a time. Those of one customer are in one of them.
const partitions = 2

// streamConfig is a stream that keeps events by partitions: what is published to customers.C7 is customers.1.C7 in it.
func streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:     "CUSTOMERS",
		Subjects: []string{"customers.*"},
		SubjectTransform: &jetstream.SubjectTransformConfig{
			Source: "customers.*", Destination: fmt.Sprintf("customers.{{partition(%d,1)}}.{{wildcard(1)}}", partitions),
		},
	}
}

// consumerConfig is the consumer of a partition. One message is under way at a time: the next one comes when it is
// acknowledged, and one that is not comes again before the next, so that the order of the stream is kept.
func consumerConfig(partition int, ackWait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       fmt.Sprintf("actito-%d", partition),
		FilterSubject: fmt.Sprintf("customers.%d.*", partition),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxAckPending: 1,
	}
}

// positions says how far each partition of a stream was handed over. A stream that was deleted and made again is another
// one, since its numbers begin again.
const positions = `CREATE TABLE IF NOT EXISTS positions (
	stream text NOT NULL,
	partition integer NOT NULL,
	sequence integer NOT NULL,
	PRIMARY KEY (stream, partition)
)`

// result is what became of a message.
type result string

const (
	handedOver result = "handed over"
	skipped    result = "handed over before, and skipped"
	refused    result = "refused for good"
)

type consumer struct {
	db        *sql.DB
	stream    string
	customers *feed.Lane[Customer]
	handled   func(result)

	// How it dies in the demonstration: nil otherwise.
	beforeCommit, beforeAck func(jetstream.Msg) error
}

// consume hands the messages of a partition over until the context ends.
func (c *consumer) consume(ctx context.Context, partition int, from jetstream.Consumer) error {
	// A server that is busy was seen to overlook, now and then, that a message came again while a pull waited for one: the
	// next pull gets it, after 30 seconds by default.
	messages, err := from.Messages(jetstream.PullMaxMessages(1), jetstream.PullExpiry(5*time.Second))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) && ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			continue // the server is slow, or was away: the next pull asks again
		}
		if err != nil {
			return err
		}
		if err := c.handle(ctx, partition, m); err != nil && !errors.Is(err, errDied) {
			if err := m.NakWithDelay(time.Second); err != nil { // such as while the database is down
				return err
			}
		}
	}
}

// handle hands a message over in one transaction with its position, and acknowledges it after the commit. If the program
// dies in between, the message comes again, and the position tells that it is done.
func (c *consumer) handle(ctx context.Context, partition int, m jetstream.Msg) error {
	became, err := c.commit(ctx, partition, m)
	if errors.Is(err, errNoEvent) || errors.Is(err, actito.ErrInvalid) {
		// It will never be accepted, and others wait for it. The reason that the server keeps names no values.
		c.handled(refused)
		return m.TermWithReason("it cannot be handed over")
	}
	if err != nil {
		return err
	}
	if err := c.dies(c.beforeAck, m); err != nil {
		return err
	}
	c.handled(became)
	return m.Ack()
}

func (c *consumer) commit(ctx context.Context, partition int, m jetstream.Msg) (became result, err error) {
	meta, err := m.Metadata()
	if err != nil {
		return "", err
	}
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }() // unless it is committed
	moved, err := tx.ExecContext(ctx, `INSERT INTO positions (stream, partition, sequence) VALUES (?, ?, ?)
		ON CONFLICT (stream, partition) DO UPDATE SET sequence = excluded.sequence WHERE excluded.sequence > sequence`,
		c.stream, partition, meta.Sequence.Stream)
	if err != nil {
		return "", err
	}
	if n, err := moved.RowsAffected(); n == 0 || err != nil {
		return skipped, err
	}
	var e Event
	if json.Unmarshal(m.Data(), &e) != nil {
		return "", errNoEvent
	}
	if e.Erased {
		err = c.customers.Delete(ctx, tx, e.ID)
	} else {
		err = c.customers.Push(ctx, tx, e.Customer)
	}
	if err != nil {
		return "", err
	}
	if err := c.dies(c.beforeCommit, m); err != nil {
		return "", err
	}
	return handedOver, tx.Commit()
}

var (
	errNoEvent = errors.New("the message is no event in JSON")
	errDied    = errors.New("the consumer died")
)

func (c *consumer) dies(here func(jetstream.Msg) error, m jetstream.Msg) error {
	if here == nil {
		return nil
	}
	return here(m)
}
