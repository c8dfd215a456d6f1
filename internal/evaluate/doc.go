// Package evaluate says how good a base model and adapters for it are on examples that
// nothing was fitted to.
//
// Each participant has its own examples: those of its category, or all where the data have
// no categories. They are scored with up to four models:
//
//	base           the base model alone
//	alone          the base model with the participant's own adapters, unmerged
//	merged         W₀ + the mean of all participants' ΔW, merged after the fact
//	collaborative  W₀ + the merged update that the participants fitted together
//
// Participants share passes, each with its own adapters; no score depends on who they are.
// Over all, the examples of all participants are scored as one set.
package evaluate
