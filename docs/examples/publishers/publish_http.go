// Publishes over HTTP: publish_http TOPIC MESSAGE [EVENT [ID]]
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// publish returns the event's id.
func publish(base, token, topic, message, event, id string) (string, error) {
	query := url.Values{"event": {event}, "id": {id}}
	target := base + "/publish/" + url.PathEscape(topic) + "?" + query.Encode()
	request, err := http.NewRequest(http.MethodPost, target, strings.NewReader(message))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("%s %s", response.Status, body)
	}
	var accepted struct{ ID string }
	err = json.Unmarshal(body, &accepted)
	return accepted.ID, err
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("publish_http: ")
	arguments := append(os.Args[1:], "", "")
	if len(os.Args) < 3 || len(os.Args) > 5 {
		log.Fatal("usage: publish_http TOPIC MESSAGE [EVENT [ID]]")
	}
	base := os.Getenv("SLUICE_URL")
	if base == "" {
		base = "http://127.0.0.1:8080"
	}
	id, err := publish(base, os.Getenv("SLUICE_TOKEN"), arguments[0], arguments[1], arguments[2], arguments[3])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("published as", id)
}
