package actito_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// both is a step that loads orders and their lines.
func bothFiles(orders, lines string, optional bool) actito.Step {
	d := mapped("orders.csv", actito.CustomTableType, "Orders", "orderId", "customerID")
	l := mapped("lines.csv", actito.CustomTableType, "Lines", "lineId", "orderId").Files[0]
	d.Files[0].Optional = optional
	d.Files = append(d.Files, l)
	return actito.Step{Name: "both", Definition: d, Import: []actito.ImportOption{
		actito.DataBytes("orders.csv", []byte("orderId,customerID\n"+orders)), actito.DataBytes("lines.csv", []byte("lineId,orderId\n"+lines))},
		After: []actito.Edge{{Step: "customers", OnRejects: actito.WithoutOrphans}}}
}

func TestOfAStepWithSeveralFilesOrphansAreInOne(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step  actito.Step
		state actito.StepState
		files map[string]string
		want  string
	}{
		"some rows are held back": {bothFiles("O1,C1\nO2,C2\n", "L1,O1\n", false), actito.StepWithRejects,
			map[string]string{"orders.csv": "orderId,customerID\nO1,C1\n", "lines.csv": "lineId,orderId\nL1,O1\n"}, "1 of 3"},
		"all rows of a required file are": {bothFiles("O2,C2\n", "L1,O1\n", false), actito.StepSkipped, nil, "requires the file beside others"},
		"all rows of an optional file are": {bothFiles("O2,C2\n", "L1,O1\n", true), actito.StepWithRejects,
			map[string]string{"lines.csv": "lineId,orderId\nL1,O1\n"}, "1 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newSequenceShop(t)
				seq := actito.Sequence{Steps: []actito.Step{tt.step, sequence(0).Steps[2]}}
				var told []actito.Refusal
				report, err := b.client.ETLs.RunSequence(t.Context(), seq, actito.SaveState(func(s actito.SequenceState) error {
					if h := s.Steps[0].Handle; h != nil {
						told = h.Refused
					}
					return nil
				}))
				require.Equal(t, tt.state, report.Step("both").State, err)
				require.ErrorContains(t, report.Step("both").Err, tt.want)
				if tt.files != nil {
					require.Len(t, told, 1, "whoever resumes from the handle alone is told of the row that was held back")
					require.Equal(t, "orders.csv", told[0].File)
				}
				got := b.filesSent(t)
				delete(got, "customers.csv")
				require.Len(t, got, len(tt.files))
				for name, text := range tt.files {
					require.Equal(t, text, got[name])
				}
			})
		})
	}
	t.Run("the edge names the file where two have the column", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			b := newSequenceShop(t)
			first := bothFiles("O1,C1\nO2,C9\n", "L1,O1\n", false)
			first.After = nil
			last := sequence(0).Steps[0]
			last.After = []actito.Edge{{Step: "both", OnRejects: actito.WithoutOrphans, Column: "orderId", Of: "orderId"}}
			seq := actito.Sequence{Steps: []actito.Step{first, last}}
			_, err := b.client.ETLs.RunSequence(t.Context(), seq)
			require.ErrorIs(t, err, actito.ErrInvalid)
			require.ErrorContains(t, err, `several files of step "both" have this column: name the one that is meant as the edge's OfFile`)
			b.untouched(t)
			seq.Steps[1].After[0].OfFile = "orders.csv"
			seq.Steps[1].After[0].File = "lines.csv"
			_, err = b.client.ETLs.RunSequence(t.Context(), seq)
			require.ErrorIs(t, err, actito.ErrRowsRejected)
			require.NotContains(t, sent(t, b.starts()[1]).files["lines.csv"], "O2")
		})
	})
}

