package actito_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

const (
	// Of two customers the second is rejected, of three orders the second refers to it.
	sequenceCustomers = "customerID,emailAddress\nC1,ann@example.com\nC2,bob@nowhere\n"
	sequenceOrders    = "orderId,customerID,note\r\nO1,C1,\"a \"\"b\"\", c\"\r\nO2,C2,\"x\r\ny\"\r\n\"O3\",\"C1\",\r\n"
	sequenceLines     = "lineId,orderId\nL1,O1\nL2,O2\nL3,O3"
)

// chain is a shop with customers, their orders, and the lines of those.
func newSequenceShop(t testing.TB, opts ...actitotest.Option) *bulk {
	t.Helper()
	server := actitotest.NewServer(append([]actitotest.Option{actitotest.InMemory()}, opts...)...)
	t.Cleanup(server.Close)
	server.AddProfileTable("MyEntity", actitotest.Table{ID: "16", Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
		{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
		{Name: "firstName", Type: "FIRSTNAME"},
	}})
	server.AddCustomTable("MyEntity", actitotest.Table{ID: ordersID, Name: "Orders", PrimaryKey: "orderId", Attributes: []actitotest.Attribute{
		{Name: "orderId", Type: "STRING", Unique: true, Mandatory: true},
		{Name: "customerID", Type: "STRING", Mandatory: true},
		{Name: "note", Type: "STRING"},
	}, ForeignKeys: []actitotest.ForeignKey{{Name: "customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID"}}})
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Lines", PrimaryKey: "lineId", Attributes: []actitotest.Attribute{
		{Name: "lineId", Type: "STRING", Unique: true, Mandatory: true},
		{Name: "orderId", Type: "STRING", Mandatory: true},
	}, ForeignKeys: []actitotest.ForeignKey{{Name: "order", Attribute: "orderId", Table: "Orders", Referenced: "orderId"}}})
	server.Assume(actitotest.ResultFilesExist, actitotest.KeysWithCase, actitotest.ExecutionListExists)
	return newBulk(t, server)
}

func mapped(name string, kind actito.TableType, table string, columns ...string) *actito.Definition {
	f := actito.InputFile{FileNamePattern: name, Destination: actito.Destination{Table: kind, TableID: table}}
	for _, c := range columns {
		f.Mapping = append(f.Mapping, actito.Mapping{Column: c, Attribute: c})
	}
	return &actito.Definition{Name: name, Files: []actito.InputFile{f}}
}

// sequence is the chain, of one shots, with a policy.
func sequence(policy actito.RejectPolicy) actito.Sequence {
	return actito.Sequence{Steps: []actito.Step{
		{Name: "lines", Definition: mapped("lines.csv", actito.CustomTableType, "Lines", "lineId", "orderId"),
			Import: []actito.ImportOption{actito.DataBytes("lines.csv", []byte(sequenceLines))}, After: []actito.Edge{{Step: "orders", OnRejects: policy}}},
		{Name: "orders", Definition: mapped("orders.csv", actito.CustomTableType, "Orders", "orderId", "customerID", "note"),
			Import: []actito.ImportOption{actito.DataBytes("orders.csv", []byte(sequenceOrders)), actito.Keep},
			After:  []actito.Edge{{Step: "customers", OnRejects: policy}}},
		{Name: "customers", Definition: mapped("customers.csv", actito.ProfileTableType, "Customers", "customerID", "emailAddress"),
			Import: []actito.ImportOption{actito.DataBytes("customers.csv", []byte(sequenceCustomers))}},
	}}
}

// filesSent are the files of all imports by their names.
func (b *bulk) filesSent(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range b.starts() {
		for name, text := range sent(t, r).files {
			require.NotContains(t, all, name, "sent twice")
			all[name] = text
		}
	}
	return all
}

func states(r *actito.SequenceReport) map[string]actito.StepState {
	all := map[string]actito.StepState{}
	for _, s := range r.Steps {
		all[s.Name] = s.State
	}
	return all
}

