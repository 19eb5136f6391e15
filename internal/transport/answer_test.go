package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatCountsAsAnAnswer(t *testing.T) {
	t.Parallel()
	html := []string{"Content-Type", "text/html; charset=utf-8"}
	for name, tt := range map[string]struct {
		want   Answer
		status int
		body   string
		header []string
		err    string
	}{
		"to a read is JSON":                          {want: JSON, status: 200, body: `{"a":1}`},
		"to a read is not an empty body":             {want: JSON, status: 200, err: "the answer has no body"},
		"to a read is not white space":               {want: JSON, status: 200, body: "\r\n", err: "the answer has no body"},
		"to a read is not 204":                       {want: JSON, status: 204, err: "the answer has no body"},
		"to a read is not half of the JSON":          {want: JSON, status: 200, body: `{"a":`, err: "the answer is not JSON"},
		"to a read is not a page":                    {want: JSON, status: 200, body: `<html>`, header: html, err: "the answer is not JSON but text/html"},
		"to a read is not two values":                {want: JSON, status: 200, body: `{} {}`, err: "the answer is not JSON"},
		"to a write is JSON":                         {want: Maybe, status: 201, body: `{"id":1}`},
		"to a write is an empty body":                {want: Maybe, status: 200},
		"to a write is white space":                  {want: Maybe, status: 200, body: " "},
		"to a write is 204":                          {want: Maybe, status: 204},
		"to a write is not a page":                   {want: Maybe, status: 200, body: `<html>`, header: html, err: "the answer is not JSON but text/html"},
		"to a write is not a page called JSON":       {want: Maybe, status: 200, body: `<html>`, header: []string{"Content-Type", "application/json"}, err: "the answer is not JSON"},
		"to a delete is text":                        {want: Any, status: 200, body: "deleted"},
		"to a delete is nothing":                     {want: Any, status: 204},
		"to nothing is an error, whatever its kind":  {want: Any, status: 404, err: ""},
		"to a read is not longer than can be stored": {want: JSON, status: 200, body: `"` + strings.Repeat("x", maxAnswerBody) + `"`, err: "the answer is larger than 64 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, body := answering(tt.status, tt.body, tt.header...)
			link := &answer{next: inner(func(*http.Request) (*http.Response, error) { return resp, nil })}
			call := &Call{Answer: tt.want}
			got, err := link.RoundTrip(requestFor(t, call))
			assert.True(t, body.closed)
			if tt.err == "" && tt.status < 400 {
				require.NoError(t, err)
				assert.Equal(t, tt.body, string(call.Result()))
				rest, err := io.ReadAll(got.Body)
				require.NoError(t, err)
				assert.Empty(t, rest, "http.Client finds nothing to drain")
				require.NoError(t, got.Body.Close())
				return
			}
			f := faultFrom(t, err)
			assert.Equal(t, tt.status, f.Status)
			assert.False(t, f.Broken, "asking again brings the same answer")
			assert.True(t, bytes.HasPrefix([]byte(tt.body), f.Body))
			assert.LessOrEqual(t, len(f.Body), maxErrorBody)
			if tt.err != "" {
				require.EqualError(t, f.Err, tt.err)
			}
		})
	}
}

func TestADownloadIsHandedOnUnread(t *testing.T) {
	t.Parallel()
	resp, body := answering(200, "PK")
	link := &answer{next: inner(func(*http.Request) (*http.Response, error) { return resp, nil })}
	got, err := link.RoundTrip(requestFor(t, &Call{Answer: Stream}))
	require.NoError(t, err)
	assert.False(t, body.closed)
	all, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	assert.Equal(t, "PK", string(all))
}

func TestARefusedDownloadIsAnError(t *testing.T) {
	t.Parallel()
	resp, body := answering(404, `{"status":404,"message":"no such file"}`)
	link := &answer{next: inner(func(*http.Request) (*http.Response, error) { return resp, nil })}
	_, err := link.RoundTrip(requestFor(t, &Call{Answer: Stream}))
	assert.Equal(t, "no such file", faultFrom(t, err).Message)
	assert.True(t, body.closed)
}

func TestAnAnswerThatBreaksOffIsABrokenConnection(t *testing.T) {
	t.Parallel()
	cut := errors.New("reset")
	link := &answer{next: inner(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"a`), failing{cut}))}, nil
	})}
	_, err := link.RoundTrip(requestFor(t, &Call{Answer: Maybe}))
	f := faultFrom(t, err)
	assert.True(t, f.Broken)
	assert.False(t, f.Undone)
	require.ErrorIs(t, f, cut)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = link.RoundTrip(requestFor(t, &Call{}).WithContext(context.WithValue(ctx, callKey{}, &Call{})))
	assert.False(t, faultFrom(t, err).Broken, "unless the caller broke it off")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAnAttemptThatFailedPassesTheAnswerLink(t *testing.T) {
	t.Parallel()
	link := &answer{next: inner(func(*http.Request) (*http.Response, error) { return nil, errReset })}
	_, err := link.RoundTrip(requestFor(t, &Call{}))
	require.ErrorIs(t, err, errReset)
}
