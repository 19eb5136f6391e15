package feedday

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

const (
	callTime   = 150 * time.Millisecond
	queueTime  = time.Minute
	runTime    = time.Minute
	timePerRow = time.Millisecond
)

type customer struct {
	ID        string                      `actito:"customerID,key"`
	Email     string                      `actito:"emailAddress"`
	LastOrder actito.Opt[actito.DateTime] `actito:"lastOrder"`
}

type header struct {
	ID       string          `actito:"orderID,key"`
	Customer string          `actito:"customerID"`
	Ordered  actito.DateTime `actito:"ordered"`
	Amount   float64         `actito:"amount"`
}

type line struct {
	ID      string `actito:"lineID,key"`
	Order   string `actito:"orderID"`
	Product string `actito:"product"`
	Items   int    `actito:"items"`
}

const linesOfOrder = 3

// keyed names the attribute that is the key of each table.
var keyed = map[string]string{"Customers": "customerID", "Orders": "orderID", "Lines": "lineID"}

// service is the way to the fake. It takes time, answers itself what would fill the fake's memory on a large day, unless
// whole is set, and notes when what arrived.
type service struct {
	server *actitotest.Server
	whole  bool
	notes  *notes
	perRow time.Duration

	mu         sync.Mutex
	inFlight   int
	most       int // calls at once
	calls      int
	executions map[string]*execution
	lastEnd    time.Time
}

// execution is an import under way.
type execution struct {
	table string
	keys  []string
	end   time.Time
	noted bool
}

func newService(t *testing.T, n *notes, whole bool) *service {
	s := &service{
		server: actitotest.NewServer(actitotest.InMemory(), actitotest.WithImportTimes(queueTime, runTime)),
		whole:  whole, notes: n, perRow: timePerRow, executions: map[string]*execution{},
	}
	if whole {
		s.perRow = 0
	}
	t.Cleanup(s.server.Close)
	text := func(name string) actitotest.Attribute { return actitotest.Attribute{Name: name, Type: "STRING"} }
	key := func(name string) actitotest.Attribute {
		return actitotest.Attribute{Name: name, Type: "STRING", Unique: true, Mandatory: true}
	}
	moment := func(name string) actitotest.Attribute { return actitotest.Attribute{Name: name, Type: "TIMESTAMP"} }
	number := func(name string) actitotest.Attribute { return actitotest.Attribute{Name: name, Type: "NUMBER"} }
	s.server.AddProfileTable("Shop", actitotest.Table{Name: "Customers",
		Attributes: []actitotest.Attribute{key("customerID"), {Name: "emailAddress", Type: "EMAIL_ADDRESS"}, moment("lastOrder")}})
	s.server.AddCustomTable("Shop", actitotest.Table{Name: "Orders", ID: "Orders", PrimaryKey: "orderID",
		Attributes: []actitotest.Attribute{key("orderID"), text("customerID"), moment("ordered"), number("amount")}})
	s.server.AddCustomTable("Shop", actitotest.Table{Name: "Lines", ID: "Lines", PrimaryKey: "lineID",
		Attributes: []actitotest.Attribute{key("lineID"), text("orderID"), text("product"), number("items")}})
	return s
}

