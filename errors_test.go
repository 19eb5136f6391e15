package actito

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatusesMatchTheirSentinels(t *testing.T) {
	t.Parallel()
	sentinels := []error{ErrUnauthorized, ErrForbidden, ErrNotFound, ErrConflict, ErrInvalid, ErrTooManyRequests, ErrBusy, ErrOutcomeUnknown}
	for status, want := range map[int]error{
		0: nil, 200: nil, 302: nil, 400: ErrInvalid, 401: ErrUnauthorized, 403: ErrForbidden, 404: ErrNotFound, 405: nil, 406: nil,
		409: ErrConflict, 422: ErrInvalid, 429: ErrTooManyRequests, 500: nil, 503: nil,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			err := fmt.Errorf("wrapped: %w", &OutcomeUnknownError{Err: &APIError{Status: status}})
			for _, s := range sentinels[:len(sentinels)-1] {
				assert.Equal(t, want != nil && errors.Is(want, s), errors.Is(err, s), s)
			}
			assert.ErrorIs(t, err, ErrOutcomeUnknown)
		})
	}
}

func TestWhatIsWorthKeepingInAQueue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"success is not":                     {nil, false},
		"no answer is":                       {&APIError{}, true},
		"a refused key is":                   {&APIError{Status: 401}, true},
		"a refused right is not":             {&APIError{Status: 403}, false},
		"a missing row is not":               {&APIError{Status: 404}, false},
		"invalid data is not":                {&APIError{Status: 400}, false},
		"429 is":                             {&APIError{Status: 429}, true},
		"500 is":                             {&APIError{Status: 500}, true},
		"504 is":                             {&APIError{Status: 504}, true},
		"an answer nobody understands isn't": {&APIError{Status: 200}, false},
		"no token is, whatever the reason":   {&APIError{Op: opToken, Status: 200}, true},
		"a busy licence is":                  {&BusyError{}, true},
		"a used up budget is":                {&QuotaError{}, true},
		"a lost reservation is":              {fmt.Errorf("x: %w", ErrReservationLost), true},
		"an unknown outcome is not":          {&OutcomeUnknownError{Err: &APIError{Status: 503}}, false},
		"invalid input is not":               {&ValidationError{}, false},
		"anything else is not":               {errors.New("x"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, Retryable(tt.err))
		})
	}
}

func TestAnAPIErrorSaysWhatItMayAndNoMore(t *testing.T) {
	t.Parallel()
	e := &APIError{
		Op: "get profile", Method: "GET", PathTemplate: "/profiles/v4/{key}", Status: 404, RequestID: "r1", Attempts: 2, RetryAfter: time.Minute,
		Message: "no C1, ann@example.com, " + strings.Repeat("é", 400), Body: []byte("the body"), Err: errors.New("dial C1"), private: []string{"C1"},
	}
	text := e.Error()
	for _, part := range []string{
		"actito: get profile: GET /profiles/v4/{key}: 404 Not Found: no [value], [e-mail], é", "é…: dial [value]",
		" (the server asks to wait 1m0s) (after 2 attempts); if the table and key exist", "WithProfilesV5 and WithUnprefixedPaths",
	} {
		require.Contains(t, text, part)
	}
	assert.Less(t, len(text), 700)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Error("x", slog.Any("err", e))
	assert.Contains(t, log.String(), `"request_id":"r1"`)
	for _, shown := range []string{text, fmt.Sprintf("%v %+v %#v %s %q %x", e, e, e, e, e, e), fmt.Sprintf("%#v", &OutcomeUnknownError{Err: e}), log.String()} {
		assert.NotContains(t, shown, "C1")
		assert.NotContains(t, shown, "the body")
		assert.NotContains(t, shown, "0x74, 0x68, 0x65", "the body, as %#v prints bytes")
		assert.NotContains(t, shown, "ann@example.com")
	}
}
