package main

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"time"

	"github.com/actito-go/actito"
)

// receiver is where webhooks arrive.
type receiver struct {
	handler *actito.WebhookHandler
	url     string // the handler's
	ended   chan actito.ETLEvent
}

func newReceiver(client *actito.Client) (*receiver, error) {
	r := &receiver{ended: make(chan actito.ETLEvent, 1)}
	handler, err := client.Webhooks.Handler(actito.WebhookConfig{
		Secrets: []string{rand.Text()}, // with an account: one from the environment, which the subscription keeps
		OnETL: func(_ context.Context, e actito.ETLEvent) error {
			select {
			case r.ended <- e:
			default: // nobody reads
			}
			return nil
		},
	})
	r.handler = handler
	return r, err
}

// listen serves webhooks on a port of this machine until stop is called. Actito reaches a public address only, behind
// TLS; a program that serves HTTP already mounts the handler there.
func (r *receiver) listen(ctx context.Context) (stop func() error, err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/actito", r.handler)
	r.url = "http://" + listener.Addr().String() + "/webhooks/actito"
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return server.Close, nil
}

// subscribe asks for a webhook at the end of each execution of an ETL. The handler puts its secret into the subscription.
func (r *receiver) subscribe(ctx context.Context, client *actito.Client, etl string) error {
	sub := r.handler.Subscription(r.url)
	sub.On, sub.Of, sub.Event = actito.SourceETL, etl, actito.EventFinished
	_, err := client.Webhooks.Subscribe(ctx, sub)
	return err
}
