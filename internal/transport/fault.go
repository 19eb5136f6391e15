package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Fault is an attempt or a call that failed.
type Fault struct {
	Call       *Call
	Status     int // 0: no answer
	Message    string
	Body       []byte
	RequestID  string
	RetryAfter time.Duration
	Attempts   int
	Undone     bool // the server certainly did nothing
	Broken     bool // the connection failed or stalled: worth repeating
	Local      bool // the limiter refused the attempt
	Err        error
}

func (f *Fault) Error() string {
	if f.Err != nil {
		return fmt.Sprintf("status %d: %v", f.Status, f.Err)
	}
	return fmt.Sprintf("status %d", f.Status)
}

func (f *Fault) Unwrap() error { return f.Err }

// Refused reports whether this attempt certainly did nothing. Of a whole call, Undone says so.
func (f *Fault) Refused() bool {
	return f.Undone || f.Status >= 400 && f.Status < 500 && f.Status != http.StatusRequestTimeout
}

// transient reports whether the same call can succeed within seconds.
func (f *Fault) transient() bool {
	switch f.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return f.Broken
}

var (
	errRedirect = errors.New("the server redirects to where this call must not follow")
	errNotJSON  = errors.New("the answer is not JSON")
	errNoBody   = errors.New("the answer has no body")
	errNoAnswer = errors.New("the transport gave neither an answer nor an error")
)

const (
	maxErrorBody  = 1 << 20
	maxAnswerBody = 64 << 20
)

// newFault describes an answer without its body.
func newFault(c *Call, resp *http.Response) *Fault {
	f := &Fault{Call: c, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header, time.Now())}
	// assumed: no header is documented for the request's id; these two are the usual ones.
	for _, name := range []string{"X-Request-Id", "X-Correlation-Id"} {
		if id := resp.Header.Get(name); isID(id) && !c.holds(id) {
			f.RequestID = id
			break
		}
	}
	f.Undone = resp.StatusCode == http.StatusTooManyRequests ||
		resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != ""
	return f
}

// isID refuses what may be more than an id: it is logged.
func isID(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.:=/", r)
	})
}

// readFault reads an error answer: JSON with a message, or anything else.
func readFault(c *Call, resp *http.Response) *Fault {
	f := newFault(c, resp)
	f.Body, _ = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var body struct {
		Status  any `json:"status"`
		Message any `json:"message"`
	}
	switch {
	case json.Unmarshal(f.Body, &body) == nil && (body.Status != nil || body.Message != nil):
		f.Message, _ = body.Message.(string)
		f.Undone = f.Undone || f.Status == http.StatusServiceUnavailable
	case len(bytes.TrimSpace(f.Body)) > 0 && !json.Valid(f.Body):
		f.Err = notJSON(resp.Header)
	}
	return f
}

func notJSON(h http.Header) error {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	switch media { // another may be anything that was sent
	case "text/html", "text/plain", "text/xml", "application/xml", "text/csv", "application/zip", "application/octet-stream":
		return fmt.Errorf("%w but %s", errNotJSON, media)
	}
	return errNotJSON
}

// retryAfter reads seconds or a date; what makes no sense is ignored.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		if !(s > 0) {
			return 0
		}
		return time.Duration(min(s*float64(time.Second), math.MaxInt64/2))
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date // both by the server's clock
	}
	return max(0, at.Sub(now))
}

// faultOf finds the fault in what http.Client returned, or makes one of an error that it made itself.
func faultOf(err error, c *Call) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Call: c, Broken: true, Err: unwrapURL(err)}
}
