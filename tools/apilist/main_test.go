package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheListIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	methods, err := read("../..")
	require.NoError(t, err)
	require.Empty(t, check(methods))
	got, err := os.ReadFile("../../api.md")
	require.NoError(t, err)
	assert.Equal(t, list(methods), string(got), "run go generate . in the root")
}

func TestDirectivesThatCannotBeAreFound(t *testing.T) {
	t.Parallel()
	get := call{"GET", "/v5/things", "assumed"}
	reads := method{name: "Things.List", calls: []call{get}, reached: []string{"/v5/things"}}
	for _, c := range []struct {
		name    string
		methods []method
		want    string
	}{
		{"a method without any", []method{{name: "Things.Wait", reached: []string{"/v5/things"}}},
			"Things.Wait reaches the service, and has no //actito:call or //actito:through"},
		{"a path that the code does not name", []method{{name: "Things.List", calls: []call{get}, reached: []string{"/v5/others"}}},
			"Things.List does not reach /v5/things\nThings.List reaches /v5/others, which no directive tells"},
		{"a path through another method, which is not told", []method{{name: "Things.List", calls: []call{get}, reached: []string{"/v5/others", "/v5/things"}}},
			"Things.List reaches /v5/others, which no directive tells"},
		{"another method that is not there", []method{{name: "Things.Wait", through: []string{"Things.Get"}}},
			"Things.Wait: there is no Things.Get that reaches the service"},
		{"the same call, surer", []method{reads, {name: "Things.All", calls: []call{{"GET", "/v5/things", "documented"}}, reached: []string{"/v5/things"}}},
			"Things.All: GET /v5/things is documented here, and assumed elsewhere"},
		{"none that cannot", []method{reads, {name: "Things.Wait", through: []string{"Things.List"}, reached: []string{"/v5/things"}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got string
			for i, line := range check(c.methods) {
				if i > 0 {
					got += "\n"
				}
				got += line
			}
			assert.Equal(t, c.want, got)
		})
	}
}
