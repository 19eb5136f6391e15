package actito

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/actito-go/actito/internal/transport"
)

// assumed: the paths of locations. That there are calls to list, create and test them is documented.
const (
	pathLocations    = "/file-transfers/v5/entities/{entity}/locations"
	pathTestLocation = pathLocations + "/{location}/test"
)

// Location is a folder on a file server, Actito's or the customer's, from which ETLs fetch files.
//
// assumed: its whole JSON form. Fields that the library has no name for are kept in Extra and sent as they are; a field of
// Extra goes before the library's of the same name. Printed, logged or encoded in JSON, a location shows neither its
// password nor Extra.
type Location struct {
	ID       string                     `json:"id,omitempty"` // given by the server
	Name     string                     `json:"name"`
	Protocol Protocol                   `json:"protocol,omitempty"`
	Host     string                     `json:"host,omitempty"`
	Port     int                        `json:"port,omitempty"` // 0: the protocol's
	User     string                     `json:"username,omitempty"`
	Password Secret                     `json:"password,omitempty"` // sent, and not expected back
	Folder   string                     `json:"path,omitempty"`
	Extra    map[string]json.RawMessage `json:"-"`
}

// Protocol is how files are transferred.
type Protocol string

// The protocols, which are documented; assumed: their names in JSON.
const (
	SFTP Protocol = "SFTP"
	FTPS Protocol = "FTPS"
	FTP  Protocol = "FTP"
)

// UnmarshalJSON keeps unknown fields.
func (l *Location) UnmarshalJSON(b []byte) error {
	type known Location
	return keepExtra(b, (*known)(l), &l.Extra)
}

// Format writes the location without its password and Extra, which may hold a key.
func (l Location) Format(f fmt.State, verb rune) {
	type shown Location
	l.Extra = nil
	fmt.Fprintf(f, fmt.FormatString(f, verb), shown(l))
}

// wire is what is sent.
func (l Location) wire() ([]byte, error) {
	fields := map[string]json.RawMessage{}
	if l.Password != "" {
		password, err := json.Marshal(string(l.Password))
		if err != nil {
			return nil, err
		}
		fields["password"] = password
	}
	maps.Copy(fields, l.Extra)
	l.ID = ""
	type known Location
	return addExtra(known(l), fields)
}

func (l *Location) check() error {
	refuse := func(field, detail string) error {
		return &ValidationError{Column: field, Rule: "location", Detail: detail}
	}
	switch {
	case l.Name == "":
		return refuse("name", "the location has no Name")
	case strings.ContainsAny(l.Host, "/@ \t\r\n") || strings.Count(l.Host, ":") == 1: // more are an IPv6 address
		return refuse("host", "it is a host alone, such as sftp.shop.example: Protocol, Port, User, Password and Folder have fields of their own")
	case l.Port < 0 || l.Port > 65535:
		return refuse("port", "there is no such port")
	}
	return nil
}

// LocationService keeps the folders that files are fetched from.
type LocationService struct{ c *Client }

// List reads the locations (assumed: the call and its envelope; a bare array is accepted too).
//
//actito:call GET /file-transfers/v5/entities/{entity}/locations [assumed]
func (s *LocationService) List(ctx context.Context, opts ...CallOption) ([]Location, error) {
	r := request{op: "list locations", method: http.MethodGet, path: pathLocations, repeatable: true, class: Listing}
	var list []Location
	return list, s.c.readList(ctx, &r, "locations", &list, opts)
}

// Create makes a location and returns its id (assumed: the call). It is repeated only after failures in which the server
// certainly did nothing.
//
//actito:call POST /file-transfers/v5/entities/{entity}/locations [assumed]
func (s *LocationService) Create(ctx context.Context, l Location, opts ...CallOption) (string, error) {
	if err := l.check(); err != nil {
		return "", err
	}
	body, err := l.wire()
	if err != nil {
		return "", &ValidationError{Column: "Extra", Rule: "json", Detail: "the location cannot be encoded as JSON"}
	}
	r := request{op: "create location", method: http.MethodPost, path: pathLocations, body: body, answer: transport.Maybe,
		private: []string{string(l.Password), l.User}}
	for _, raw := range l.Extra {
		var private string
		if json.Unmarshal(raw, &private) == nil {
			r.private = append(r.private, private)
		}
	}
	reply, err := s.c.send(ctx, &r, opts)
	if err != nil {
		return "", err
	}
	id := newID(reply)
	if id == "" && !s.c.dryRun {
		return "", r.undecodable(reply, errors.New("the location is made and its id is not said"))
	}
	return id, nil
}

// Test lets the server find out whether it reaches a location (assumed: the call, and that an answer of 200 with
// "success": false says that it does not). It changes nothing.
//
//actito:call POST /file-transfers/v5/entities/{entity}/locations/{location}/test [assumed]
func (s *LocationService) Test(ctx context.Context, id string, opts ...CallOption) error {
	r := request{op: "test location", method: http.MethodPost, path: pathTestLocation, segments: []string{escape(id)},
		answer: transport.Maybe, repeatable: true}
	reply, err := s.c.send(ctx, &r, opts)
	if err != nil {
		return err
	}
	var result struct {
		Success *bool  `json:"success"`
		Message string `json:"message"`
	}
	if json.Unmarshal(reply.body, &result) == nil && result.Success != nil && !*result.Success {
		return &APIError{Op: r.op, Method: r.method, PathTemplate: r.path, Status: reply.status, Message: result.Message, Body: reply.body,
			Attempts: reply.attempts, Err: errors.New("the server does not reach the location")}
	}
	return nil
}
