package benchmarks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/actito-go/actito"
)

type customer struct {
	ID        string `actito:"customerID,key"`
	Email     string `actito:"emailAddress"`
	FirstName string `actito:"firstName"`
	LastName  string `actito:"lastName"`
	Points    int    `actito:"points"`
}

var ann = customer{"C1085", "ann@example.com", "Ann", "Peeters", 42}

// newServer answers like Actito, as cheaply as it can: what is measured is the client.
func newServer(b *testing.B) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/auth/token" {
			_, _ = io.WriteString(w, `{"accessToken":"token","tokenType":"bearer","expiresIn":"900s"}`)
			return
		}
		_, _ = io.WriteString(w, `{"profileId":7}`)
	}))
	b.Cleanup(server.Close)
	return server
}

func openCustomers(b *testing.B, limit actito.RateLimit) *actito.ProfileTable[customer] {
	client, err := actito.New("key", "MyEntity", actito.WithBaseURL(newServer(b).URL), actito.WithRateLimit(limit))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		b.Fatal(err)
	}
	return customers
}

// BenchmarkUpsert is one profile through the library, with its pace, retries, order and checks, next to the same call
// by hand.
func BenchmarkUpsert(b *testing.B) {
	b.Run("actito", func(b *testing.B) {
		customers := openCustomers(b, actito.RateLimit{CallsPerMinute: 100_000})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := customers.Upsert(b.Context(), ann); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nethttp", func(b *testing.B) {
		url := newServer(b).URL
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			if err := upsertByHand(b, client, url, "token", ann); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type attribute struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// upsertByHand is what a program without a library does.
func upsertByHand(b *testing.B, client *http.Client, base, token string, c customer) error {
	body, err := json.Marshal(map[string]any{"attributes": []attribute{
		{"customerID", c.ID}, {"emailAddress", c.Email}, {"firstName", c.FirstName}, {"lastName", c.LastName}, {"points", c.Points},
	}})
	if err != nil {
		return err
	}
	url := base + "/profiles/v4/entity/MyEntity/table/Customers/profile?allowUpdate=true"
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	var answer struct {
		ProfileID json.Number `json:"profileId"`
	}
	return json.NewDecoder(resp.Body).Decode(&answer)
}
