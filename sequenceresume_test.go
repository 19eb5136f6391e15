package actito_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// begunInPart is the chain of which the first of two parts of the orders went, and its state. The second part has an orphan.
func begunInPart(t *testing.T) (*bulk, actito.Sequence, []byte) {
	t.Helper()
	b, seq := newSequenceShop(t), sequence(actito.WithoutOrphans)
	var parts []*actito.Staged
	for _, rows := range []string{"O1,C1,\n", "O2,C2,\nO3,C1,\n"} {
		s, err := actito.Stage(t.Context(), actito.DataBytes("orders.csv", []byte("orderId,customerID,note\n"+rows)))
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Close() })
		parts = append(parts, s)
	}
	seq.Steps[1].Import = []actito.ImportOption{actito.InParts(parts...), actito.Keep}
	b.Fail(actitotest.OpRunOnce, actitotest.Pass(), actitotest.Pass(), actitotest.Status(400))
	var state []byte
	report, err := b.client.ETLs.RunSequence(t.Context(), seq, saving(t, &state))
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.Equal(t, actito.StepFailed, report.Step("orders").State)
	require.Len(t, report.Step("orders").Execution.Parts, 1)
	require.Len(t, b.Imports(), 2)
	return b, seq, state
}

func TestTheRestOfAStepStartsOnceMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b, seq, state := begunInPart(t)
		report, err := b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state))
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, report.Account())
		require.Len(t, b.Imports(), 4)
		b.counted(t, "Orders", 2, 0)
	})
}

func TestTheRestOfAStepDoesNotStartIfNobodyKnowsAnyMoreWhatBecameOfThoseThatItNeeds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(*bulk, *actito.Sequence)
		want  string
	}{
		"the needed step's execution is gone": {func(b *bulk, _ *actito.Sequence) {
			b.Fail(actitotest.OpExecutionGet, actitotest.Status(403))
		}, `it needs step "customers", whose state is: outcome not known`},
		"its rejects are gone":  {func(b *bulk, _ *actito.Sequence) { b.Assume(actitotest.ResultFilesMissing) }, `which rows of step "customers" were not loaded is not known`},
		"the policy is another": {func(_ *bulk, seq *actito.Sequence) { seq.Steps[1].After[0].OnRejects = actito.Stop }, "OnRejects is Stop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, seq, state := begunInPart(t)
				tt.spoil(b, &seq)
				var latest []byte
				report, err := b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state), saving(t, &latest))
				require.ErrorContains(t, err, tt.want)
				orders := report.Step("orders")
				require.Equal(t, actito.StepFailed, orders.State)
				require.Equal(t, actito.StepSkipped, report.Step("lines").State)
				require.NotNil(t, orders.Execution, "its first part was loaded")
				require.Len(t, orders.Execution.Parts, 1)
				require.Len(t, b.Imports(), 2)
				b.counted(t, "Orders", 1, 0)
				b.counted(t, "Lines", 0, 0)
			})
		})
	}
}

// stubborn is a ledger that does not free a reservation.
type stubborn struct{ actito.QuotaStore }

func (s stubborn) Settle(ctx context.Context, id string, o actito.Outcome) error {
	if o.State == actito.OutcomeFree {
		return errors.New("the ledger is full")
	}
	return s.QuotaStore.Settle(ctx, id, o)
}

func TestNothingGoesOnBehindASequenceThatCannotBeResumed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b, seq := newSequenceShop(t), sequence(actito.Continue)
		seq.Steps[0].After = nil
		seq.Steps[1], seq.Steps[2] = seq.Steps[2], seq.Steps[1]
		b.Fail(actitotest.OpRunOnce, actitotest.Times(2, actitotest.LoseAnswer()))
		var state []byte
		_, err := b.client.ETLs.RunSequence(t.Context(), seq, saving(t, &state))
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		was := stateOf(t, state)
		require.NotEmpty(t, was.Steps[2].Reserved)
		before := len(b.Requests())
		broken := newBulk(t, b.Server, actito.WithQuota(actito.Quota{Store: stubborn{actito.NewMemoryStore(time.Now)}}))
		_, err = broken.client.ETLs.ResumeSequence(t.Context(), seq, was)
		require.ErrorContains(t, err, "its reservation is not freed")
		after := len(b.Requests())
		time.Sleep(time.Hour)
		require.Len(t, b.Requests(), after, "%d before", before)
	})
}

func TestWhatAFormerRunDidIsReportedWhereTheRestCannotBeReserved(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, 10*time.Minute)).Server
		b := newBulk(t, server, actito.WithQuota(actito.Quota{Limit: 1}))
		seq := sequence(actito.WithoutOrphans)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		var state []byte
		_, err := b.client.ETLs.RunSequence(ctx, seq, saving(t, &state))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		lines := sequence(0).Steps[0]
		_, err = b.client.ETLs.RunOnce(t.Context(), *lines.Definition, lines.Import...)
		require.NoError(t, err)

		report, err := b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state))
		require.ErrorIs(t, err, actito.ErrQuotaExceeded)
		require.Equal(t, map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepWithRejects, "lines": actito.StepNotStarted}, states(report))
		require.Equal(t, actito.Account{Rows: 5, Accepted: 3, Rejected: 1, Refused: 1}, report.Account())
		require.Equal(t, 1, strings.Count(err.Error(), "table Lines"), err)
	})
}

func TestRowsThatAFormerRunHeldBackAreInDoubtOnceRejectsAreGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t, actitotest.WithImportTimes(time.Minute, 10*time.Minute))
		seq := sequence(actito.WithoutOrphans)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		var state []byte
		_, err := b.client.ETLs.RunSequence(ctx, seq, saving(t, &state))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		b.Assume(actitotest.ResultFilesMissing)
		report, err := b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state))
		require.ErrorContains(t, err, `which rows of step "customers" were not loaded is not known`)
		require.Equal(t, map[string]actito.StepState{"customers": actito.StepWithRejects, "orders": actito.StepUnknown, "lines": actito.StepSkipped}, states(report))
		require.Equal(t, actito.Account{Rows: 3, Accepted: 2, Unknown: 1}, report.Step("orders").Account())
		require.Len(t, b.Imports(), 2)
	})
}

func TestWhatWasInDoubtIsInNoOtherNumber(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		seq := sequence(actito.Continue)
		seq.Steps[2].Import = []actito.ImportOption{b.customers.Rows("customers.csv", all(annRow, bobRow), actito.Columns("customerID", "emailAddress"),
			actito.Refuse(func(c customer) (string, bool) { return "erased", c.ID == "C2" }))}
		b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		report, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		require.Equal(t, actito.Account{Rows: 2, Refused: 1, Unknown: 1}, report.Account())
	})
}

func TestAfterAResumptionAnErrorKnowsWhichFilesAreOptional(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		step := bothFiles("O1,C1\n", "L1,O1\n", true)
		step.After[0].OnRejects = actito.Continue
		step.Definition.Files[1].Optional = true
		b.FailFile("lines.csv", "broken")
		b.Assume(actitotest.FailedFilePasses)
		seq := actito.Sequence{Steps: []actito.Step{step, sequence(0).Steps[2]}}
		var state []byte
		_, err := b.client.ETLs.RunSequence(t.Context(), seq, saving(t, &state))
		var first, again *actito.ImportError
		require.ErrorAs(t, err, &first)
		require.Equal(t, []string{"lines.csv"}, first.Again())
		_, err = b.client.ETLs.ResumeSequence(t.Context(), seq, stateOf(t, state))
		require.ErrorAs(t, err, &again)
		require.Equal(t, first.Again(), again.Again())
	})
}
