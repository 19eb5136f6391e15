package redisquota_test

import (
	"log"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/redisquota"
)

// Every program of the licence, on whatever machine, uses the same Redis.
func ExampleNew() {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	rdb := redis.NewClient(options)
	defer rdb.Close()
	ledger, err := redisquota.New(rdb)
	if err != nil {
		log.Fatal(err)
	}
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithQuota(actito.Quota{Store: ledger}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}
