// Package adapter holds what a participant owns: the auxiliary models g_w of ColA,
// how they are applied at a site, their gradient from a tuple (x, g), how the
// gradient-learning regression is solved, and what they add to a frozen weight
// when merged.
//
// Notation, as in the paper (arXiv 2404.13844): at a site with input rows x (n, in)
// and output rows h (n, out), the adapted output is ĥ = h + g_w(x), and
// g = ∂L/∂ĥ = ∂L/∂h. A tuple is (x, g). Gradient learning minimises
//
//	ℓ(w) = ½ ‖ g_w(x) − (g_w̄(x) − g) ‖²   (summed over rows, w̄ the current w)
//
// whose gradient at w = w̄ is Jᵀg, the classical gradient. It is always computed as
// that vector–Jacobian product, never from the literal quadratic, which loses
// digits where g is small.
//
// At a conv2d site x means the unfolded patches (n·Ho·Wo, C·K·K), so that every kind
// of adapter is one piece of mathematics at both kinds of site. At an embedding site x
// means the one-hot rows of token ids (n), which are never formed.
package adapter
