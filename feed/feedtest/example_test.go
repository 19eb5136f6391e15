package feedtest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// What a transaction writes is seen once it is committed.
func ExampleMemory() {
	ctx, m := context.Background(), feedtest.NewMemory()
	tx := m.Begin()
	add := m.Append(feed.Event{Lane: "profiles:Shop/Customers", Key: "hhLGJ0KqQHmBVYIyrW0z4A", Payload: []byte("{}"), At: time.Now()})
	if _, err := tx.ExecContext(ctx, add.Query, add.Args...); err != nil {
		fmt.Println(err)
	}
	for range 2 {
		page, err := m.Page(ctx, feed.Page{Lanes: []string{"profiles:Shop/Customers"}, Limit: 10})
		fmt.Println(len(page), err)
		_ = tx.Commit()
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
}