func TestAPolicySaysWhatRejectsDoToTheStepsBehind(t *testing.T) {
	t.Parallel()
	for policy, tt := range map[actito.RejectPolicy]struct {
		states map[string]actito.StepState
		sent   map[string]string
		used   []int
	}{
		actito.Stop: {
			map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepSkipped, "lines": actito.StepSkipped},
			map[string]string{"customers.csv": sequenceCustomers}, []int{1, 0, 0},
		},
		actito.Continue: {
			map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepWithRejects, "lines": actito.StepWithRejects},
			map[string]string{"customers.csv": sequenceCustomers, "orders.csv": sequenceOrders, "lines.csv": sequenceLines}, []int{1, 1, 1},
		},
		actito.WithoutOrphans: {
			map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepWithRejects, "lines": actito.StepWithRejects},
			map[string]string{
				"customers.csv": sequenceCustomers,
				"orders.csv":    "orderId,customerID,note\r\nO1,C1,\"a \"\"b\"\", c\"\r\n\"O3\",\"C1\",\r\n",
				"lines.csv":     "lineId,orderId\nL1,O1\nL3,O3",
			}, []int{1, 1, 1},
		},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			t.Parallel()
			inEveryWorldInVirtualTime(t, func(t *testing.T, world ...actitotest.Assumption) {
				b := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, time.Minute))
				b.Assume(world...)
				report, err := b.client.ETLs.RunSequence(t.Context(), sequence(policy))
				require.ErrorIs(t, err, actito.ErrRowsRejected)
				var failed *actito.ImportError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, tt.states, states(report), err)
				require.Equal(t, tt.sent, b.filesSent(t))
				for i, table := range []string{"Customers", "Orders", "Lines"} {
					b.counted(t, table, tt.used[i], 0)
				}
				for _, cell := range []string{"C1", "C2", "O2", "L2", "nowhere"} {
					require.NotContains(t, report.String()+err.Error(), cell)
				}
				a := report.Account()
				require.Equal(t, a.Rows, a.Accepted+a.Rejected+a.Refused+a.Unknown)
				if policy != actito.WithoutOrphans {
					return
				}
				require.ErrorIs(t, err, actito.ErrRowsRefused)
				require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, a)
				held := []actito.Refusal{{File: "lines.csv", Row: 2, Reason: `its parent in step "orders" was rejected`}}
				require.Equal(t, held, report.Step("lines").HeldBack)
				require.Equal(t, held, report.Step("lines").Execution.Refused)
				require.Equal(t, actito.Account{Rows: 3, Accepted: 2, Refused: 1}, report.Step("orders").Account())
			}, actitotest.TimesInUTC, actitotest.IDOnlyInLocation, actitotest.QuotaRolling, actitotest.NamesMissing, actitotest.ExecutionListMissing)
		})
	}
}

func TestNoStepStartsBeforeThoseItNeedsHaveEnded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t, actitotest.WithImportTimes(3*time.Minute, 5*time.Minute))
		seq := sequence(actito.Continue)
		report, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.Error(t, err)
		imports := b.Imports()
		require.Len(t, imports, 3)
		for i, name := range []string{"customers", "orders", "lines"} {
			require.Equal(t, imports[i].ExecutionID, report.Step(name).Execution.ID)
			if i > 0 {
				require.GreaterOrEqual(t, imports[i].Time.Sub(imports[i-1].Time), 8*time.Minute)
			}
		}
	})
}

func TestASequenceThatCannotBeMeantSendsNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*actito.Sequence)
		want   string
	}{
		"without steps":                         {func(s *actito.Sequence) { s.Steps = nil }, "no steps"},
		"a step has no name":                    {func(s *actito.Sequence) { s.Steps[1].Name = "" }, "step 2 has no name"},
		"a name is there twice":                 {func(s *actito.Sequence) { s.Steps[1].Name = "lines" }, "two steps have this name"},
		"a step has neither ETL nor definition": {func(s *actito.Sequence) { s.Steps[1].Definition = nil }, "and not both"},
		"a step has both":                       {func(s *actito.Sequence) { s.Steps[1].ETL = "7" }, "and not both"},
		"an edge leads nowhere":                 {func(s *actito.Sequence) { s.Steps[1].After[0].Step = "x" }, `"x", which is no step`},
		"a step needs itself":                   {func(s *actito.Sequence) { s.Steps[1].After[0].Step = "orders" }, "orders after orders"},
		"steps need each other": {func(s *actito.Sequence) { s.Steps[2].After = []actito.Edge{{Step: "lines"}} },
			"lines after orders after customers after lines"},
		"an unknown policy":           {func(s *actito.Sequence) { s.Steps[1].After[0].OnRejects = 9 }, "Stop, Continue or WithoutOrphans"},
		"a column for another policy": {func(s *actito.Sequence) { s.Steps[1].After[0] = actito.Edge{Step: "customers", Column: "a", Of: "b"} }, "only WithoutOrphans"},
		"one column of two":           {func(s *actito.Sequence) { s.Steps[1].After[0].Column = "customerID" }, "name both, or none"},
		"a column that is not there": {func(s *actito.Sequence) {
			s.Steps[1].After[0].Column, s.Steps[1].After[0].Of = "customer", "customerID"
		}, `column "customer"`},
		"a column that the needed step does not have": {func(s *actito.Sequence) {
			s.Steps[1].After[0].Column, s.Steps[1].After[0].Of = "customerID", "customer"
		}, `step "customers"`},
		"a handle for itself": {func(s *actito.Sequence) {
			s.Steps[1].Import = append(s.Steps[1].Import, actito.OnPrepared(func(actito.Handle) error { return nil }))
		}, "SaveState"},
		"one key for two": {func(s *actito.Sequence) {
			for i := range s.Steps {
				s.Steps[i].Import = append(s.Steps[i].Import, actito.Once("k"))
			}
		}, `step "lines" has the same key`},
		"bad input in the last step": {func(s *actito.Sequence) {
			s.Steps[0].Import = []actito.ImportOption{actito.DataBytes("lines.csv", []byte("lineId,orderId\nL1\n"))}
		}, `actito: step "lines": lines.csv: line 2`},
		"no foreign key tells the columns": {func(s *actito.Sequence) { s.Steps[0].After[0].Step = "customers" }, "name the columns as the edge's Column and Of"},
		"refused rows that do not tell": {func(s *actito.Sequence) {
			s.Steps[2].Import = []actito.ImportOption{actito.DataRows("customers.csv", all(map[string]any{"customerID": "C1", "emailAddress": "a@example.com"},
				map[string]any{"customerID": "C2", "emailAddress": "b@example.com"}), actito.Columns("customerID", "emailAddress"),
				actito.Refuse(func(r map[string]any) (string, bool) { return "erased", r["customerID"] == "C2" }))}
		}, "of which only the key is known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newSequenceShop(t)
			seq := sequence(actito.WithoutOrphans)
			tt.change(&seq)
			report, err := b.client.ETLs.RunSequence(t.Context(), seq, actito.SaveState(func(actito.SequenceState) error { t.Error("saved"); return nil }))
			require.ErrorIs(t, err, actito.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, 1, strings.Count(err.Error(), "actito: "))
			require.NotNil(t, report)
			b.untouched(t)
		})
	}
}

func TestRowsThatWereRefusedHaveOrphansToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		seq := sequence(actito.WithoutOrphans)
		seq.Steps[2].Import = []actito.ImportOption{b.customers.Rows("customers.csv", all(bobRow, annRow), actito.Columns("customerID", "emailAddress"),
			actito.Refuse(func(c customer) (string, bool) { return "erased", c.ID == "C2" }))}
		report, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.ErrorIs(t, err, actito.ErrRowsRefused)
		require.NotErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, actito.StepWithRejects, report.Step("customers").State)
		require.Equal(t, "lineId,orderId\nL1,O1\nL3,O3", b.filesSent(t)["lines.csv"])
		require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Refused: 3}, report.Account())
	})
}

func TestAStepOfWhichNothingIsLeftCostsNoImport(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		seq := sequence(actito.WithoutOrphans)
		seq.Steps[1].Import = []actito.ImportOption{actito.DataBytes("orders.csv", []byte("orderId,customerID,note\nO1,C2,\nO2,C2,\n"))}
		report, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.ErrorIs(t, err, actito.ErrRowsRefused)
		require.Equal(t, actito.StepEmpty, report.Step("orders").State)
		require.Len(t, report.Step("orders").HeldBack, 2)
		require.Nil(t, report.Step("orders").Execution)
		require.Equal(t, "lineId,orderId\nL3,O3", b.filesSent(t)["lines.csv"], "O3 may be there since yesterday")
		b.counted(t, "Orders", 0, 0)
	})
}

func TestRejectsThatCannotBeReadStopWhatNeedsThem(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		b.Assume(actitotest.ResultFilesMissing)
		report, err := b.client.ETLs.RunSequence(t.Context(), sequence(actito.WithoutOrphans))
		require.ErrorContains(t, err, `which rows of step "customers" were not loaded is not known`)
		require.Equal(t, map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepSkipped, "lines": actito.StepSkipped}, states(report))
		b.counted(t, "Orders", 0, 0)
		b.counted(t, "Lines", 0, 0)
	})
}

