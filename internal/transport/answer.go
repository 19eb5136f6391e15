package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// answer is the link that tells success from failure: what it returns without error is what the call asked for.
type answer struct {
	next http.RoundTripper
}

func (a *answer) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req)
	resp, err := a.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode >= 400 || resp.StatusCode < 200:
		defer resp.Body.Close()
		return nil, readFault(c, resp)
	case resp.StatusCode >= 300:
		return resp, nil // http.Client's, see checkRedirect
	case c.Answer == Stream:
		return resp, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBody+1))
	if err == nil && len(body) > maxAnswerBody {
		err = fmt.Errorf("the answer is larger than %d MiB", maxAnswerBody>>20)
	} else if err != nil {
		f := newFault(c, resp)
		f.Broken, f.Err = req.Context().Err() == nil, err
		return nil, f
	}
	if err == nil {
		err = checkBody(c.Answer, body, resp.Header)
	}
	if err != nil {
		f := newFault(c, resp)
		f.Body, f.Err = body[:min(len(body), maxErrorBody)], err
		return nil, f
	}
	c.body, resp.Body = body, http.NoBody
	return resp, nil
}

func checkBody(want Answer, body []byte, h http.Header) error {
	switch {
	case want == Any:
		return nil
	case len(bytes.TrimSpace(body)) == 0:
		if want == JSON {
			return errNoBody
		}
		return nil
	case !json.Valid(body):
		return notJSON(h)
	}
	return nil
}
