package actitotest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const tokenLife = 15 * time.Minute

type token struct {
	key     string
	expires time.Time
}

// RevokeKey withdraws an API key and the tokens that were fetched with it.
func (s *Server) RevokeKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = slices.DeleteFunc(s.keys, func(k string) bool { return k == key })
	for value, t := range s.tokens {
		if t.key == key { // assumed: the reference does not say what becomes of them
			delete(s.tokens, value)
		}
	}
}

// RevokeTokens withdraws every token; new ones can be fetched.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// getToken exchanges an API key, sent without a scheme word, for a token.
func (s *Server) getToken(c *call) (answer, *problem) {
	key := c.Header.Get("Authorization")
	if !slices.Contains(s.keys, key) || s.storm.noKey(s.clock.Now()) {
		return answer{}, refuse(http.StatusUnauthorized, "the API key is not valid")
	}
	now, id := s.clock.Now(), rand.Text()
	claims := map[string]any{
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "jti": id, "licenceId": "1",
	}
	value := segment(map[string]any{"alg": "none", "typ": "JWT"}) + "." + segment(claims) + "." + rand.Text()
	s.tokens[value] = token{key: key, expires: now.Add(tokenLife)}
	return reply(http.StatusOK, map[string]any{
		"accessToken": value, "tokenType": "bearer", "expiresIn": "900s", "scope": "read write", "jti": id,
	}), nil
}

func segment(claims map[string]any) string {
	text, _ := json.Marshal(claims) // strings and numbers always marshal
	return base64.RawURLEncoding.EncodeToString(text)
}

// authorize checks the bearer token of a call.
func (s *Server) authorize(c *call) *problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[bearer(c.Request)]
	if !ok || !s.clock.Now().Before(t.expires) {
		return refuse(http.StatusUnauthorized, "the access token is missing, unknown or expired")
	}
	return nil
}

func bearer(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return value
}
