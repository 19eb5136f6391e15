package feed

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"github.com/actito-go/actito"
)

// payload is what an event hands over. Of a delete it is only the key.
type payload struct {
	Key       string                     `json:"key,omitempty"`
	Row       json.RawMessage            `json:"row,omitempty"`
	Collected *actito.DataCollectionInfo `json:"collected,omitempty"`
}

// keyOf hashes a key within its lane.
func keyOf(lane, text string) Key {
	sum := sha256.Sum256([]byte(lane + "\x00" + text))
	return Key(base64.RawURLEncoding.EncodeToString(sum[:16]))
}

// text is the text of a key in a row, or "" if it has none.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// columnsOf tells rows by their columns. It is never 0.
func columnsOf(row map[string]any) int64 {
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(row)) {
		_, _ = h.Write([]byte(name + "\x00"))
	}
	return int64(h.Sum64() | 1) //nolint:gosec // a hash
}

// consents reports whether a row changes a subscription or segmentation.
func consents(row map[string]any) bool {
	for name := range row {
		if strings.Contains(name, "#") {
			return true
		}
	}
	return false
}

// optOuts are the subscriptions that a row ends.
func optOuts(row map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range row {
		if value == false && strings.HasPrefix(name, "subscriptions#") {
			out[name] = value
		}
	}
	return out
}

// seal is how payloads are kept: as they are without an AEAD, otherwise as nonce and ciphertext, bound to lane and key.
type seal struct{ cipher.AEAD }

func (s seal) close(e *Event, plain []byte) []byte {
	if s.AEAD == nil {
		return plain
	}
	nonce := make([]byte, s.NonceSize(), s.NonceSize()+len(plain)+s.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return s.Seal(nonce, nonce, plain, s.bound(e))
}

func (s seal) open(e *Event) (p payload, err error) {
	plain := e.Payload
	if s.AEAD != nil {
		if len(plain) < s.NonceSize() {
			return p, errSealed
		}
		nonce, sealed := plain[:s.NonceSize()], plain[s.NonceSize():]
		if plain, err = s.Open(nil, nonce, sealed, s.bound(e)); err != nil {
			return p, errSealed
		}
	}
	if json.Unmarshal(plain, &p) != nil {
		return p, errors.New("feed: a payload cannot be read: if payloads were sealed when it was handed over, give Seal its key")
	}
	return p, nil
}

var errSealed = errors.New("feed: a payload cannot be opened: give Seal the key that it was handed over with")

func (s seal) bound(e *Event) []byte { return []byte(e.Lane + "\x00" + string(e.Key)) }