func TestOrphansAreFoundInOtherEncodingsToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		seq := sequence(actito.WithoutOrphans)
		seq.Steps[2].Import = []actito.ImportOption{actito.DataBytes("customers.csv", []byte("customerID,emailAddress\nZo\xeb,nowhere\nAnn,ann@example.com\n"),
			actito.Encoded(actito.ISO88591), actito.Pack(actito.GZIP))}
		seq.Steps[1].Import = []actito.ImportOption{actito.DataBytes("orders.csv", []byte("orderId;customerID;note\nO1;\"Zo\xeb\";\xe9\nO2;Ann;\xe9\n"),
			actito.Encoded(actito.ISO88591), actito.SeparatedBy(';'))}
		seq.Steps[0].Import = []actito.ImportOption{actito.DataBytes("lines.csv", []byte("lineId,orderId\nL1,O1\nL2,O2\n"), actito.Pack(actito.Uncompressed))}
		report, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, actito.Account{Rows: 6, Accepted: 3, Rejected: 1, Refused: 2}, report.Account(), "%s", report)
		require.Equal(t, "orderId;customerID;note\nO2;Ann;\xe9\n", sent(t, b.starts()[1]).files["orders.csv"])
	})
}

func TestAFileThatTheServerFetchesHasOrphansToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		location := b.AddLocation("MyEntity", "sftp")
		b.PutFile(location, "customers.csv", []byte(sequenceCustomers))
		seq := sequence(actito.WithoutOrphans)
		seq.Steps[2].Definition.Files[0].Compression = actito.Uncompressed
		seq.Steps[2].Import = []actito.ImportOption{actito.Remote(location, "customers.csv")}
		report, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, report.Account())

		seq.Steps[2].After = []actito.Edge{{Step: "orders", OnRejects: actito.WithoutOrphans, Column: "customerID", Of: "customerID"}}
		seq.Steps[1].After = nil
		_, err = b.client.ETLs.RunSequence(t.Context(), seq)
		require.ErrorContains(t, err, "no row of it can be held back")
	})
}

func TestWhatIsKeptIsByteForByteAndWhatIsHeldBackIsNumbered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cell := rapid.SampledFrom([]string{"", `""`, "a", `"a"`, `"a ""b"""`, "\"x\r\ny\"", "é", `"1,2"`})
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "line end")
		text, kept := "note,orderId,customerID"+end, "note,orderId,customerID"+end
		var held []int
		n := rapid.IntRange(1, 6).Draw(rt, "rows")
		for i := range n {
			customer := rapid.SampledFrom([]string{"C1", `"C1"`, "C2", `"C2"`, "c2", "C22"}).Draw(rt, "customer")
			row := cell.Draw(rt, "note") + ",O" + string(rune('1'+i)) + "," + customer
			if i < n-1 || rapid.Bool().Draw(rt, "last line end") {
				row += end
			}
			if text += row; strings.Contains(row, ",C2\r") || strings.Contains(row, ",C2\n") || strings.HasSuffix(row, ",C2") || strings.Contains(row, `"C2"`) {
				held = append(held, i+1)
				continue
			}
			kept += row
		}
		synctest.Test(t, func(t *testing.T) {
			b := newSequenceShop(t)
			seq := actito.Sequence{Steps: sequence(actito.WithoutOrphans).Steps[1:]}
			seq.Steps[0].Import = []actito.ImportOption{actito.DataBytes("orders.csv", []byte(text))}
			report, err := b.client.ETLs.RunSequence(t.Context(), seq)
			require.Error(t, err)
			var rows []int
			for _, r := range report.Step("orders").HeldBack {
				rows = append(rows, r.Row)
			}
			require.Equal(t, held, rows)
			if len(held) == n {
				require.Equal(t, actito.StepEmpty, report.Step("orders").State)
				return
			}
			require.Equal(t, kept, b.filesSent(t)["orders.csv"])
		})
	})
}

