package feed_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// A handler hands a row over with its own transaction, and a process that drains delivers it. In production the store is
// that of [feed.SQL], and Run takes the place of Drain.
func Example() {
	ctx := context.Background()
	server := actitotest.NewServer(actitotest.InMemory())
	defer server.Close()
	server.AddProfileTable("MyEntity", actitotest.Table{
		Name:       "Customers",
		Attributes: []actitotest.Attribute{{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true}},
	})
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	type customer struct {
		ID string `actito:"customerID,key"`
	}
	table, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		fmt.Println(err)
		return
	}

	outbox := feedtest.NewMemory()
	f, err := feed.Open(client, outbox)
	if err != nil {
		fmt.Println(err)
		return
	}
	customers := feed.Profiles(f, table, feed.SpillToBulk(30*time.Minute))
	for _, commits := range []bool{true, false} {
		tx := outbox.Begin()
		if err := customers.Push(ctx, tx, customer{ID: fmt.Sprint("commits: ", commits)}, feed.MustTrigger()); err != nil {
			fmt.Println(err)
			return
		}
		if commits {
			err = tx.Commit()
		} else {
			err = tx.Rollback()
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := f.Drain(ctx); err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range server.Profiles("Customers") {
		fmt.Println(p.Attributes["customerID"])
	}
	// Output: commits: true
}
