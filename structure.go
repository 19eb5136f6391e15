package actito

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	pathEntities     = "/entities/v5/entities"
	pathProfileTable = "/profile-table-structure/v5/entities/{entity}/profile-tables"
	pathCustomTable  = "/custom-table-structure/v5/entities/{entity}/custom-tables"
)

// text reads ids and other values that the API writes as string or as number.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if b = bytes.TrimSpace(b); !bytes.Equal(b, []byte("null")) {
		*t = text(b)
	}
	return nil
}

// newID reads the id of what a write made: from the body, else from the Location header.
func newID(r reply) string {
	var body struct {
		ProfileID   text `json:"profileId"`
		BusinessKey text `json:"businessKey"`
		ID          text `json:"id"`
	}
	if json.Unmarshal(r.body, &body) == nil {
		if id := cmp.Or(cmp.Or(body.ProfileID, body.BusinessKey), body.ID); id != "" {
			return string(id)
		}
	}
	location, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		return ""
	}
	segment := strings.TrimSuffix(location.EscapedPath(), "/")
	id, _ := url.PathUnescape(segment[strings.LastIndex(segment, "/")+1:]) // EscapedPath can be unescaped
	return id
}

// Entity is an entity of the licence.
type Entity struct {
	ID      string
	Name    string // what stands in paths, and is given to New
	Comment string
}

// EntityService reads entities.
type EntityService struct{ c *Client }

// List reads the entities that the key can see.
func (s *EntityService) List(ctx context.Context, opts ...CallOption) ([]Entity, error) {
	var answer struct {
		Entities []struct {
			ID      text   `json:"id"`
			Name    string `json:"name"`
			Comment string `json:"comment"`
		} `json:"entities"`
	}
	r := request{op: "list entities", method: http.MethodGet, path: pathEntities, repeatable: true, class: Listing}
	if err := s.c.read(ctx, &r, &answer, opts); err != nil {
		return nil, err
	}
	list := make([]Entity, len(answer.Entities))
	for i, e := range answer.Entities {
		list[i] = Entity{string(e.ID), e.Name, e.Comment}
	}
	return list, nil
}

// read sends a request and decodes its answer.
func (c *Client) read(ctx context.Context, r *request, out any, opts []CallOption) error {
	reply, err := c.send(ctx, r, opts)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(reply.body, out); err != nil {
		return r.undecodable(reply, err)
	}
	return nil
}

// readList reads an array, bare or in an envelope.
func (c *Client) readList(ctx context.Context, r *request, envelope string, out any, opts []CallOption) error {
	reply, err := c.send(ctx, r, opts)
	if err != nil {
		return err
	}
	if err := decodeList(reply.body, out, envelope); err != nil {
		return r.undecodable(reply, err)
	}
	return nil
}

// decodeList reads an array, bare or in an envelope that has one of the names.
func decodeList(body []byte, out any, names ...string) error {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return json.Unmarshal(body, out)
	}
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil {
		return err
	}
	for _, name := range names {
		if list, found := envelope[name]; found {
			return json.Unmarshal(list, out)
		}
	}
	return fmt.Errorf("it has no %s", names[0])
}

// Structure describes a profile table or a custom table. Fields that the library has no name for are in Raw.
type Structure struct {
	Table        TableType
	ID           string // numeric for profile tables, a UUID for custom tables
	Name         string
	Type         string // of custom tables, such as INTERACTIONS
	PrimaryKey   string // of custom tables: the attribute that is the business key
	CreationTime string // of custom tables: the attribute that tells when a record was made
	Attributes   []Attribute
	ForeignKeys  []ForeignKey
	Raw          json.RawMessage // as the server sent it
}

// Attribute is a column of a table.
type Attribute struct {
	Name           string
	Type           string // CUSTOM, EMAIL_ADDRESS, BIRTHDATE and others; "" in custom tables
	ValueType      string // STRING, INTEGER, LONG, NUMBER, NUMERIC, BOOLEAN, DATE, TIMESTAMP; "" where Type tells
	Unique         bool
	Mandatory      bool // also set for the server's own attributes, which nobody may send
	Indexed        bool
	MultiValued    bool
	MinLength      int // 0: none
	MaxLength      int // 0: not stated; strings then hold 255
	AcceptedValues []string
}

