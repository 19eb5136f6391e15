package actito_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/actito-go/actito/actitotest"
)

// newLogger logs everything there is.
func newLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// keepsSecrets searches everything that a program might print for what must not be seen.
func (s *faultyShop) keepsSecrets(t testing.TB, err error) {
	t.Helper()
	newLogger(&s.log).Error("failed", slog.Any("err", err), slog.Any("client", s.client), slog.Any("table", s.customers))
	shown := map[string]string{"the log": s.log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		shown["the error by "+verb] = fmt.Sprintf(verb, err)
		shown["the client by "+verb] = fmt.Sprintf(verb, s.client) + fmt.Sprintf(verb, *s.client)
		shown["the table by "+verb] = fmt.Sprintf(verb, s.customers) + fmt.Sprintf(verb, *s.customers)
	}
	hidden := []string{secretKey, url.PathEscape(secretKey), url.QueryEscape(secretKey), secretEmail, secretAPI}
	for _, r := range s.Requests() {
		if r.Operation != actitotest.OpToken {
			hidden = append(hidden, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}
	}
	for where, text := range shown {
		for _, h := range hidden {
			assert.False(t, h != "" && strings.Contains(text, h), "%s shows %s: %s", where, h, text)
		}
	}
}
