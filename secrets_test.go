package actito_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// What a kind of the user's own says of a value is for the program alone.
func TestAValueThatATransformationRefusesIsShownNowhere(t *testing.T) {
	t.Parallel()
	const secret = "4111111111111111x"
	number := transform.Custom{Name: "ATOI", New: func(json.RawMessage) (func(string) (string, error), error) {
		return func(s string) (string, error) { _, err := strconv.Atoi(s); return s, err }, nil
	}}
	spec, err := transform.New(transform.WithKinds(number), on("ATOI", "firstName"))
	require.NoError(t, err)
	var logged bytes.Buffer
	b := newBulk(t, inMemory(t), actito.WithLogger(newLogger(&logged)))
	table, err := b.customers.Transformed(spec)
	require.NoError(t, err)
	_, refused := table.Upsert(t.Context(), customer{ID: "C1", FirstName: secret})
	require.ErrorIs(t, refused, strconv.ErrSyntax)
	in := table.InputFile("customers.csv", named, actito.Keep)
	csv := []byte("customerID,emailAddress,firstName\nC1,," + secret + "\nC2,,1\n")
	exec, err := b.client.ETLs.RunOnce(t.Context(), once(in), actito.DataBytes("customers.csv", csv, actito.SkipInvalid()))
	require.NoError(t, err)
	report, err := table.Check(t.Context(), actito.DataBytes("customers.csv", csv))
	require.NoError(t, err)
	log := newLogger(&logged)
	for _, shown := range []any{refused, exec, exec.Refused[0], exec.Refused[0].Err, report, struct{ Err error }{refused}} {
		log.Error("shown", slog.Any("it", shown))
		fmt.Fprintf(&logged, "%v %+v %#v %s\n", shown, shown, shown, shown)
		require.NoError(t, json.NewEncoder(&logged).Encode(shown))
	}
	require.Contains(t, logged.String(), "ATOI")
	require.NotContains(t, logged.String(), secret)
}

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
