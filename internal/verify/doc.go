// Package verify holds cola to the mathematics that it claims: for every model here, at
// every site, it puts two gradients of an adapter's parameters beside each other.
//
//   - a, the classical gradient: a full tape of the whole model with the adapter's
//     parameters on it ([model.Base.Classical]).
//   - b, gradient learning: the tuple (x, g) that leaves an ordinary pass through the
//     sink ([model.Base.Pass]), and the adapter's own vector–Jacobian product Jᵀg from
//     it ([adapter.Adapter.Gradient]).
//
// What is printed is ‖a−b‖/‖a‖ over all parameters of one adapter at one site (Frobenius
// norm), in float32 by the product's own code on its device and in float64 by
// internal/oracle, which shares no code with it.
//
// Everything is seeded. The base model has random weights, and every parameter of every
// adapter is random and not zero (a fresh low-rank adapter has B = 0: it would pass
// nothing back to x, and every mode would agree with every other). Three participants,
// with different kinds of adapter and different numbers of rows, share one pass.
//
// # What is compared
//
//   - [Detached]: h + sg(g_w(x)), the negative control. The gradient at every site before
//     the last lacks the path through later adapters and must be wrong; at the last site it
//     must be right. Classical is the same full tape as for unmerged.
//   - [Unmerged]: h + g_w(x), every participant's rows through its own adapter.
//   - [Merged]: the pass sees W = W₀ + ΔW̄, ΔW̄ the mean of K participants' ΔW_k, and
//     no adapter. Participant k learns J_kᵀg from its own rows, with coefficient one. That
//     is the classical gradient, at w = w_k, of participant k's own loss under
//     ĥ = (W₀ + ΔW̄ − ΔW_k)·x + g_w(x): the merged model, with k's own share of the way
//     moved from the weights into its adapter. (The derivative of the sum of all losses in
//     ΔW_k would be (1/K)·Σ_j over everybody's rows, the same for every k; cola does not
//     compute it, as the paper's code does not.)
//   - [Joint]: merged with one participant, where the rule above is the plain
//     classical gradient of W₀·x + g_w(x).
//   - [Proposition1]: on original parameters θ = (W, b) of each site: the gradient of
//     ½‖f_θ(x) − (h − g)‖² from the tuple against ∂L/∂θ on the full tape.
//   - [Equation5]: ∂L/∂ĥ = ∂L/∂h = ∂L/∂Δh. By the oracle, the three gradients
//     themselves; on the device, ∂L/∂(W, b) of the layer (through h) against
//     ∂L/∂(ΔW, Δb) of a linear adapter beside it (through Δh): the same map of the two
//     sides, taken on one tape.
//   - [Isolation]: the tuples of a participant in the shared pass against those of a pass
//     on its own; the difference is the share of elements whose bits are not the same.
//   - [OracleUnmerged], [OracleMerged]: gradients learned on the device against the
//     oracle's classical ones in float64.
//   - [Quadratic]: for information. The gradient of the literal
//     ½‖g_w(x) − (g_w̄(x) − g)‖² with the target rounded, as the paper's code forms it,
//     against the vector–Jacobian product: the digits that it loses.
//
// The bounds: at most 1e-5 in float32 and 1e-12 in float64; more than 1e-2 where detached
// must be wrong; 0 for bits.
//
// A loss with ReLU and max-pool has corners, at which two roundings of one value take two
// sides. Examples are drawn until every forward pass that they take part in stays clear
// of all corners (see oracle.Network.Kinks), so that no seed fails by bad luck.
package verify