// ForeignKey says that an attribute's values must exist in another table, which is therefore loaded first.
type ForeignKey struct {
	Name                string
	Attribute           string
	ReferencedTable     TableType
	ReferencedTableID   string
	ReferencedAttribute string
	OnDelete            string // such as CASCADE
}

// UnmarshalJSON reads the API's form, which does not tell the type of the table: Table stays as it is.
func (s *Structure) UnmarshalJSON(b []byte) error {
	var wire struct {
		ID           text   `json:"id"`
		Name         string `json:"name"`
		Type         string `json:"type"`
		PrimaryKey   string `json:"primaryKeyAttribute"`
		CreationTime string `json:"creationTimeAttribute"`
		Attributes   []struct {
			Name        string `json:"name"`
			Type        string `json:"type"`
			ValueType   string `json:"valueType"`
			Unique      bool   `json:"unique"`
			Mandatory   bool   `json:"mandatory"`
			Indexed     bool   `json:"indexed"`
			MultiValued bool   `json:"multiValued"`
			Restriction struct {
				MinLength      int    `json:"minLength"`
				MaxLength      int    `json:"maxLength"`
				AcceptedValues []text `json:"acceptedValues"`
			} `json:"valueRestriction"`
		} `json:"attributes"`
		ForeignKeys []struct {
			Name      string `json:"name"`
			Attribute string `json:"attribute"`
			Reference struct {
				TableType TableType `json:"tableType"`
				TableID   text      `json:"tableId"`
				Attribute string    `json:"attribute"`
			} `json:"reference"`
			OnDelete string `json:"onDelete"`
		} `json:"foreignKeys"`
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*s = Structure{Table: s.Table, ID: string(wire.ID), Name: wire.Name, Type: wire.Type, PrimaryKey: wire.PrimaryKey,
		CreationTime: wire.CreationTime, Raw: bytes.Clone(b)}
	for _, a := range wire.Attributes {
		attribute := Attribute{Name: a.Name, Type: a.Type, ValueType: a.ValueType, Unique: a.Unique, Mandatory: a.Mandatory,
			Indexed: a.Indexed, MultiValued: a.MultiValued, MinLength: a.Restriction.MinLength, MaxLength: a.Restriction.MaxLength}
		for _, v := range a.Restriction.AcceptedValues {
			attribute.AcceptedValues = append(attribute.AcceptedValues, string(v))
		}
		s.Attributes = append(s.Attributes, attribute)
	}
	for _, k := range wire.ForeignKeys {
		s.ForeignKeys = append(s.ForeignKeys, ForeignKey{Name: k.Name, Attribute: k.Attribute, OnDelete: k.OnDelete,
			ReferencedTable: k.Reference.TableType, ReferencedTableID: string(k.Reference.TableID),
			ReferencedAttribute: k.Reference.Attribute})
	}
	return nil
}

// words are how messages call a type of tables.
func (t TableType) words() string {
	switch t {
	case ProfileTableType:
		return "profile table"
	case CustomTableType:
		return "custom table"
	}
	return "table"
}

// StructureService reads the structures of tables.
type StructureService struct{ c *Client }

// ProfileTables reads the profile tables of the entity. Whether the list holds the attributes is not documented;
// [StructureService.ProfileTable] always does.
func (s *StructureService) ProfileTables(ctx context.Context, opts ...CallOption) ([]Structure, error) {
	return s.list(ctx, ProfileTableType, opts)
}

// CustomTables reads the custom tables of the entity. Whether the list holds the attributes is not documented;
// [StructureService.CustomTable] always does.
func (s *StructureService) CustomTables(ctx context.Context, opts ...CallOption) ([]Structure, error) {
	return s.list(ctx, CustomTableType, opts)
}

// ProfileTable reads one profile table by name (case-sensitive) or id. It takes two calls: the list, which tells the id,
// and the table. One that is not listed is [ErrNotFound].
func (s *StructureService) ProfileTable(ctx context.Context, table string, opts ...CallOption) (*Structure, error) {
	return s.get(ctx, ProfileTableType, table, opts)
}

// CustomTable reads one custom table by name or UUID. It takes two calls: the list, which tells the UUID, and the table.
// One that is not listed is [ErrNotFound].
func (s *StructureService) CustomTable(ctx context.Context, table string, opts ...CallOption) (*Structure, error) {
	return s.get(ctx, CustomTableType, table, opts)
}

func structurePath(t TableType) (path, envelope string) {
	// assumed: the names of the envelopes; a bare array is accepted too.
	if t == ProfileTableType {
		return pathProfileTable, "profileTables"
	}
	return pathCustomTable, "customTables"
}

func (s *StructureService) list(ctx context.Context, t TableType, opts []CallOption) ([]Structure, error) {
	path, envelope := structurePath(t)
	r := request{op: "list " + t.words() + "s", method: http.MethodGet, path: path,
		repeatable: true, class: Listing}
	var list []Structure
	if err := s.c.readList(ctx, &r, envelope, &list, opts); err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Table = t
	}
	return list, nil
}

