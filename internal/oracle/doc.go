// Package oracle is the mathematics of cola once more: float64, plain loops, and
// nothing shared with the rest. It imports no package of cola, so that no mistake
// can be made in both places at once.
//
// It holds two derivations that meet only in their result.
//
//   - The classical gradient ([Network.Classical]): a reverse-mode differentiation of
//     the whole model with the adapters' parameters, or the base model's, as leaves
//     of the graph. It knows nothing of tuples.
//   - Gradient learning ([Network.Tuples], then [Adapter.Gradient]): the chain rule
//     written out by hand for hidden representations only, which gives a tuple (x, g)
//     at every site, and the vector–Jacobian product Jᵀg of one adapter on its own.
//
// Where they agree to 1e-12 the paper's Proposition 1 holds; `cola verify` prints how
// far they are apart, and holds the float32 code against the same two.
//
// One call looks at one participant: rows depend on nobody else's rows, so that the
// isolation of participants is how the oracle is made, not something it computes.
//
// Everything is deterministic: sums run over ascending indices.
package oracle