func TestAStepThatFailedStopsItsDependantsInEveryPolicy(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault actitotest.Fault
		state actito.StepState
		want  error
		held  int
	}{
		"refused":  {actitotest.Status(400), actito.StepFailed, actito.ErrInvalid, 0},
		"in doubt": {actitotest.LoseAnswer(), actito.StepUnknown, actito.ErrOutcomeUnknown, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newSequenceShop(t)
				b.Fail(actitotest.OpRunOnce, tt.fault)
				var last actito.SequenceState
				report, err := b.client.ETLs.RunSequence(t.Context(), sequence(actito.Continue), actito.SaveState(func(s actito.SequenceState) error { last = s; return nil }))
				require.ErrorIs(t, err, tt.want)
				require.Equal(t, tt.held > 0, last.Steps[2].Handle != nil, "only what may have started is asked for once it is resumed")
				require.Equal(t, map[string]actito.StepState{"customers": tt.state, "orders": actito.StepSkipped, "lines": actito.StepSkipped}, states(report))
				require.Len(t, b.starts(), 1)
				b.counted(t, "Customers", 0, tt.held)
				b.counted(t, "Orders", 0, 0)
			})
		})
	}
	t.Run("numbers that do not add up", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			b := newSequenceShop(t)
			b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"7","status":"SUCCESS","files":[{"fileName":"customers.csv","status":"SUCCESS",
				"rowsRead":1,"rowsCreated":1,"rowsUpdated":0,"rowsInError":0}]}`))
			report, err := b.client.ETLs.RunSequence(t.Context(), sequence(actito.Continue))
			require.ErrorIs(t, err, actito.ErrRowsUnaccounted)
			require.Equal(t, map[string]actito.StepState{"customers": actito.StepUnknown, "orders": actito.StepSkipped, "lines": actito.StepSkipped}, states(report))
		})
	})
}

func TestTheImportsOfAllStepsAreReservedOrNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := newSequenceShop(t).Server
		b := newBulk(t, server, actito.WithQuota(actito.Quota{Limit: 2}))
		step := func(name string, rows ...customer) actito.Step {
			d := once(b.customers.InputFile("customers.csv", named))
			return actito.Step{Name: name, Definition: &d, Import: []actito.ImportOption{b.customers.Rows("customers.csv", all(rows...), named)}}
		}
		_, err := b.client.ETLs.RunSequence(t.Context(), actito.Sequence{Steps: []actito.Step{step("a", annRow), step("b", annRow), step("c", bobRow)}})
		var full *actito.QuotaError
		require.ErrorAs(t, err, &full)
		require.Equal(t, []any{"Customers", 2, 0, 0, 3}, []any{full.Table, full.Limit, full.Used, full.Held, full.Needed})
		require.ErrorContains(t, err, "so that 2 are left and the sequence needs 3")
		b.untouched(t)
		report, err := b.client.ETLs.RunSequence(t.Context(), actito.Sequence{Steps: []actito.Step{step("a", annRow), step("b", bobRow)}})
		require.NoError(t, err)
		require.Equal(t, map[string]actito.StepState{"a": actito.StepSucceeded, "b": actito.StepSucceeded}, states(report))
		b.counted(t, "Customers", 2, 0)
	})
}

func TestAReservationThatRanOutAtMidnightIsMadeOnceMore(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]bool{"and the new day has room": false, "and the new day is full": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				server := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, 90*time.Minute)).Server
				server.Assume(actitotest.QuotaByCalendarDay)
				b := newBulk(t, server, actito.WithQuota(actito.Quota{Limit: 1}))
				now := time.Now().In(brussels(t))
				time.Sleep(time.Date(now.Year(), now.Month(), now.Day()+1, 23, 0, 0, 0, now.Location()).Sub(now))
				if full {
					time.AfterFunc(75*time.Minute, func() {
						_, err := b.client.ETLs.RunOnce(t.Context(), *sequence(0).Steps[1].Definition, sequence(0).Steps[1].Import...)
						require.NoError(t, err)
					})
				}
				var latest actito.SequenceState
				seq := sequence(actito.Continue)
				report, err := b.client.ETLs.RunSequence(t.Context(), seq, actito.SaveState(func(s actito.SequenceState) error {
					if latest.Steps == nil {
						b.counted(t, "Orders", 0, 0)
					}
					latest = s
					return nil
				}))
				if full {
					require.ErrorIs(t, err, actito.ErrQuotaExceeded)
					require.Equal(t, actito.StepFailed, report.Step("orders").State)
					require.Len(t, b.Imports(), 2)
					require.Nil(t, latest.Steps[1].Handle)
					time.Sleep(24 * time.Hour)
					report, _ = b.client.ETLs.ResumeSequence(t.Context(), seq, latest)
				}
				require.Equal(t, map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepWithRejects, "lines": actito.StepWithRejects}, states(report))
				b.counted(t, "Customers", 0, 0)
				b.counted(t, "Orders", 1, 0)
			})
		})
	}
}

func TestWhenTheContextEndsNoStepStartsAnyMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, 10*time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		var state []byte
		seq := sequence(actito.WithoutOrphans)
		report, err := b.client.ETLs.RunSequence(ctx, seq, saving(t, &state))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepRunning, "lines": actito.StepNotStarted}, states(report))
		b.counted(t, "Orders", 1, 0)
		b.counted(t, "Lines", 0, 0)

		report, err = b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state))
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, report.Account())
		require.Len(t, b.Imports(), 3)
		require.Equal(t, "lineId,orderId\nL1,O1\nL3,O3", b.filesSent(t)["lines.csv"])
	})
}

func TestASequenceInADryRunSendsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		dry := newBulk(t, b.Server, actito.WithDryRun())
		report, err := dry.client.ETLs.RunSequence(t.Context(), sequence(actito.WithoutOrphans))
		require.NoError(t, err)
		require.Equal(t, actito.StatusDryRun, report.Step("lines").Execution.Status)
		b.untouched(t)
	})
}

func TestStepsOfStoredETLsAndInPartsLoseTheirOrphansToo(t *testing.T) {
	t.Parallel()
	inEveryWorldInVirtualTime(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newSequenceShop(t)
		b.Assume(world...)
		seq := sequence(actito.WithoutOrphans)
		seq.Steps[2].ETL, seq.Steps[2].Definition = b.stored(t, seq.Steps[2].Definition.Files...), nil
		var parts []*actito.Staged
		for _, rows := range []string{"O1,C1,\n", "O2,C2,\n", "O3,C1,\nO4,C2,\n"} {
			s, err := actito.Stage(t.Context(), actito.DataBytes("orders.csv", []byte("orderId,customerID,note\n"+rows)))
			require.NoError(t, err)
			defer s.Close()
			parts = append(parts, s)
		}
		seq.Steps[1].Import = []actito.ImportOption{actito.InParts(parts...), actito.Urgent(), actito.Once("orders")}
		var state []byte
		report, err := b.client.ETLs.RunSequence(t.Context(), seq, saving(t, &state))
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		e := report.Step("orders").Execution
		require.Len(t, e.Parts, 2)
		require.Equal(t, []int{2, 4}, []int{e.Refused[0].Row, e.Refused[1].Row})
		require.Equal(t, actito.Account{Rows: 4, Accepted: 2, Refused: 2}, report.Step("orders").Account())
		require.Equal(t, "orderId,customerID,note\nO3,C1,\n", sent(t, b.starts()[2]).files["orders.csv"])
		b.counted(t, "Orders", 2, 0)

		again, err := b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state))
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, report.Account(), again.Account())
		require.Len(t, b.Imports(), 4)
	}, actitotest.NamesMissing, actitotest.ExecutionListMissing)
}

func TestStepsMayBeOfOtherEntities(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		b.AddCustomTable("Other", actitotest.Table{Name: "Elsewhere", PrimaryKey: "lineId", Attributes: []actitotest.Attribute{
			{Name: "lineId", Type: "STRING", Unique: true, Mandatory: true}, {Name: "orderId", Type: "STRING"}}})
		seq := sequence(actito.Continue)
		seq.Steps[0].Entity, seq.Steps[0].Definition = "Other", mapped("lines.csv", actito.CustomTableType, "Elsewhere", "lineId", "orderId")
		report, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.Error(t, err)
		require.Equal(t, actito.StepSucceeded, report.Step("lines").State)
		i := slices.IndexFunc(b.Imports(), func(i actitotest.Import) bool { return i.Entity == "Other" })
		require.Equal(t, 2, i)
	})
}
