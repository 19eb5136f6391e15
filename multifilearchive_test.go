package actito

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The entries of one archive are byte for byte those of the files' own, in memory and on the disk.
func TestOneArchiveHoldsWhatTheFilesOwnHold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		b := bounds{limit: maxFileSize, dir: dir, memory: rapid.SampledFrom([]int{0, 200, stagingMemory}).Draw(rt, "memory")}
		var data []Data
		var texts []string
		for i := range rapid.IntRange(1, 4).Draw(rt, "files") {
			text := "a,b\n"
			for row := range rapid.IntRange(1, 300).Draw(rt, "rows") {
				text += fmt.Sprintf("%d,%d\n", row, row*row%97)
			}
			texts = append(texts, text)
			data = append(data, DataBytes(fmt.Sprintf("%sé%d.csv", rapid.SampledFrom([]string{"a", "bb"}).Draw(rt, "name"), i), []byte(text)))
		}
		s, err := b.stage(t.Context(), data)
		require.NoError(rt, err)
		defer s.Close()
		one, err := b.bundle(s.files)
		require.NoError(rt, err)
		defer one.Close()
		whole := one.files[0]

		body := sent(rt, one, 0)
		require.Equal(rt, whole.Size, int64(len(body)))
		archive, err := zip.NewReader(bytes.NewReader(body), whole.Size)
		require.NoError(rt, err)
		require.Len(rt, archive.File, len(texts))
		for i, entry := range archive.File {
			require.Equal(rt, s.files[i].Name, entry.Name)
			r, err := entry.Open()
			require.NoError(rt, err)
			text, err := io.ReadAll(r) // which checks the sum
			require.NoError(rt, err)
			require.Equal(rt, texts[i], string(text))
		}

		b.limit = whole.Size
		same, err := b.bundle(s.files)
		require.NoError(rt, err, "the limit itself is allowed, and the size is known before")
		require.NoError(rt, same.Close())
		b.limit--
		_, err = b.bundle(s.files)
		var large *FileTooLargeError
		require.ErrorAs(rt, err, &large)
		require.Equal(rt, []any{whole.Size, b.limit, len(texts)}, []any{large.Size, large.Limit, large.Files})
		require.ErrorIs(rt, err, ErrInvalid)
		require.ErrorContains(rt, err, "leave OneArchive out")
		require.NoError(rt, s.Close())
		b.limit++
		_, err = b.bundle(s.files)
		require.ErrorIs(rt, err, os.ErrClosed)
	})
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTooManyParentsToRememberAreAnError(t *testing.T) {
	t.Parallel()
	s := parentSearch{}
	keys := newKeySet()
	keys.most = 2
	for _, value := range []string{"a", "b", "a"} {
		require.NoError(t, s.add(keys, []byte(value), "f.csv", "c"))
	}
	err := s.add(keys, []byte("x"), "f.csv", "c")
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, "f.csv")
	require.ErrorContains(t, err, "LookUpParents(-1)")
}
