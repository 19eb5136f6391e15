package actito

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ETLEvent tells that an execution of an ETL started or ended. The documentation names executions of stored ETLs only,
// not one shots.
type ETLEvent struct {
	ID          string // the webhook's own; "" if it has none
	Entity      string // by the links, else the client's
	ETLID       string
	ExecutionID string
	Status      ExecutionStatus
	Raw         json.RawMessage // as it came; of several in one call, the one
}

// Ended reports whether the execution is over. The payload does not say which event it is; the status does (assumed).
func (e ETLEvent) Ended() bool { return e.Status.ended() }

// DataEvent tells that a row changed by a call for it alone; imports raise none.
type DataEvent struct {
	ID      string // of the profile or record; "" where several come in one call and only the values tell
	Table   TableType
	TableID string
	Type    EventType
	Fields  []string          // those that were asked for; nil for no choice
	Values  map[string]string // of the row; null ones are left out, numbers and booleans are as JSON writes them
	Raw     json.RawMessage   // as it came; of several in one call, the one
}

// webhookEvent is one event of a call; one of etl and data is set.
type webhookEvent struct {
	etl  *ETLEvent
	data *DataEvent
	key  eventKey
}

// webhookPayload is what data and ETL webhooks have in common. Raw fields may have any form.
type webhookPayload struct {
	ID        text            `json:"id"`
	TableType text            `json:"tableType"`
	TableID   text            `json:"tableId"`
	Fields    json.RawMessage `json:"fields"`
	EventType text            `json:"eventType"`
	Data      json.RawMessage `json:"data"`
	Links     json.RawMessage `json:"_links"`
}

// decodeWebhook reads the events of a body: one, several in its data, or (assumed) an array of such bodies.
func decodeWebhook(body []byte) ([]webhookEvent, error) {
	bodies := []json.RawMessage{body}
	if isArray(body) {
		if err := json.Unmarshal(body, &bodies); err != nil {
			return nil, err
		}
	}
	hash := sha256.Sum256(body)
	var events []webhookEvent
	for _, raw := range bodies {
		var p webhookPayload
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, err
		}
		items := []json.RawMessage{p.Data}
		bulk := isArray(p.Data)
		if bulk {
			if err := json.Unmarshal(p.Data, &items); err != nil {
				return nil, err
			}
		}
		for _, item := range items {
			e, err := p.event(item, bulk)
			if err != nil {
				return nil, err
			}
			shown := bytes.Clone(raw)
			if bulk {
				shown = bytes.Clone(item)
			}
			if e.etl != nil {
				e.etl.Raw = shown
				e.key = e.etl.key()
			} else {
				e.data.Raw = shown
				e.key = hashOf("data", string(hash[:]), strconv.Itoa(len(events)))
			}
			events = append(events, e)
		}
	}
	return events, nil
}

func isArray(raw []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) }

// hashOf is a hash of texts, of which none can be taken for parts of two.
func hashOf(texts ...string) eventKey {
	h := sha256.New()
	for _, t := range texts {
		_, _ = h.Write(binary.AppendUvarint(nil, uint64(len(t))))
		_, _ = h.Write([]byte(t))
	}
	return eventKey(h.Sum(nil))
}

var errNoWebhook = errors.New("it is neither an ETL's nor a table's")

// event reads one element of a payload's data.
func (p webhookPayload) event(item json.RawMessage, bulk bool) (webhookEvent, error) {
	if isNull(item) {
		item = json.RawMessage("{}") // a deleted row may have no values
	}
	var own webhookPayload // assumed: in a bulk of data events, each may be whole
	if err := json.Unmarshal(item, &own); err != nil {
		return webhookEvent{}, err
	}
	if own.EventType != "" && own.TableID != "" && !isNull(own.Data) {
		p, item = own, own.Data
	} else if bulk && p.EventType != "" {
		p.ID = "" // of the call, not of its rows
	}
	if p.EventType != "" || p.TableType != "" {
		data, err := p.dataEvent(item)
		return webhookEvent{data: data}, err
	}
	etl, err := p.etlEvent(item)
	return webhookEvent{etl: etl}, err
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func (p webhookPayload) dataEvent(item json.RawMessage) (*DataEvent, error) {
	e := &DataEvent{ID: string(p.ID), Table: TableType(p.TableType), TableID: string(p.TableID), Type: EventType(p.EventType),
		Values: map[string]string{}}
	if e.Type == "UPDATED_SUBSCRIPTIONS" {
		e.Type = EventSubscription
	}
	var fields []text
	if json.Unmarshal(p.Fields, &fields) == nil { // else they are in Raw
		for _, f := range fields {
			e.Fields = append(e.Fields, string(f))
		}
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(item, &values); err != nil {
		return nil, err
	}
	for name, raw := range values {
		var value text
		if err := json.Unmarshal(raw, &value); err != nil {
			return nil, err
		}
		if !isNull(raw) {
			e.Values[name] = string(value)
		}
	}
	return e, nil
}

func (p webhookPayload) etlEvent(item json.RawMessage) (*ETLEvent, error) {
	var data struct {
		ETLID       text            `json:"etl.id"`
		ExecutionID text            `json:"etl.executionId"`
		Status      text            `json:"etl.executionStatus"`
		Links       json.RawMessage `json:"_links"`
	}
	if err := json.Unmarshal(item, &data); err != nil {
		return nil, err
	}
	execution, etl, webhook := linkTo("etlExecution", data.Links), linkTo("etl", data.Links), linkTo("webhook", p.Links)
	e := &ETLEvent{
		ID:          string(p.ID),
		Entity:      cmp.Or(execution.entity, etl.entity, webhook.entity),
		ETLID:       cmp.Or(string(data.ETLID), etl.id),
		ExecutionID: cmp.Or(string(data.ExecutionID), execution.id),
		Status:      ExecutionStatus(data.Status),
	}
	if e.ExecutionID == "" {
		return nil, errNoWebhook
	}
	return e, nil
}

// key is what an event has in common with its repeats.
//
// assumed: the id is that of the event. Were it that of a subscription, the execution and its status would still tell
// events apart.
func (e *ETLEvent) key() eventKey {
	if e.ID == "" {
		return hashOf("etl", string(e.Raw))
	}
	return hashOf("etl", e.ID, e.Entity, e.ExecutionID, string(e.Status))
}

// link is what the address of a resource tells.
type link struct{ entity, id string }

// linkTo reads an address, relative or absolute; nothing of one that is not there or has another form.
func linkTo(name string, links json.RawMessage) link {
	var all map[string]json.RawMessage
	var target struct {
		Href string `json:"href"`
	}
	if json.Unmarshal(links, &all) != nil || json.Unmarshal(all[name], &target) != nil {
		return link{}
	}
	address, err := url.Parse(target.Href)
	if err != nil {
		return link{}
	}
	segments := strings.Split(strings.Trim(address.EscapedPath(), "/"), "/")
	for i := range segments {
		segments[i], _ = url.PathUnescape(segments[i]) // EscapedPath can be unescaped
	}
	at := slices.IndexFunc(segments, func(s string) bool { return s == "entity" || s == "entities" })
	if at < 0 || at+2 >= len(segments) {
		return link{}
	}
	return link{segments[at+1], segments[len(segments)-1]}
}