func TestAPanicInACallbackEndsTheSequenceInTheCallersGoroutine(t *testing.T) {
	t.Parallel()
	for call, imports := range []int{0, 0, 1, 1, 1, 2} {
		t.Run(string(rune('1'+call)), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newSequenceShop(t)
				calls := 0
				var state actito.SequenceState
				require.PanicsWithError(t, "broken", func() {
					_, _ = b.client.ETLs.RunSequence(t.Context(), sequence(actito.WithoutOrphans), actito.SaveState(func(s actito.SequenceState) error {
						if state = s; calls == call {
							panic(errors.New("broken"))
						}
						calls++
						return nil
					}))
				})
				require.Len(t, b.Imports(), imports)
				for i, table := range []string{"Customers", "Orders", "Lines"} {
					b.counted(t, table, map[bool]int{true: 1}[i < imports], 0)
				}
				report, _ := b.client.ETLs.ResumeSequence(t.Context(), sequence(actito.WithoutOrphans), state)
				require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, report.Account())
				require.Len(t, b.Imports(), 3)
			})
		})
	}
}

func TestASequenceThatIsRunAgainWithItsOnceKeysSendsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		seq := sequence(actito.WithoutOrphans)
		for i := range seq.Steps {
			seq.Steps[i].Import = append(seq.Steps[i].Import, actito.Once(seq.Steps[i].Name))
		}
		for range 2 {
			report, err := b.client.ETLs.RunSequence(t.Context(), seq)
			require.ErrorIs(t, err, actito.ErrRowsRejected)
			require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, report.Account())
			require.Len(t, b.Imports(), 3)
		}
		b.counted(t, "Lines", 1, 0)
	})
}

func TestIndependentStepsRunAtTheSameTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t, actitotest.WithImportTimes(0, time.Hour))
		seq := sequence(0)
		seq.Steps[0].After, seq.Steps[1].After = nil, nil
		_, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.Error(t, err)
		require.Len(t, b.Imports(), 3)
		require.Less(t, b.Imports()[2].Time.Sub(b.Imports()[0].Time), time.Minute)
	})
}

func TestAStoredStepWhoseOrphansWereHeldBackIsFoundByItsMark(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		b.Assume(actitotest.NamesInExecutions)
		seq := sequence(actito.WithoutOrphans)
		seq.Steps[1].ETL, seq.Steps[1].Definition = b.stored(t, seq.Steps[1].Definition.Files...), nil
		seq.Steps[1].Import = []actito.ImportOption{actito.DataBytes("orders.csv", []byte("orderId,customerID,note\nO1,C1,\nO2,C2,\nO3,C1,\n")), actito.Keep}
		b.Fail(actitotest.OpETLTrigger, actitotest.LoseAnswer())
		var state []byte
		_, err := b.client.ETLs.RunSequence(t.Context(), seq, saving(t, &state))
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		report, err := b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state))
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, actito.Account{Rows: 3, Accepted: 2, Refused: 1}, report.Step("orders").Account())
		arrivedOnce(t, b)
		require.Len(t, b.Imports(), 3)
	})
}

func TestAPartThatIsLeftAloneDefinesItsOwnFileOnly(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		step := bothFiles("", "", false)
		var parts []*actito.Staged
		for _, rows := range []string{"O1,C2\n", "O2,C2\n"} {
			s, err := actito.Stage(t.Context(), actito.DataBytes("orders.csv", []byte("orderId,customerID\n"+rows)))
			require.NoError(t, err)
			parts = append(parts, s)
		}
		step.Import = []actito.ImportOption{actito.InParts(parts...), actito.DataBytes("lines.csv", []byte("lineId,orderId\nL1,O9\n"))}
		report, err := b.client.ETLs.RunSequence(t.Context(), actito.Sequence{Steps: []actito.Step{step, sequence(0).Steps[2]}})
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, 2, report.Step("both").Account().Refused)
		require.NotContains(t, string(sent(t, b.starts()[1]).definition), `"fileNamePattern":"orders.csv"`, "it would require it")
		b.counted(t, "Orders", 0, 0)
	})
}
