//go:build unix

package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
)

func newRandom() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }

// follow checks the writes of one row against its history.
//
// Upserts carry what was committed, and their versions never go back: a process that takes over reads what is pending
// anew, and that holds all that the dead one may have sent. Deletes carry no version. One either goes forward, to a
// delete that was committed later than what was written last, or repeats an older one, as the first half of a delete and
// an upsert that are delivered together, with an upsert behind it that is as new as the last one.
//
// An opt-out goes alone right after the refusal of an upsert that it was part of, by the same process, and once.
//
// Only another process repeats anything, or the same one that lost the lease and took it again, or what was refused and parked. Where again is true it may repeat
// anything that it sent: what an import held, and in PostgreSQL what it could not remove, since a transaction that was
// rolled back later was erasing it.
func follow(history []handed, writes []written, again bool) error {
	newest := int64(0) // version that was written
	by := ""           // who wrote last
	refused := false   // the last upsert was
	repeated := false  // an older delete was repeated: the newest must follow
	alone := false     // its opt-out was sent alone since
	for i, w := range writes {
		if w.optOut {
			if !refused || alone || by != w.worker || w.status/100 != 2 || !optedOut(history[:newest]) {
				return fmt.Errorf("write %d: an opt-out alone, answered %d, that no refused row had", i, w.status)
			}
			alone = true
			continue
		}
		alone = false
		if w.remove {
			if w.status != http.StatusNotFound && w.status/100 != 2 {
				return fmt.Errorf("write %d: a delete was answered %d", i, w.status)
			}
			forward, backward := int64(0), false
			for _, h := range history {
				if h.kind == "delete" && h.version > newest && forward == 0 {
					forward = h.version
				}
				backward = backward || h.kind == "delete" && h.version <= newest
			}
			switch {
			case backward && (by != w.worker || refused || again):
				repeated = true // or goes forward: nobody can tell
			case forward == 0:
				return fmt.Errorf("write %d: a delete that nobody committed", i)
			default:
				newest, repeated = forward, false
			}
			by = w.worker
			continue
		}
		if w.version < 1 || int(w.version) > len(history) || history[w.version-1].token != w.token {
			return fmt.Errorf("write %d: version %d was never committed like this", i, w.version)
		}
		bad := history[w.version-1].kind == "bad"
		if bad != (w.status == http.StatusBadRequest) || !bad && w.status/100 != 2 {
			return fmt.Errorf("write %d: version %d was answered %d", i, w.version, w.status)
		}
		if w.version < newest {
			return fmt.Errorf("write %d: version %d came after %d", i, w.version, newest)
		}
		if w.version == newest && by == w.worker && !repeated && !again {
			return fmt.Errorf("write %d: version %d was sent twice by one process", i, w.version)
		}
		newest, by, refused, repeated = w.version, w.worker, bad, false
	}
	return nil
}

// optedOut reports whether the hand-overs of a row end with an opt-out.
func optedOut(history []handed) bool {
	for _, h := range slices.Backward(history) {
		switch h.kind {
		case "opt-out":
			return true
		case "opt-in", "delete":
			return false
		}
	}
	return false
}

// covers reports whether a row was written at least as new as the hand-over with a token is.
func covers(history []handed, writes []written, token string) bool {
	at := slices.IndexFunc(history, func(h handed) bool { return h.token == token })
	return at >= 0 && slices.ContainsFunc(writes, func(w written) bool { return w.version >= history[at].version })
}
