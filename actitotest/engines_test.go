package actitotest_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/vectors"
	"github.com/actito-go/actito/transform"
)

// TestBothEnginesMakeTheSameOfACell lets the fake and package transform, which share
// no code, read cells that are much like those of the vectors, by their parameters.
func TestBothEnginesMakeTheSameOfACell(t *testing.T) {
	t.Parallel()
	for _, table := range vectors.Read(t, "../testdata/transform") {
		if !slices.Contains(serviceKinds, table.Kind) {
			continue
		}
		t.Run(table.Kind, func(t *testing.T) {
			t.Parallel()
			var params, cells []string
			for _, v := range table.Vectors {
				_, err := transform.Parse([]byte("[" + v.Transformation(table.Kind) + "]"))
				odd := strings.Contains(string(v.Params), `"lt"`) || strings.Contains(string(v.Params), `"el"`) // their accents are local
				if err == nil && !v.Local && !odd {
					params, cells = append(params, v.Transformation(table.Kind)), append(cells, v.In)
				}
			}
			rapid.Check(t, func(rt *rapid.T) {
				transformation := rapid.SampledFrom(params).Draw(rt, "transformation")
				list := rapid.SliceOfN(similar(cells), 1, 50).Draw(rt, "cells")
				rt.Logf("%s", transformation)
				remote := remotely(t, transformation, list)
				for i, cell := range list {
					require.Equal(rt, locally(rt, transformation, cell), remote[i], "%q", cell)
				}
			})
		})
	}
}

// similar draws cells that differ from others by a few characters, which are
// theirs, too.
func similar(cells []string) *rapid.Generator[string] {
	var runes []rune
	for _, cell := range cells {
		runes = append(runes, []rune(cell)...)
	}
	return rapid.Custom(func(rt *rapid.T) string {
		cell := []rune(rapid.SampledFrom(cells).Draw(rt, "cell"))
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			at := rapid.IntRange(0, len(cell)).Draw(rt, "at")
			end := min(len(cell), at+rapid.IntRange(0, 1).Draw(rt, "removed"))
			some := rapid.SliceOfN(rapid.SampledFrom(runes), 0, 1).Draw(rt, "inserted")
			cell = slices.Replace(cell, at, end, some...)
		}
		return string(cell)
	})
}

// outcome is a cell as it becomes, or that it is refused.
type outcome struct {
	text    string
	refused bool
}

func locally(rt *rapid.T, transformation, cell string) outcome {
	spec, err := transform.Parse([]byte("[" + transformation + "]"))
	require.NoError(rt, err)
	p, err := spec.Bind([]string{"value"}, transform.CSV)
	require.NoError(rt, err)
	row := p.NewRow()
	if cell != "" {
		row.Values[0].SetString(cell)
	}
	if p.Run(row) != nil {
		return outcome{refused: true}
	}
	return outcome{text: string(row.Values[0].Text)}
}

// remotely imports the cells through the transformation, each as a row of its own.
func remotely(t *testing.T, transformation string, cells []string) []outcome {
	t.Helper()
	s := actitotest.NewServer(actitotest.InMemory())
	defer s.Close()
	c := &client{t: t, server: s}
	c.http.Transport = s.Transport()
	c.addTexts("value")
	data := "rowKey;value\n"
	for i, cell := range cells {
		require.True(t, utf8.ValidString(cell))
		data += fmt.Sprintf("%d;%s\n", i, quoted(cell))
	}
	c.runOnce(definition(t, textsFile([]string{"value"}, transformation)), csvPart("texts.csv", data))
	all := make([]outcome, len(cells))
	for i := range all {
		stored, accepted := s.Record("Texts", strconv.Itoa(i))
		all[i] = outcome{stored["value"], !accepted}
	}
	return all
}
