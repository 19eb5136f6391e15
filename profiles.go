package actito

import (
	"context"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/actito-go/actito/internal/transport"
)

const (
	pathProfiles      = "/profiles/v4/entity/{entity}/table/{table}/profile"
	pathProfile       = pathProfiles + "/{key}"
	pathSubscriptions = pathProfile + "/subscription"
	pathSubscription  = pathSubscriptions + "/{subscription}"
	pathSegmentations = pathProfile + "/segmentation"
	pathSegmentation  = pathSegmentations + "/{segmentation}"

	// assumed: seen in one client's unreleased code; the documentation only says that these operations exist.
	pathProfilesV5 = "/profiles/v5/entities/{entity}/profile-tables/{table}/profiles"
	pathProfileV5  = pathProfilesV5 + "/{key}"
)

// ProfileTable is a profile table whose rows are T: a struct with actito tags, or map[string]any. It is safe for
// concurrent use; make one per table and share it.
//
// Its methods send one profile per call, and Actito runs its scenarios at once (documented). Writes to one key are sent
// in the order of the calls; a key is one attribute's value, so a profile that is written by two different attributes
// has two orders, and so has a table that is opened by its name and by its id.
//
// Attributes that are unset are never sent; plain numbers and bools always are. A key or name that is empty is a
// [ValidationError] before anything is sent; what the server refuses is an [APIError].
type ProfileTable[T any] struct {
	c     *Client
	table string
	codec *codec[T]
	rows  *Transformer[T] // nil: they are sent as they are
}

// Profiles opens a profile table by its name (case-sensitive) or numeric id. It sends nothing. Tags that cannot work
// fail here, with a [ValidationError] that names the field.
func Profiles[T any](c *Client, table string) (*ProfileTable[T], error) {
	codec, err := openTable[T](c, ProfileTableType, table)
	if err != nil {
		return nil, err
	}
	return &ProfileTable[T]{c: c, table: table, codec: codec}, nil
}

// KeyedBy returns the same table with another attribute as the key of its rows. It is how rows that are maps get
// one. An upsert whose row carries its key is repeated after failures that leave its outcome open; one without is not.
func (t *ProfileTable[T]) KeyedBy(attribute string) (*ProfileTable[T], error) {
	codec, err := t.codec.keyedBy(attribute)
	if err != nil {
		return nil, err
	}
	keyed := *t
	keyed.codec = codec
	return &keyed, nil
}

// Upsert creates the profile or updates the one that has its unique attributes. Unset attributes are not sent, and
// stay as they are on an update. It returns the profile id, or "" if the server sent none.
//
// Without a key, a failure that leaves the outcome open is an [OutcomeUnknownError]. With [WithProfilesV5] a key is
// required.
//
//actito:call POST /profiles/v4/entity/{entity}/table/{table}/profile [documented]
//actito:call PUT /profiles/v5/entities/{entity}/profile-tables/{table}/profiles [assumed]
func (t *ProfileTable[T]) Upsert(ctx context.Context, row T, opts ...CallOption) (string, error) {
	r, err := t.upsert(&row, opts)
	if err != nil {
		return "", err
	}
	return t.c.write(ctx, &r, opts)
}

func (t *ProfileTable[T]) upsert(row *T, opts []CallOption) (request, error) {
	r, err := t.encode("upsert profile", row, true, opts)
	r.repeatable = r.order != ""
	return r, err
}

// Create creates the profile. If it exists, the error matches [ErrConflict] or, where the server answers 400,
// [ErrInvalid]; which of the two is assumed. It is repeated only after failures in which the server certainly did
// nothing.
//
//actito:call POST /profiles/v4/entity/{entity}/table/{table}/profile [documented]
//actito:call POST /profiles/v5/entities/{entity}/profile-tables/{table}/profiles [assumed]
func (t *ProfileTable[T]) Create(ctx context.Context, row T, opts ...CallOption) (string, error) {
	r, err := t.encode("create profile", &row, false, opts)
	if err != nil {
		return "", err
	}
	return t.c.write(ctx, &r, opts)
}

// encode makes the request that sends one row. Its order is empty if the row has no key.
func (t *ProfileTable[T]) encode(op string, row *T, update bool, opts []CallOption) (request, error) {
	r := request{op: op, method: http.MethodPost, path: pathProfiles, segments: []string{escape(t.table)}, answer: transport.Maybe, row: true}
	row, err := t.rows.applied(row)
	if err != nil {
		return r, err
	}
	name, value, hasKey, err := t.codec.sentKey(row)
	if err != nil {
		return r, err
	}
	if hasKey {
		r.private = []string{value}
		r.order = t.order(By(name, value))
	}
	extra := profileExtra{DataCollection: collect(RealTime, opts).collection}
	body := make([]byte, 0, bodySize)
	if !t.c.profilesV5 {
		r.query = "allowUpdate=" + strconv.FormatBool(update) // what POST does without it is not documented
		r.body, err = t.codec.appendProfileV4(body, row, extra)
		return r, err
	}
	r.path, extra.Key = pathProfilesV5, true
	if update {
		r.method = http.MethodPut // assumed: POST creates, after the general rule
	}
	r.body, err = t.codec.appendProfileV5(body, row, extra)
	return r, err
}

