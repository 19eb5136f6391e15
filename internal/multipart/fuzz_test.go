package multipart

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzNames puts names into the heads of parts: what is accepted arrives, with no header or part more.
func FuzzNames(f *testing.F) {
	f.Add("inputFile", "customers.csv", "a\n")
	f.Add("a\"; filename=\"b", `c\"d\`, "\r\n--")
	f.Add("x\r\nX: y", "y", "")
	f.Fuzz(func(t *testing.T, field, file, content string) {
		p := text(file, content)
		p.Field = field
		made, err := New(p, text("last.csv", "z"))
		if err != nil {
			return
		}
		body := read(t, made)
		require.Len(t, body, int(made.Length()))
		r := parse(t, made, bytes.NewReader(body))
		first, err := r.NextPart()
		require.NoError(t, err)
		require.Equal(t, field, first.FormName())
		require.Len(t, first.Header, 2)
		got, err := io.ReadAll(first)
		require.NoError(t, err)
		require.Equal(t, content, string(got))
		second, err := r.NextPart()
		require.NoError(t, err)
		require.Equal(t, "last.csv", second.FileName())
		_, err = r.NextPart()
		require.ErrorIs(t, err, io.EOF)
	})
}
