package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestALongStepIsShown(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		terminal bool
		want     string
	}{
		"on one line of a terminal": {true, "   waiting, 1 s\r\x1b[K   waiting, 2 s\r\x1b[K   nearly, 3 s\r\x1b[Kdone\n"},
		"rarely elsewhere":          {false, "done\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := newPrinter(&out)
				p.terminal = test.terminal
				step := p.begin("waiting")
				time.Sleep(2500 * time.Millisecond) // of the bubble's time
				step.is("nearly")
				time.Sleep(time.Second)
				step.end()
				step.end()
				p.line("done")
				assert.Equal(t, test.want, out.String())
			})
		})
	}
}

func TestAVeryLongStepIsShownInALog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		step := newPrinter(&out).begin("waiting")
		time.Sleep(25 * time.Second)
		step.end()
		assert.Equal(t, "   waiting, 10 s\n   waiting, 20 s\n", out.String())
	})
}