// bodySize is enough for most rows.
const bodySize = 512

func (t *ProfileTable[T]) order(k Key) string {
	return strings.Join([]string{t.c.entity, t.table, k.attribute, k.value}, "\x00")
}

// on is a call on one profile; more fills the path's placeholders after the key.
func (t *ProfileTable[T]) on(op, method, path string, key Key, more ...string) (request, error) {
	segment, err := key.segment()
	r := request{op: op, method: method, path: path, segments: append([]string{escape(t.table), segment}, more...),
		repeatable: true, private: []string{key.value}}
	if method != http.MethodGet {
		r.answer, r.order = transport.Maybe, t.order(key)
	}
	if method == http.MethodDelete {
		r.answer = transport.Any
	}
	return r, err
}

// do is a call on one profile whose answer is a status only.
func (t *ProfileTable[T]) do(ctx context.Context, opts []CallOption, op, method, path string, key Key, more ...string) error {
	r, err := t.on(op, method, path, key, more...)
	if err != nil {
		return err
	}
	_, err = t.c.send(ctx, &r, opts)
	return err
}

// get is a call on one profile that reads.
func (t *ProfileTable[T]) get(ctx context.Context, opts []CallOption, op, path string, key Key, decode func([]byte) error) error {
	r, err := t.on(op, http.MethodGet, path, key)
	if err != nil {
		return err
	}
	reply, err := t.c.send(ctx, &r, opts)
	if err != nil {
		return err
	}
	if err := decode(reply.body); err != nil {
		return r.undecodable(reply, err)
	}
	return nil
}

// profilePath is the path of one profile in the version that the client was made for.
func (t *ProfileTable[T]) profilePath() string {
	if t.c.profilesV5 {
		return pathProfileV5
	}
	return pathProfile
}

// Get reads a profile. Attributes without a value read as null into an [Opt], as zero into a plain field; subscriptions
// that the server does not name read as unset. A profile that does not exist is [ErrNotFound], which Actito also answers
// where access is not allowed.
//
// Before writing back what was read, unset the consents that were not changed: people may have unsubscribed meanwhile.
//
//actito:call GET /profiles/v4/entity/{entity}/table/{table}/profile/{key} [seen in use]
//actito:call GET /profiles/v5/entities/{entity}/profile-tables/{table}/profiles/{key} [assumed]
func (t *ProfileTable[T]) Get(ctx context.Context, key Key, opts ...CallOption) (T, error) {
	var row T
	err := t.get(ctx, opts, "get profile", t.profilePath(), key, func(body []byte) (err error) {
		row, err = t.codec.decodeProfile(body)
		return err
	})
	return row, err
}

// Update changes attributes of an existing profile. Unset attributes are not sent and stay as they are (assumed:
// the vendor's demo updates one attribute this way). One that does not exist is [ErrNotFound].
//
//actito:call PUT /profiles/v4/entity/{entity}/table/{table}/profile/{key} [seen in use]
//actito:call PATCH /profiles/v5/entities/{entity}/profile-tables/{table}/profiles/{key} [assumed]
func (t *ProfileTable[T]) Update(ctx context.Context, key Key, row T, opts ...CallOption) error {
	method, encode := http.MethodPut, t.codec.appendProfileV4
	if t.c.profilesV5 {
		method, encode = http.MethodPatch, t.codec.appendProfileV5
	}
	r, err := t.on("update profile", method, t.profilePath(), key)
	if err != nil {
		return err
	}
	r.row = true
	sent, err := t.rows.applied(&row)
	if err != nil {
		return err
	}
	if r.body, err = encode(nil, sent, profileExtra{DataCollection: collect(RealTime, opts).collection}); err != nil {
		return err
	}
	_, err = t.c.send(ctx, &r, opts)
	return err
}

// Delete deletes a profile. One that does not exist is [ErrNotFound], unless an earlier attempt of this call may
// have deleted it.
//
//actito:call DELETE /profiles/v4/entity/{entity}/table/{table}/profile/{key} [seen in use]
//actito:call DELETE /profiles/v5/entities/{entity}/profile-tables/{table}/profiles/{key} [assumed]
func (t *ProfileTable[T]) Delete(ctx context.Context, key Key, opts ...CallOption) error {
	return t.do(ctx, opts, "delete profile", http.MethodDelete, t.profilePath(), key)
}

// Subscription is one subscription of a profile.
type Subscription struct {
	ID         string // "" if the server did not say
	Name       string
	Subscribed bool
}