func (s *StructureService) get(ctx context.Context, t TableType, table string, opts []CallOption) (*Structure, error) {
	found, err := s.find(ctx, t, table, opts)
	if err != nil {
		return nil, err
	}
	return s.byID(ctx, t, found.ID, opts)
}

// byID reads one table, whose id is known.
func (s *StructureService) byID(ctx context.Context, t TableType, id string, opts []CallOption) (*Structure, error) {
	path, _ := structurePath(t)
	r := request{op: "get " + t.words(), method: http.MethodGet, path: path + "/{table}", segments: []string{escape(id)},
		repeatable: true, class: Listing}
	structure := &Structure{Table: t}
	if err := s.c.read(ctx, &r, structure, opts); err != nil {
		return nil, err
	}
	return structure, nil
}

// find returns the entry of the list with this name or id.
func (s *StructureService) find(ctx context.Context, t TableType, table string, opts []CallOption) (*Structure, error) {
	list, err := s.list(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	byID := -1
	for i, s := range list {
		if s.Name == table {
			return &list[i], nil
		}
		if s.ID == table {
			byID = i
		}
	}
	if byID < 0 {
		return nil, &unknownTableError{t, table, s.c.entity}
	}
	return &list[byID], nil
}

// unknownTableError is a table that the entity's list does not hold.
type unknownTableError struct {
	kind          TableType
	table, entity string
}

func (e *unknownTableError) Error() string {
	return fmt.Sprintf("actito: entity %q has no %s %q; names are case-sensitive", e.entity, e.kind.words(), e.table)
}

func (e *unknownTableError) Is(target error) bool { return target == ErrNotFound }

// tableRef is a table by its id and name.
type tableRef struct{ ID, Name string }

// table looks a table up by its name or id, of any kind if kind is "". What was found is remembered: the daily imports
// are counted by id, so that a name and an id never have two budgets.
func (c *Client) table(ctx context.Context, kind TableType, table string) (tableRef, error) {
	kinds := []TableType{kind}
	if kind == "" {
		kinds = []TableType{ProfileTableType, CustomTableType}
	}
	for _, k := range kinds {
		if t, ok := c.known.Load(tableKey{c.entity, k, table}); ok {
			return t.(tableRef), nil
		}
	}
	var errs []error
	for _, k := range kinds {
		s, err := c.Structures.find(ctx, k, table, []CallOption{Background()}) // as what waits for it: not behind a backlog
		if err != nil {
			errs = append(errs, err)
			if !errors.Is(err, ErrNotFound) {
				return tableRef{}, err
			}
			continue
		}
		t := tableRef{s.ID, s.Name}
		c.known.Store(tableKey{c.entity, k, t.ID}, t)
		c.known.Store(tableKey{c.entity, k, t.Name}, t)
		return t, nil
	}
	return tableRef{}, errors.Join(errs...)
}

type tableKey struct {
	entity string
	kind   TableType
	table  string
}