func (s *service) client(t *testing.T, kept int) *actito.Client {
	client, err := actito.New(s.server.APIKey, "Shop", actito.WithBaseURL(s.server.URL),
		actito.WithHTTPClient(&http.Client{Transport: s}), actito.WithRateLimit(actito.RateLimit{RealTimeCalls: kept}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// RoundTrip implements [http.RoundTripper].
func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		defer req.Body.Close()
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	s.enter(1)
	defer s.enter(-1)
	timer := time.NewTimer(callTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	in := req.Clone(req.Context())
	in.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	switch {
	case strings.Contains(req.URL.Path, "/mass-imports/"):
		s.imports(w, in, body)
	case req.Method == http.MethodPost:
		s.upsert(w, in, body)
	default:
		s.server.Handler().ServeHTTP(w, in)
	}
	return w.Result(), nil
}

func (s *service) enter(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight += n
	s.most = max(s.most, s.inFlight)
	s.calls += max(n, 0)
}

// upsert takes a profile or record.
func (s *service) upsert(w *httptest.ResponseRecorder, req *http.Request, body []byte) {
	if s.whole {
		s.server.Handler().ServeHTTP(w, req)
	} else {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		_, _ = w.WriteString(`{"profileId":7,"businessKey":"7"}`)
	}
	if w.Code >= 300 {
		return
	}
	var content struct {
		Attributes, Properties []struct {
			Name  string
			Value any
		}
	}
	_ = json.Unmarshal(body, &content)
	for table, key := range keyed {
		if !strings.Contains(req.URL.Path, "/"+table+"/") {
			continue
		}
		for _, a := range append(content.Attributes, content.Properties...) {
			if a.Name == key {
				s.notes.arrived(table, a.Value.(string), time.Now())
			}
		}
	}
}

// imports starts an import, or tells of one.
func (s *service) imports(w *httptest.ResponseRecorder, req *http.Request, body []byte) {
	id := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	if s.whole {
		s.server.Handler().ServeHTTP(w, req)
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if req.Method == http.MethodPost {
		if s.whole && w.Code != http.StatusCreated {
			return
		}
		e, err := readImport(req.Header.Get("Content-Type"), body)
		if err != nil {
			panic(err)
		}
		if s.whole {
			var answer struct{ ID string }
			_ = json.Unmarshal(w.Body.Bytes(), &answer)
			id = answer.ID
		} else {
			id = fmt.Sprint(1_000 + len(s.executions))
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprintf(w, `{"id":"%s"}`, id)
		}
		begin := time.Now().Add(queueTime)
		if begin.Before(s.lastEnd) {
			begin = s.lastEnd
		}
		e.end = begin.Add(runTime + time.Duration(len(e.keys))*s.perRow)
		s.lastEnd = e.end
		s.executions[id] = e
		s.notes.started(e.table, len(e.keys))
		return
	}
	e, ok := s.executions[id]
	if !ok {
		return
	}
	over := !time.Now().Before(e.end)
	if !s.whole {
		e.answer(w, id, over)
	}
	if over && !e.noted {
		e.noted = true
		for _, key := range e.keys {
			s.notes.arrived(e.table, key, e.end)
		}
	}
}

// answer tells the state of an execution.
func (e *execution) answer(w http.ResponseWriter, id string, over bool) {
	status, files := "RUNNING", ""
	if over {
		kind := "CUSTOM_TABLE"
		if e.table == "Customers" {
			kind = "PROFILE_TABLE"
		}
		status, files = "SUCCESS", fmt.Sprintf(`,"files":[{"fileName":"rows.csv","destination":{"tableType":"%s","tableId":"%s"},"status":"SUCCESS",`+
			`"rowsRead":%d,"rowsCreated":%[3]d,"rowsUpdated":0,"rowsInError":0}]`, kind, e.table, len(e.keys))
	}
	_, _ = fmt.Fprintf(w, `{"id":"%s","status":"%s"%s}`, id, status, files)
}

// readImport finds out which rows an upload has.
func readImport(contentType string, body []byte) (*execution, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	for parts := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, err
		}
		if part.FormName() != "inputFile" {
			continue
		}
		packed, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
		if err != nil {
			return nil, err
		}
		file, err := archive.File[0].Open()
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return readRows(file)
	}
}

func readRows(r io.Reader) (*execution, error) {
	rows := csv.NewReader(r)
	names, err := rows.Read()
	if err != nil {
		return nil, err
	}
	e := &execution{}
	column := 0
	for _, table := range []string{"Customers", "Orders", "Lines"} { // an order names its customer, and a line its order
		for i, name := range names {
			if name == keyed[table] {
				e.table, column = table, i
			}
		}
	}
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return e, nil
		}
		if err != nil {
			return nil, err
		}
		e.keys = append(e.keys, cells[column])
	}
}
