// An app that hands its browsers over: it knows who they are, and Sluice holds their streams.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

var sessions sync.Map // a real app keeps them elsewhere, and asks for a password

func setting(name, usual string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return usual
}

// userOf is "" for those who did not log in.
func userOf(request *http.Request) string {
	cookie, err := request.Cookie("session")
	if err != nil {
		return ""
	}
	user, _ := sessions.Load(cookie.Value)
	name, _ := user.(string)
	return name
}

func login(response http.ResponseWriter, request *http.Request) {
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		http.Error(response, "no session", http.StatusInternalServerError)
		return
	}
	session := hex.EncodeToString(key)
	sessions.Store(session, request.URL.Query().Get("user"))
	http.SetCookie(response, &http.Cookie{
		Name: "session", Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	response.WriteHeader(http.StatusNoContent)
}

func events(response http.ResponseWriter, request *http.Request) {
	user := userOf(request)
	if user == "" {
		http.Error(response, "Log in first.", http.StatusUnauthorized)
		return
	}
	response.Header().Set("X-Accel-Redirect", "/internal/events/users/"+url.PathEscape(user))
}

func publish(user string, text io.Reader) error {
	target := setting("SLUICE_URL", "http://127.0.0.1:8080") + "/publish/" + url.PathEscape("user:"+user)
	request, err := http.NewRequest(http.MethodPost, target, text)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("SLUICE_PUBLISH_TOKEN"))
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("publish: %s", answer.Status)
	}
	return nil
}

func notify(response http.ResponseWriter, request *http.Request) {
	if userOf(request) == "" {
		http.Error(response, "Log in first.", http.StatusUnauthorized)
		return
	}
	if err := publish(request.URL.Query().Get("user"), request.Body); err != nil {
		log.Print(err)
		http.Error(response, "The message could not be published.", http.StatusBadGateway)
		return
	}
	response.WriteHeader(http.StatusNoContent)
}

func main() {
	http.HandleFunc("/login", login)
	http.HandleFunc("/events", events)
	http.HandleFunc("/notify", notify)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+setting("PORT", "3000"), nil))
}
