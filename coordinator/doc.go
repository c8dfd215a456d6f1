// Package coordinator runs a job: it admits participants, opens rounds, runs one
// forward and one backward pass of the frozen base model over the aggregated batch,
// streams each participant its own tuples, merges and commits their updates, and
// recovers all of it after a crash. It never computes the gradient of a parameter.
//
// # A round
//
//	Open → Batch → pass → Tuples → (every I-th round) fit → Update → commit → Commit
//
// One goroutine, the loop, owns all state; a session's goroutines only carry messages
// to and from it. An interval (the I rounds between commits) is the unit of recovery:
// base model and adapters do not change within it, so whoever lost its tuples gets the
// same bits again from a pass over its own rows alone.
//
// # The merge rule
//
// In merged mode every participant keeps its own adapter w_k, fitted to its own rows
// only, and the base model computes with W₀ + Σ a_k ΔW_k / Σ a_k over the last
// committed update of every participant, a_k = 1 or its number of examples. For
// adapters linear in x and plain or momentum SGD that is joint training with the mean
// gradient; with Adam it is not.
//
// The sum is taken in 64-bit fixed point, which is associative: the merged bits do not
// depend on the order in which updates arrive, and an update is forgotten once added.
//
// # Text
//
// Examples of text are packed behind each other and never padded. A loss is the mean over
// predictions, the rows of logits that have a label, whose number differs from round to
// round and from participant to participant: each is normalised by its own.
//
// # The best commit
//
// A job may end with the commit whose loss on a validation set is the least. Training goes on
// from the last one all the same; which is the best is part of each commit record.
//
// # Caveats
//
// With a quorum below the number of participants, who was in time decides the result:
// the bits are then reproducible only for the same sequence of arrivals.
package coordinator