// Subscriptions reads the subscriptions of a profile. One that is missing may never have been set, or be one that the
// profile has left: which of them the server lists is not documented. Version 5 of the API has no such call: this is
// version 4's.
//
//actito:call GET /profiles/v4/entity/{entity}/table/{table}/profile/{key}/subscription [seen in use]
func (t *ProfileTable[T]) Subscriptions(ctx context.Context, key Key, opts ...CallOption) ([]Subscription, error) {
	var list []Subscription
	err := t.get(ctx, opts, "get subscriptions", pathSubscriptions, key, func(body []byte) error {
		var wire []struct {
			ID        text   `json:"id"`
			Name      string `json:"name"`
			Subscribe *bool  `json:"subscribe"`
		}
		err := decodeList(body, &wire, "subscriptions")
		for _, s := range wire {
			list = append(list, Subscription{string(s.ID), s.Name, s.Subscribe == nil || *s.Subscribe})
		}
		return err
	})
	return list, err
}

// Subscribe subscribes a profile. Version 5 of the API has no such call: this is version 4's, and so are the other
// calls for subscriptions and segmentations.
//
//actito:call POST /profiles/v4/entity/{entity}/table/{table}/profile/{key}/subscription/{subscription} [seen in use]
func (t *ProfileTable[T]) Subscribe(ctx context.Context, key Key, subscription string, opts ...CallOption) error {
	return t.do(ctx, opts, "subscribe", http.MethodPost, pathSubscription, key, escape(subscription))
}

// Unsubscribe ends a profile's subscription.
//
//actito:call DELETE /profiles/v4/entity/{entity}/table/{table}/profile/{key}/subscription/{subscription} [seen in use]
func (t *ProfileTable[T]) Unsubscribe(ctx context.Context, key Key, subscription string, opts ...CallOption) error {
	return t.do(ctx, opts, "unsubscribe", http.MethodDelete, pathSubscription, key, escape(subscription))
}

// Segmentation is a segmentation that a profile belongs to, in one of its categories or, for simple ones, in none.
type Segmentation struct {
	Name     string
	Category string
}

// Segmentations reads the segmentations that a profile belongs to. Version 5 of the API has no such call: this is
// version 4's.
//
//actito:call GET /profiles/v4/entity/{entity}/table/{table}/profile/{key}/segmentation [seen in use]
func (t *ProfileTable[T]) Segmentations(ctx context.Context, key Key, opts ...CallOption) ([]Segmentation, error) {
	var list []Segmentation
	err := t.get(ctx, opts, "get segmentations", pathSegmentations, key, func(body []byte) error {
		type flat struct {
			Name     string `json:"name"`
			Category string `json:"category"`
		}
		var wire []struct {
			flat
			Belongs *bool `json:"belongs"`
			Nested  *flat `json:"segmentation"`
		}
		err := decodeList(body, &wire, "segmentations", "segmentation") // both names are seen in use
		for _, s := range wire {
			if s.Belongs != nil && !*s.Belongs {
				continue
			}
			if s.Nested != nil {
				s.flat = *s.Nested
			}
			list = append(list, Segmentation(s.flat))
		}
		return err
	})
	return list, err
}

// Segment puts a profile into a segmentation, in one of its categories or, with an empty Category, in none.
//
//actito:call PUT /profiles/v4/entity/{entity}/table/{table}/profile/{key}/segmentation/{segmentation} [seen in use]
func (t *ProfileTable[T]) Segment(ctx context.Context, key Key, s Segmentation, opts ...CallOption) error {
	segment := escape(s.Name)
	if s.Category != "" {
		segment += ";category=" + escape(s.Category)
	}
	return t.do(ctx, opts, "segment", http.MethodPut, pathSegmentation, key, segment)
}

// Unsegment takes a profile out of a segmentation.
//
//actito:call DELETE /profiles/v4/entity/{entity}/table/{table}/profile/{key}/segmentation/{segmentation} [seen in use]
func (t *ProfileTable[T]) Unsegment(ctx context.Context, key Key, segmentation string, opts ...CallOption) error {
	return t.do(ctx, opts, "unsegment", http.MethodDelete, pathSegmentation, key, escape(segmentation))
}

// UpsertEach upserts one row after another, several at a time as the licence's pace allows, as [Background] work. It
// yields one [UpsertResult] per row, in the rows' order; rows with the same key are sent in that order too. A row may be
// reused by its source once the next one is asked for.
//
// When the source fails, its error is the last result. When the context ends, no further row is taken, and the last
// result has its error. Leaving the loop cancels what is under way.
//
//actito:through ProfileTable.Upsert
func (t *ProfileTable[T]) UpsertEach(ctx context.Context, rows iter.Seq2[T, error], opts ...CallOption) iter.Seq[UpsertResult] {
	return upsertEach(ctx, t.c, rows, opts, t.upsert)
}
