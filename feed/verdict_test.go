package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	status := func(n int) error { return &actito.APIError{Op: "upsert profile", Status: n, Message: "email: refused"} }
	for name, test := range map[string]struct {
		err  error
		code string // "" to repeat
	}{
		"nothing":                             {nil, ""},
		"400":                                 {status(400), "400"},
		"409":                                 {status(409), "409"},
		"413":                                 {status(413), "413"},
		"422":                                 {status(422), "422"},
		"401":                                 {status(401), ""},
		"403":                                 {status(403), ""},
		"404":                                 {status(404), ""},
		"405":                                 {status(405), ""},
		"408":                                 {status(408), ""},
		"429":                                 {status(429), ""},
		"500":                                 {status(500), ""},
		"503":                                 {status(503), ""},
		"no answer":                           {&actito.APIError{Err: io.EOF}, ""},
		"400 to the token":                    {&actito.APIError{Op: "get token", Status: 400}, ""},
		"400 of an outcome unknown":           {&actito.OutcomeUnknownError{Err: status(400)}, ""},
		"busy":                                {&actito.BusyError{}, ""},
		"a context":                           {context.DeadlineExceeded, ""},
		"the lease":                           {ErrLeaseLost, ""},
		"refused here":                        {&actito.ValidationError{Rule: "too-long", Column: "email", Detail: "it is too long"}, "too-long"},
		"refused here, wrapped":               {fmt.Errorf("x: %w", &actito.ValidationError{Rule: "too-long"}), "too-long"},
		"404 to a delete of what can be read": {refusal{status(404)}, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parked := verdictOf(test.err, &plan{row: map[string]any{"email": "x"}})
			if test.code == "" {
				assert.Nil(t, parked)
				return
			}
			require.NotNil(t, parked)
			assert.Equal(t, test.code, parked.Code)
		})
	}
	parked := verdictOf(status(400), &plan{row: map[string]any{"email": "x"}})
	assert.Equal(t, "email", parked.Column)
	assert.Contains(t, parked.Reason, "email: refused")
	assert.Equal(t, "503", hopeless(status(503), &plan{}).Code)
	assert.Equal(t, "unanswered", hopeless(io.EOF, &plan{}).Code)
	assert.Equal(t, 7*time.Second, retryAfter(fmt.Errorf("x: %w", &actito.APIError{RetryAfter: 7 * time.Second})))
	assert.Zero(t, retryAfter(io.EOF))
}

func TestTheColumnThatAMessageNames(t *testing.T) {
	t.Parallel()
	row := map[string]any{"email": 1, "first_name": 1, "subscriptions#News": 1, "größe": 1, "a-b": 1}
	for message, want := range map[string]string{
		"":                                "",
		"nothing of it":                   "",
		"email: no":                       "email",
		"Attribute 'email' is wrong":      "email",
		"emails are wrong":                "",
		"email and email again":           "email",
		"email or first_name":             "",
		"email, first_name, email":        "",
		"first_name\nis too long":         "first_name",
		"subscriptions#News is not known": "subscriptions#News",
		"größe":                           "größe",
		"(a-b)":                           "a-b",
	} {
		assert.Equal(t, want, named(message, row), message)
	}
}

func TestWhatIsShownQuotesNoValues(t *testing.T) {
	t.Parallel()
	p := &plan{key: "k-77", row: map[string]any{"name": "Ann", "long": "Ann Smith", "n": json.Number("4711"), "list": []any{"red", "blau ö"},
		"quoted": "a\"b\n", "empty": "", "bool": true, "null": nil}}
	for message, want := range map[string]string{
		"Ann is no name":       "[value] is no name",
		"Annex and XAnn":       "Annex and XAnn",
		"Ann Smith, Ann":       "[value], [value]",
		`k-77: 4711 not "red"`: `[value]: [value] not "[value]"`,
		"47110":                "47110",
		"blau ö":               "[value]",
		"a\"b\n":               "[value]",
		`say "a\"b\n"`:         `say "[value]"`,
		"true":                 "true",
		"AnnAnn Ann":           "AnnAnn [value]",
		"nothing":              "nothing",
	} {
		assert.Equal(t, want, shown(errors.New(message), p), message)
	}
}

func TestBackoffDoubles(t *testing.T) {
	t.Parallel()
	for n, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 100: time.Minute, 1 << 40: time.Minute} {
		for range 50 {
			d := backoff(n, time.Minute)
			assert.GreaterOrEqual(t, d, most/2)
			assert.LessOrEqual(t, d, most)
		}
	}
}

func newLaneState() *laneState { return &laneState{later: map[Key]setback{}} }

func TestALanePausesAfterAFailureAndIsProbed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLaneState()
		require.True(t, l.begin("a"))
		require.True(t, l.begin("b"))
		row, own := l.failed("a", 0)
		l.end()
		assert.Equal(t, 1, row)
		assert.False(t, own)
		assert.False(t, l.open())
		time.Sleep(time.Second)
		assert.False(t, l.open(), "one is under way still")
		l.end()
		assert.True(t, l.open())
		require.True(t, l.begin("c"))
		assert.False(t, l.open())
		assert.False(t, l.begin("d"), "one is enough to find out")
		assert.Equal(t, 1, l.succeeded("c"))
		assert.True(t, l.begin("d"))
	})
}

func TestALaneIsLeftAloneAsLongAsTheServiceAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLaneState()
		l.failed("a", time.Hour)
		l.failed("b", 0)
		time.Sleep(59 * time.Minute)
		assert.False(t, l.open(), "a shorter one does not end it")
		l.succeeded("c")
		assert.False(t, l.open(), "nor does what was under way")
		time.Sleep(time.Minute)
		assert.True(t, l.open())
	})
}

func TestAKeyFailsByItselfOnlyWhileOthersGoThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLaneState()
		for range 100 {
			_, own := l.failed("a", 0)
			assert.False(t, own, "the whole lane fails")
		}
		for i := range givenUp - 1 {
			l.succeeded("b")
			_, own := l.failed("a", 0)
			assert.Equal(t, i == givenUp-2, own)
		}
		assert.False(t, l.ready("a"))
		time.Sleep(10 * time.Minute)
		assert.False(t, l.ready("a"), "others may show that the lane is well")
		l.turn()
		assert.True(t, l.ready("a"))
		l.succeeded("a")
		assert.Empty(t, l.later)
	})
}

func TestFailuresOfAThousandKeysAreRemembered(t *testing.T) {
	t.Parallel()
	l := newLaneState()
	for i := range 3 * mostSetbacks {
		l.failed(Key(fmt.Sprint(i)), 0)
	}
	assert.Len(t, l.later, mostSetbacks)
}
