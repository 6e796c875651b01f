// Publishes through Redis: publish_redis CHANNEL MESSAGE [EVENT [ID]]
// With EVENT the message is an envelope, as a topic with `format: envelope` takes it.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gomodule/redigo/redis"
)

type envelope struct {
	Data  string `json:"data"`
	Event string `json:"event"`
	ID    string `json:"id,omitempty"`
}

func publish(url, channel, message string) (int, error) {
	connection, err := redis.DialURL(url,
		redis.DialConnectTimeout(10*time.Second), redis.DialReadTimeout(10*time.Second))
	if err != nil {
		return 0, err
	}
	defer connection.Close()
	return redis.Int(connection.Do("PUBLISH", channel, message))
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("publish_redis: ")
	arguments := append(os.Args[1:], "", "")
	if len(os.Args) < 3 || len(os.Args) > 5 {
		log.Fatal("usage: publish_redis CHANNEL MESSAGE [EVENT [ID]]")
	}
	channel, message := arguments[0], arguments[1]
	if event := arguments[2]; event != "" {
		text, err := json.Marshal(envelope{message, event, arguments[3]})
		if err != nil {
			log.Fatal(err)
		}
		message = string(text)
	}
	url := os.Getenv("REDIS_URL")
	if url == "" {
		url = "redis://127.0.0.1:6379"
	}
	gateways, err := publish(url, channel, message)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("received by %d gateways\n", gateways)
}
