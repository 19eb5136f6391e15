package actito_test

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestRowsThatAreHeldBackAreNotInTheArchiveOfAllFiles(t *testing.T) {
	t.Parallel()
	const orders, lines = "orderId,customerID\nO1,C1\n", "lineId,orderId\nL1,O1\n"
	for name, tt := range map[string]struct {
		step actito.Step
		want []map[string]string // of each archive, its files
	}{
		"some rows": {bothFiles("O1,C1\nO2,C2\n", "L1,O1\n", false), []map[string]string{{"orders.csv": orders, "lines.csv": lines}}},
		"a file":    {bothFiles("O2,C2\n", "L1,O1\n", true), []map[string]string{{"lines.csv": lines}}},
		"all that is not fetched": {func() actito.Step {
			s := bothFiles("O2,C2\n", "", true)
			s.Import = s.Import[:1]
			return s
		}(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newSequenceShop(t)
				if tt.want == nil {
					location := b.AddLocation("MyEntity", "sftp")
					b.PutFile(location, "lines.csv", []byte(lines))
					tt.step.Definition.Files[1].Compression = actito.Uncompressed
					tt.step.Import = append(tt.step.Import, actito.Remote(location, "lines.csv"))
				}
				tt.step.Import = append(tt.step.Import, actito.OneArchive())
				report, err := b.client.ETLs.RunSequence(t.Context(), actito.Sequence{Steps: []actito.Step{tt.step, sequence(0).Steps[2]}})
				require.ErrorIs(t, err, actito.ErrRowsRejected)
				require.Equal(t, actito.StepWithRejects, report.Step("both").State, err)
				require.Len(t, report.Step("both").HeldBack, 1)
				var got []map[string]string
				for _, f := range b.Imports()[1].Files {
					if f.Name == "lines.csv" {
						continue // it was fetched
					}
					archive, err := zip.NewReader(bytes.NewReader(f.Content), f.Size)
					require.NoError(t, err)
					texts := map[string]string{}
					for _, entry := range archive.File {
						r, err := entry.Open()
						require.NoError(t, err)
						text, err := io.ReadAll(r)
						require.NoError(t, err)
						texts[entry.Name] = string(text)
					}
					got = append(got, texts)
				}
				require.Equal(t, tt.want, got)
			})
		})
	}
}

func TestAReservationOfARollingDayThatRanOutIsMadeOnceMore(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]bool{"and there is room": false, "and it is full": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, 25*time.Hour)).Server
				server.Assume(actitotest.QuotaRolling)
				b := newBulk(t, server, actito.WithQuota(actito.Quota{Limit: 1, Window: actito.Rolling24h}))
				orders := sequence(0).Steps[1]
				start := func(want error) func() {
					return func() {
						_, err := b.client.ETLs.RunOnce(t.Context(), *orders.Definition, orders.Import...)
						require.ErrorIs(t, err, want)
					}
				}
				time.AfterFunc(23*time.Hour, start(actito.ErrQuotaExceeded))
				if full {
					time.AfterFunc(24*time.Hour+10*time.Minute, start(nil))
				}
				report, err := b.client.ETLs.RunSequence(t.Context(), sequence(actito.Continue))
				if full {
					require.ErrorIs(t, err, actito.ErrQuotaExceeded)
					require.Equal(t, map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepFailed, "lines": actito.StepSkipped}, states(report))
					b.counted(t, "Lines", 0, 0)
					return
				}
				require.Equal(t, map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepWithRejects, "lines": actito.StepWithRejects}, states(report), err)
				require.Len(t, b.Imports(), 3)
			})
		})
	}
}
