package feed

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzPayload opens what a store hands back, which may be damaged, sealed with another key or of another event.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"key":"C1","row":{"customerID":"C1","n":1e400}}`), "profiles:Shop/Customers:customerID", "k", byte(0))
	f.Add([]byte(`{"key":"C1","collected":{}}`), "records:Shop/Orders:orderID", "", byte(9))
	f.Add([]byte(`{"row":`), "a\x00b", "\xff", byte(40))
	block, err := aes.NewCipher(make([]byte, 32))
	require.NoError(f, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, plain []byte, lane, key string, flip byte) {
		open := Event{Lane: lane, Key: Key(key), Payload: plain}
		want, wantErr := seal{}.open(&open)
		if wantErr == nil {
			again, err := json.Marshal(want)
			require.NoError(t, err)
			_, err = seal{}.open(&Event{Payload: again})
			require.NoError(t, err, "%s", again)
		}

		_, err := seal{aead}.open(&open)
		require.ErrorIs(t, err, errSealed, "it was not sealed")
		sealed := open
		sealed.Payload = seal{aead}.close(&open, plain)
		require.Equal(t, plain, open.Payload)
		got, err := seal{aead}.open(&sealed)
		require.Equal(t, wantErr, err)
		require.Equal(t, want, got)

		moved := sealed
		moved.Key += "x"
		_, err = seal{aead}.open(&moved)
		require.ErrorIs(t, err, errSealed, "it is another key's")
		damaged := sealed
		damaged.Payload = bytes.Clone(sealed.Payload)
		damaged.Payload[int(flip)%len(damaged.Payload)] ^= 1
		_, err = seal{aead}.open(&damaged)
		require.ErrorIs(t, err, errSealed, "it was changed")
		_, err = seal{aead}.open(&Event{Lane: lane, Key: Key(key), Payload: sealed.Payload[:len(sealed.Payload)-1]})
		require.ErrorIs(t, err, errSealed, "it was cut")
	})
}
