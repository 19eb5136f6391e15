package redisquota_test

import (
	"log"
	"log/slog"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/redisquota"
)

// Every replica is started alike. Four of them would make 24 calls a minute each while Redis cannot be reached.
func ExampleNewLimiter() {
	rdb := redis.NewClient(&redis.Options{Addr: "redis:6379", Password: os.Getenv("REDIS_PASSWORD")})
	defer rdb.Close()
	limiter, err := redisquota.NewLimiter(rdb, actito.RateLimit{},
		redisquota.Licence("acme"),
		redisquota.Alone(actito.RateLimit{CallsPerMinute: 24, Concurrent: 1, RealTimeCalls: 12}),
		redisquota.WithLogger(slog.Default()))
	if err != nil {
		log.Fatal(err)
	}
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithLimiter(limiter))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}
