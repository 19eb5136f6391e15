package transport

import (
	"net/http"
	"strings"
)

// checkRedirect follows redirects on the same scheme and host only, and a write's only where the method and the
// body stay, so that neither a token leaves for another host nor a POST turns into an empty GET that looks like
// success.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	same := next.URL.Scheme == first.URL.Scheme && strings.EqualFold(next.URL.Host, first.URL.Host)
	if same && next.Method == first.Method && len(via) < 10 {
		return nil
	}
	return unfollowed(callOf(first), next.Response)
}

// unfollowed is a redirecting answer that ends the call: nothing was done, or nobody knows what.
func unfollowed(c *Call, resp *http.Response) *Fault {
	_ = resp.Body.Close()
	f := newFault(c, resp)
	f.Err = errRedirect
	return f
}
