package actito

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClocksAreComparedWhateverTimeAnAnswerTakes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 900_000_000, time.UTC)
	for name, tt := range map[string]struct {
		took   time.Duration
		dated  time.Duration // after the request was sent
		refuse bool
	}{
		"at once":                                      {0, 0, false},
		"ten minutes, dated at their end":              {10 * time.Minute, 10 * time.Minute, false},
		"ten minutes, dated at their beginning":        {10 * time.Minute, 0, false},
		"ten minutes, dated in time before them":       {10 * time.Minute, -5 * time.Minute, false},
		"ten minutes, dated long before them":          {10 * time.Minute, -5*time.Minute - 2*time.Second, true},
		"ten minutes, dated in time after them":        {10 * time.Minute, 15 * time.Minute, false},
		"ten minutes, dated long after them":           {10 * time.Minute, 15*time.Minute + 2*time.Second, true},
		"at once, five minutes ahead but for a second": {0, -5 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c serverClock
			c.compare(now.Add(tt.dated).Format(http.TimeFormat), now, now.Add(tt.took))
			require.Equal(t, tt.refuse, c.refuse() != nil, c.refuse())
			c.compare("yesterday", now, now)
			require.Equal(t, tt.refuse, c.refuse() != nil, "no date changes nothing")
		})
	}
}

func TestALicencesNameHasNoSlash(t *testing.T) {
	t.Parallel()
	q, err := newQuota(Quota{})
	require.NoError(t, err)
	c := core{quota: q, tokens: newTokenCache(nil, nil, nil)}
	c.tokens.token = Token{AccessToken: "e30.eyJsaWNlbmNlSWQiOiJhL2IifQ.e30", Expiry: time.Now().Add(time.Hour)} // {"licenceId":"a/b"}
	c.tokens.refreshAt = c.tokens.token.Expiry
	licence, err := c.licence(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a_b/", licence)
}
